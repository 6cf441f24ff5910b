"""Providers that a configuration makes of another's plugin."""

from __future__ import annotations

import numpy as np
import pytest

from embedlane.errors import ConfigError
from embedlane.models.card import Lane

CARD = """
[[models]]
id = "acme:words"
summary = "The hash model under a name of our own."
lanes = {lanes}
normalisation = "always"
multi_input = "list"
[models.dimensions]
native = 64
smallest = 2
matryoshka = true
"""


def table(name="shelf", kind="hash", models='["acme:words"]', more="", lanes='["sync", "batch"]'):
    """A configuration with one provider of a kind, and the card of its model."""
    named = f"models = {models}\n" if models else ""
    return f'[providers.{name}]\nkind = "{kind}"\n{named}{more}\n{CARD.format(lanes=lanes)}'


def test_a_table_with_a_kind_is_a_provider(workspace):
    """It serves the models that the table names, in both lanes of its kind, under the table's name."""
    ours = workspace(table())
    routes = ours.registry.routes("acme:words")
    assert [(route.lane, route.provider) for route in routes] == [("batch", "shelf"), ("sync", "shelf")]
    index = ours.create_index("docs", "acme:words")
    index.add([("a", "red apples"), ("b", "green pears")])
    assert index.embed("batch").jobs[0].provider == "shelf"
    assert index.search("red apples", k=1)[0].id == "a"


def test_it_embeds_as_its_kind_does(workspace):
    """What differs is the name, the address and the key; the vectors come from the kind's own code."""
    ours = workspace(table(models=""))
    with ours.embedder("local:hash", 64) as own:
        found = own.embed_query("red apples")
    assert ours.registry.routes("local:hash", Lane.SYNC)[-1].provider == "shelf"
    with workspace().embedder("local:hash", 64) as core:
        assert np.array_equal(core.embed_query("red apples"), found)


def test_a_table_of_ones_own_goes_before_the_plugins_offer(workspace):
    """Whoever sets a provider up wants it used, unless the routes say otherwise."""

    def chosen(toml):
        ours = workspace(toml)
        return ours.lanes.route(ours.registry.card("local:hash"), Lane.SYNC).provider

    assert chosen(table(models="")) == "shelf"
    assert chosen(table(models="", more='[routes."local:hash"]\nsync = "hash"')) == "hash"


def test_a_model_is_offered_in_the_lanes_of_its_card_only(workspace):
    """A server may have a batch API that one of its models is not served by."""
    routes = workspace(table(lanes='["sync"]')).registry.routes("acme:words")
    assert [route.lane for route in routes] == ["sync"]


@pytest.mark.parametrize(
    ("toml", "message", "hint"),
    [
        (
            table(kind="hush"),
            r"providers\.shelf\.kind: there is no provider 'hush'; installed are hash",
            "Correct",
        ),
        (table(name="hash"), r"providers\.hash\.kind: 'hash' is the name of an installed", "my-hash"),
        (
            '[providers.shelf]\nmodels = ["acme:words"]',
            r"providers\.shelf\.models: only a provider with",
            "kind",
        ),
        (table(models='["words"]'), r"providers\.shelf\.models\[0\]", ""),
        (table(models='"acme:words"'), r"providers\.shelf\.models", ""),
    ],
)
def test_a_table_that_cannot_be_right_is_refused(workspace, toml, message, hint):
    """The error has the path of the key and what to write instead."""
    with pytest.raises(ConfigError, match=message) as error:
        _ = workspace(toml).registry
    assert hint in error.value.hint


def test_a_model_without_a_card_is_named(workspace):
    """A table that names a model nobody describes is not passed over."""
    ours = workspace(table(models='["acme:other"]'))
    assert [(orphan.provider, str(orphan.model)) for orphan in ours.registry.orphans] == [
        ("shelf", "acme:other"),
        ("shelf", "acme:other"),
    ]


def test_no_key_is_needed_unless_one_is_named(workspace, monkeypatch):
    """A server of one's own often takes no key; one that does has it in the variable that the table names."""
    route = workspace(table()).registry.routes("acme:words")[0]
    assert workspace(table()).lanes.has_credential(route)
    monkeypatch.delenv("SHELF_KEY", raising=False)
    keyed = workspace(table(more='api_key_env = "SHELF_KEY"'))
    assert not keyed.lanes.has_credential(route)
    assert keyed.lanes.variables(route) == ("SHELF_KEY",)
