"""Gates: what may be written, and when they hold."""

from __future__ import annotations

import pytest

from embedlane.errors import UsageError
from embedlane.indexes.gates import Gate


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("ndcg@10 >= 0.98 * current", "ndcg@10 >= 0.98 * current"),
        ("NDCG@10>=.98*current", "ndcg@10 >= 0.98 * current"),
        (" mrr > current ", "mrr > 1 * current"),
        ("recall@5 >= 0.5", "recall@5 >= 0.5"),
        ("recall@100 >= 1", "recall@100 >= 1"),
    ],
)
def test_a_gate_is_read_and_told(text, told):
    """As it is told, it is read again."""
    assert str(Gate.parse(text)) == told
    assert Gate.parse(told) == Gate.parse(text)


@pytest.mark.parametrize(
    "text",
    ["", "ndcg", "ndcg@0 >= 1", "ndcg@10 < 1", "map@3 > 0.1", "mrr >= -1", "mrr >= 0.5 * old", "mrr >= 2"],
)
def test_what_is_no_gate(text):
    """It says what to write, or why it could never hold."""
    with pytest.raises(UsageError, match=r"is no gate|can never hold"):
        Gate.parse(text)


@pytest.mark.parametrize(
    ("text", "old", "new", "holds"),
    [
        ("mrr >= 0.5 * current", 0.8, 0.4, True),
        ("mrr > 0.5 * current", 0.8, 0.4, False),
        ("mrr >= 0.5 * current", 0.8, 0.39, False),
        ("mrr >= 0.5", 0.9, 0.5, True),
        ("mrr > 0.5", 0.9, 0.5, False),
        ("mrr >= current", 0.0, 0.0, True),
    ],
)
def test_when_it_holds(text, old, new, holds):
    """Compared with a number, or with a share of what the serving generation reaches."""
    assert Gate.parse(text).holds(old, new) is holds
