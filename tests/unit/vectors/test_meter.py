"""How many tokens a content has, before it is billed."""

from __future__ import annotations

import math

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from embedlane.models.card import Lane, TaskMechanism, TaskScheme
from embedlane.models.space import Space
from embedlane.text.tokens import EstimatedCounter
from embedlane.vectors import meter as module
from embedlane.vectors.charges import Charges, Origin, Usage
from embedlane.vectors.meter import ENOUGH, Basis, MeteredRows, read_meter
from embedlane.vectors.pending import Pending


@attrs.frozen
class WordCounter:
    """Counts words, as if a model did."""

    exact: bool = True

    def count(self, texts):
        """Words of each text."""
        return [len(text.split()) for text in texts]


def _read(ledger, record, card, counter):
    pending = Pending(record.id, record.bound.id)
    with ledger.read() as connection:
        found = read_meter(connection, pending, record.bound.space, card, counter, record.name, 0.0)
        sizes = MeteredRows(pending, found).sizes(connection, 0.0, 1000)
        return found, found.total(pending.lengths(connection, 0.0)), sizes


_words = st.lists(st.sampled_from(["a", "bb", "ccc", "dddd"]), min_size=1, max_size=12).map(" ".join)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(texts=st.lists(_words, max_size=12), sample=st.integers(1, 13), exact=st.booleans())
def test_the_plan_is_the_sum_of_its_rows(fill, ledger, card, texts, sample, exact):
    """Counted, sampled or estimated: jobs and budgets, which add up rows, come to what the plan says."""
    with ledger.write() as connection:
        connection.exec_driver_sql("DELETE FROM items")
        connection.exec_driver_sql("DELETE FROM indexes")
    record = fill(texts)
    counter = WordCounter() if exact else EstimatedCounter(card.characters_per_token)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "SAMPLE", sample)
        found, total, sizes = _read(ledger, record, card, counter)
    assert total == sum(tokens for _, tokens in sizes)
    if found.basis is Basis.COUNTED:
        assert total == sum(len(text.split()) for text in set(texts))
    distinct = len(set(texts))
    expected = Basis.COUNTED if distinct < sample else Basis.SAMPLED
    assert found.basis is (expected if exact and distinct else Basis.ESTIMATED)


def test_the_template_is_billed_as_well(ledger, fill, card):
    """What a space puts around each text is counted, by the tokenizer and by the card's rule."""
    scheme = TaskScheme(mechanism=TaskMechanism.PREFIX, document="two words {text}", query="q {text}")
    record = fill(["one", "or two"], bound_to=Space.of(attrs.evolve(card, tasks=scheme)))
    _, total, _ = _read(ledger, record, card, WordCounter())
    assert total == 2 + 1 + 2 + 2
    found, total, _ = _read(ledger, record, card, EstimatedCounter(4.0))
    assert found.rule == "4 characters per token, from the model's card"
    assert total == math.ceil((10 + 3) / 4) + math.ceil((10 + 6) / 4)


@pytest.mark.parametrize(
    ("rows", "estimated", "account", "basis"),
    [
        (ENOUGH, 0, "docs", Basis.CALIBRATED),
        (ENOUGH - 1, 0, "docs", Basis.ESTIMATED),
        (ENOUGH, 1, "docs", Basis.ESTIMATED),
        (ENOUGH, 0, "others", Basis.ESTIMATED),
    ],
)
def test_an_index_learns_from_its_own_bills(ledger, fill, card, rows, estimated, account, basis):
    """Enough texts, all of whose tokens the provider has named, say more than the card."""
    record = fill(["x" * 100])
    origin = Origin(provider="p", lane=Lane.SYNC, run="r", account=account, price=None)
    usage = Usage(rows=rows, characters=2000, planned=1, measured=1000, estimated=estimated)
    with ledger.write() as connection:
        Charges(record.bound.id, origin).add(connection, usage, 0.0)
    found, total, _ = _read(ledger, record, card, EstimatedCounter(4.0))
    assert found.basis is basis
    assert total == (50 if basis is Basis.CALIBRATED else 25)
    assert ("as the index was billed so far" in found.rule) is (basis is Basis.CALIBRATED)


def test_a_whole_quotient_is_not_rounded_up(ledger, fill, card):
    """The error of a float makes no token."""
    record = fill(["x" * number for number in (7, 14, 21, 1)])
    found, _, _ = _read(ledger, record, attrs.evolve(card, characters_per_token=0.7), EstimatedCounter(0.7))
    assert [found.by_rule(characters) for characters in (7, 14, 21, 1, 0)] == [10, 20, 30, 2, 1]
