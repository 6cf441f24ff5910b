"""What a suite is told."""

from types import ModuleType

import pytest

from embedlane.errors import UsageError
from embedlane.models.card import Dimensions, Lane, ModelCard
from embedlane.providers.route import Route
from embedlane.testing.subject import SECRET, Subject

CARD = ModelCard(id="acme:words", lanes={"sync", "batch"}, dimensions=Dimensions(native=8))


def route(provider="acme", lane="sync", models=("acme:words",)):
    """A route that leads nowhere."""
    return Route(provider=provider, lane=lane, models=models, factory="a:b")


def plugin(*routes, cards=(CARD,)):
    """An entry module that declares *routes*."""
    module = ModuleType("acme")
    module.embedlane_routes = lambda: routes
    module.embedlane_models = lambda: iter(cards)
    return module


def test_routes_and_card_are_those_of_the_plugin():
    """The lanes that the plugin has are found by the model's name."""
    subject = Subject.of(plugin(route(), route(lane="batch"), route(models=["acme:other"])), "acme:words")
    assert subject.card is CARD
    assert subject.route(Lane.SYNC) == route()
    assert subject.route(Lane.BATCH) == route(lane="batch")


def test_a_card_of_the_core_needs_no_declaration():
    """Nor does one that is given."""
    shipped = Subject.of(plugin(route(models=["local:hash"]), cards=()), "local:hash")
    assert str(shipped.card.id) == "local:hash"
    assert Subject.of(plugin(route(), cards=()), "acme:words", card=CARD).card is CARD


def test_a_route_without_models_serves_every_model():
    """A kind of provider has the models that a user's configuration gives it."""
    subject = Subject.of(plugin(route(models=[])), "acme:words")
    assert subject.sync == route()


def test_a_provider_is_chosen_among_several():
    """Without a choice they are named."""
    module = plugin(route(), route("other"))
    assert Subject.of(module, "acme:words", provider="other").sync == route("other")
    with pytest.raises(UsageError, match=r"2 providers.*acme, other"):
        Subject.of(module, "acme:words")


@pytest.mark.parametrize(("model", "words"), [("acme:none", "0 providers"), ("acme:cardless", "no card")])
def test_what_is_missing_is_named(model, words):
    """A model without a route, and one without a card."""
    with pytest.raises(UsageError, match=words):
        Subject.of(plugin(route(models=["acme:cardless"])), model)


def test_a_lane_that_is_not_there_is_refused():
    """With what to do about it."""
    with pytest.raises(UsageError, match=r"no route for acme:words in the batch lane.*leave the suite"):
        Subject(card=CARD, sync=route()).route(Lane.BATCH)


@pytest.mark.parametrize(
    ("settings", "url"),
    [({}, ""), ({"base_url": "http://x/v1"}, "http://x/v1"), ({"base_url": 3}, ""), ({"url": "y"}, "")],
)
def test_the_url_is_the_setting_of_that_name(settings, url):
    """Whatever else the setting may be, it is no URL."""
    assert Subject(card=CARD, settings=settings).url == url


def test_the_setting_of_the_url_may_have_another_name():
    """Not every plugin calls it base_url."""
    assert Subject(card=CARD, settings={"url": "http://x"}, address="url").url == "http://x"


def test_the_secret_shows_in_no_failure():
    """A subject stands in pytest's reports, which would hide what the rule about secrets finds."""
    assert SECRET not in repr(Subject(card=CARD))
