"""The registry: who declares what, and what happens when they disagree."""

import attrs
import pytest

from embedlane.errors import CapabilityError, PluginError, UnknownNameError, UsageError
from embedlane.models.card import Dimensions, GenerationCard, Lane, ModelCard, Price
from embedlane.models.loading import shipped_cards
from embedlane.models.names import ModelId
from embedlane.models.registry import Registry
from embedlane.providers.route import Route

ONE = ModelCard(id="acme:one", lanes=["sync", "batch"], dimensions=Dimensions(native=8))
TWO = attrs.evolve(ONE, id="acme:two")
DEARER = attrs.evolve(ONE, price=Price(sync=1.0), summary="Another.")


def route(provider="rocket", lane="sync", models=("acme:one",), factory="rocket:open"):
    return Route(provider=provider, models=models, lane=lane, factory=factory)


def test_cards_are_found_by_text_and_by_id():
    """A card is asked for by its name, as text or as an id."""
    registry = Registry.build([("core", [ONE, TWO])])
    assert registry.card("acme:two") is TWO
    assert registry.card(ModelId("acme", "one")) is ONE


def test_models_are_sorted_by_name():
    """The order of declaration does not show."""
    registry = Registry.build([("b", [TWO]), ("a", [ONE])])
    assert registry.models() == (ONE, TWO)
    assert registry.owners("acme:two") == ("b",)


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("google:gemini-embeding-001", "'google:gemini-embedding-001'"),
        ("gemini-embedding-001", "'google:gemini-embedding-001'"),
        ("openai:all-minilm-l6-v2", "'local:all-minilm-l6-v2'"),
        ("text-embedding-3-smal", "'openai:text-embedding-3-small'"),
    ],
)
def test_an_unknown_model_lists_near_misses(name, near):
    """A slip, a missing publisher and a wrong publisher are all answered with what was meant."""
    registry = Registry.build([("core", shipped_cards())])
    with pytest.raises(UnknownNameError) as caught:
        registry.card(name)
    assert caught.value.message == f"There is no model {name!r}."
    assert near in caught.value.hint
    assert caught.value.hint.endswith("`embedlane models list` shows them all.")


def test_an_id_that_can_not_be_one_is_refused_as_such():
    """A colon without a model is a mistake in the id, not an unknown model."""
    with pytest.raises(UsageError, match="is not a model id"):
        Registry.build([("core", [ONE])]).card("acme:")


def test_equal_cards_of_two_owners_are_one():
    """A plugin may repeat what the core says."""
    registry = Registry.build([("core", [ONE]), ("rocket-plugin", [attrs.evolve(ONE)])])
    assert registry.conflicts == ()
    assert registry.models() == (ONE,)
    assert registry.owners("acme:one") == ("core", "rocket-plugin")


@pytest.mark.parametrize("swap", [False, True])
def test_different_cards_are_refused_when_asked_for(swap):
    """A conflict names both owners and what differs, in either order of installation."""
    groups = [("core", [ONE, TWO]), ("rocket-plugin", [DEARER])]
    registry = Registry.build(reversed(groups) if swap else groups, [("core", route())])
    for ask in (registry.card, registry.routes):
        with pytest.raises(PluginError) as caught:
            ask("acme:one")
        assert caught.value.message == (
            "acme:one is declared differently by core and by rocket-plugin (summary, price)."
        )
        assert "`override = true`" in caught.value.hint
    assert [str(conflict.model) for conflict in registry.conflicts] == ["acme:one"]


def test_a_conflict_breaks_only_its_own_model():
    """Other models can be asked for and listed; the contested one still has owners."""
    registry = Registry.build([("core", [ONE, TWO]), ("rocket-plugin", [DEARER])])
    assert registry.card("acme:two") is TWO
    assert registry.models() == (TWO,)
    assert registry.owners("acme:one") == ("core", "rocket-plugin")


def test_an_owner_can_contradict_itself():
    """Two cards of one model in one file are a conflict too."""
    registry = Registry.build([("embedlane.toml", [ONE, DEARER])])
    with pytest.raises(PluginError, match=r"declared differently twice by embedlane\.toml"):
        registry.card("acme:one")


def test_a_configuration_without_override_is_a_conflict():
    """The user's card does not win by being the user's."""
    registry = Registry.build([("core", [ONE]), ("embedlane.toml", [DEARER])])
    with pytest.raises(PluginError, match=r"by core and by embedlane\.toml"):
        registry.card("acme:one")


