"""Choosing among the installed plugins."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedlane.errors import ConfigError
from embedlane.plugin.selection import PluginSelection

names = st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True)


@settings(deadline=None)
@given(st.sets(names), names)
def test_names_load_only_what_is_named(wanted, name):
    """An empty list loads none."""
    assert PluginSelection.parse(wanted, "x").wants(name) is (name in wanted)


@settings(deadline=None)
@given(st.sets(names, min_size=1), names)
def test_a_minus_loads_all_others(unwanted, name):
    """The minus belongs to the list's form, not to the name."""
    selection = PluginSelection.parse([f"-{each}" for each in unwanted], "x")
    assert selection.wants(name) is (name not in unwanted)


@settings(deadline=None)
@given(names)
def test_without_a_list_everything_is_wanted(name):
    """The default leaves nothing out."""
    assert PluginSelection().wants(name)


def test_spaces_and_gaps_mean_nothing():
    """As people write lists with commas."""
    assert PluginSelection.parse([" a ", "", " "], "x") == PluginSelection.parse(["a"], "x")


def test_mixing_both_forms_is_refused():
    """What it means would be a guess; the error names the place, the list and both right forms."""
    with pytest.raises(ConfigError) as caught:
        PluginSelection.parse(["a", "-b"], "EMBEDLANE_PLUGINS")
    assert caught.value.message == "EMBEDLANE_PLUGINS names plugins both with and without a minus: a, -b."
    assert "'a,b'" in caught.value.hint
    assert "'-a,-b'" in caught.value.hint
