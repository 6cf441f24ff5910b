"""The rules as an author reads them."""

from pathlib import Path

import pytest

from embedlane.testing import BatchEmbedderSuite, PluginSuite, SyncEmbedderSuite
from embedlane.testing.suite import first_line, rules_of

PAGE = Path(__file__).parents[3] / "docs" / "plugins" / "testing.md"
SUITES = (PluginSuite, SyncEmbedderSuite, BatchEmbedderSuite)


@pytest.mark.parametrize("suite", SUITES)
def test_every_rule_is_a_sentence(suite):
    """It begins with a capital or code, ends with a full stop, and stands on one line."""
    for name, rule in rules_of(suite).items():
        sentence = first_line(rule)
        assert sentence.endswith("."), name
        assert sentence[0].isupper() or sentence[0] == "`", name
        assert rule.__doc__.count("\n") == 0, name


@pytest.mark.parametrize("suite", SUITES)
def test_every_rule_is_documented(suite):
    """Each has a row on the page about testing."""
    page = PAGE.read_text(encoding="utf-8")
    assert [name for name in rules_of(suite) if f"| `{name}` |" not in page] == []


def test_what_an_author_may_set_is_documented():
    """The attributes of the batch suite are named on the page, with their defaults."""
    page = PAGE.read_text(encoding="utf-8")
    for name in ("many_rows", "more_than_a_page", "patience"):
        assert f"`{name}` ({getattr(BatchEmbedderSuite, name):g})" in page