def test_an_override_takes_the_place_of_all_others():
    """A marked card settles a conflict, and is the only one that counts."""
    groups = [("core", [ONE]), ("rocket-plugin", [attrs.evolve(ONE, revision="2")])]
    registry = Registry.build(groups, overrides=[("embedlane.toml", DEARER)])
    assert registry.conflicts == ()
    assert registry.card("acme:one") is DEARER
    assert registry.owners("acme:one") == ("embedlane.toml",)


def test_two_overrides_of_one_model_are_a_conflict():
    """Two marked cards settle nothing."""
    registry = Registry.build([], overrides=[("embedlane.toml", ONE), ("embedlane.toml", DEARER)])
    with pytest.raises(PluginError, match="twice by"):
        registry.card("acme:one")


def test_routes_are_found_by_model_and_lane():
    """Routes are sorted by lane and provider, and a model without any has none."""
    routes = [route("z"), route("a"), route("z", "batch")]
    registry = Registry.build([("core", [ONE, TWO])], [("plugin", each) for each in routes])
    assert registry.routes("acme:one") == (routes[2], routes[1], routes[0])
    assert registry.routes(ONE.id, Lane.SYNC) == (routes[1], routes[0])
    assert registry.routes("acme:two") == ()


def test_routes_of_an_unknown_model_are_refused():
    """No routes and no model are two different answers."""
    with pytest.raises(UnknownNameError):
        Registry.build([("core", [ONE])]).routes("acme:other")


def test_equal_routes_are_one():
    """The same route from two owners is not a choice."""
    registry = Registry.build([("core", [ONE])], [("a", route()), ("b", route())])
    assert registry.routes("acme:one") == (route(),)


def test_two_routes_under_one_name_are_refused_when_asked_for():
    """Two owners that serve one lane of a model under one provider's name are a conflict; the card is not."""
    routes = [("plugin-a", route()), ("plugin-b", route(factory="other:open"))]
    registry = Registry.build([("core", [ONE])], routes)
    assert registry.card("acme:one") is ONE
    assert registry.models() == (ONE,)
    with pytest.raises(
        PluginError, match=r"by plugin-a and by plugin-b \(sync route of provider rocket\)"
    ) as caught:
        registry.routes("acme:one")
    assert "override" not in caught.value.hint


def test_a_route_without_a_card_is_an_orphan():
    """It is reported with its owner, and told to whoever asks for the model."""
    registry = Registry.build([("core", [ONE])], [("rocket-plugin", route(models=("acme:one", "acme:new")))])
    (orphan,) = registry.orphans
    assert str(orphan) == (
        "the sync route of provider rocket (from rocket-plugin) serves acme:new, which has no card"
    )
    with pytest.raises(UnknownNameError, match="There is no card of the model 'acme:new'") as caught:
        registry.card("acme:new")
    assert "rocket-plugin" in caught.value.message
    assert "embedlane.toml" in caught.value.hint
    with pytest.raises(UnknownNameError, match="There is no model 'acme:other'"):
        registry.card("acme:other")


WRITER = GenerationCard(id="acme:writer", lanes=["batch"])


def test_models_that_embed_and_that_generate_are_kept_apart():
    """Each is asked for as what it is; as the other it is refused, with the command that uses it."""
    registry = Registry.build(
        [("core", [ONE, WRITER])], [("r", route(models=("acme:writer",), lane="batch"))]
    )
    assert (registry.models(), registry.generators()) == ((ONE,), (WRITER,))
    assert registry.generator("acme:writer") is registry.any_card("acme:writer") is WRITER
    assert [each.provider for each in registry.routes("acme:writer")] == ["rocket"]
    with pytest.raises(CapabilityError, match="generates text; it embeds nothing") as caught:
        registry.card("acme:writer")
    assert "embedlane generate run" in caught.value.hint
    with pytest.raises(CapabilityError, match="embeds; it generates no text"):
        registry.generator("acme:one")


def test_a_model_that_is_said_to_do_both_is_a_conflict():
    """Whoever asks for it hears of both owners."""
    registry = Registry.build([("a", [attrs.evolve(WRITER, id="acme:one")]), ("b", [ONE])])
    assert registry.models() == registry.generators() == ()
    with pytest.raises(PluginError, match=r"by a and by b \(what it does: embed or generate\)"):
        registry.any_card("acme:one")
