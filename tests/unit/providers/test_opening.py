"""Opening a route."""

import sys
import types
from pathlib import Path

import pytest

from embedlane.errors import CredentialError, MissingDependencyError, PluginError
from embedlane.models.card import Dimensions, Lane, ModelCard
from embedlane.models.space import Space
from embedlane.providers.interfaces import OpenContext
from embedlane.providers.opening import open_batch, open_counter, open_sync
from embedlane.providers.route import Route
from embedlane.text.tokens import EstimatedCounter

CARD = ModelCard(
    id="acme:one", lanes=["sync", "batch"], dimensions=Dimensions(native=2), characters_per_token=3.0
)
CONTEXT = OpenContext(
    provider="acme",
    card=CARD,
    space=Space.of(CARD),
    settings={},
    credential=lambda: "secret",
    directory=Path("unused"),
)


def fail(context):
    raise KeyError("endpoint")


def refuse(context):
    raise CredentialError("No key.", "Set ACME_KEY.")


def need_sdk(context):
    import a_module_that_nobody_has  # noqa: F401


@pytest.fixture
def route(monkeypatch):
    """Make routes whose factory is a function of a module that exists for this test only."""
    module = types.ModuleType("acme_for_opening")
    module.opened = lambda context: ("opened", context)
    module.nothing = lambda context: None
    module.fail, module.refuse, module.need_sdk = fail, refuse, need_sdk
    monkeypatch.setitem(sys.modules, module.__name__, module)

    def make(function="opened", **fields):
        fields = {"factory": f"acme_for_opening:{function}"} | fields
        return Route(provider="acme", models=["acme:one"], lane=Lane.SYNC, **fields)

    return make


@pytest.mark.parametrize("open_lane", [open_sync, open_batch])
def test_the_factory_gets_the_context(route, open_lane):
    """Both lanes call what the import string names with the context, and hand out what it returns."""
    assert open_lane(route(), CONTEXT) == ("opened", CONTEXT)


@pytest.mark.parametrize("open_lane", [open_sync, open_batch])
def test_a_missing_sdk_prints_what_to_install(route, open_lane):
    """The error names the provider and the module, and the hint is the install line."""
    with pytest.raises(MissingDependencyError) as caught:
        open_lane(route("need_sdk", install="pip install 'acme[sdk]'"), CONTEXT)
    assert caught.value.message == (
        "Provider acme can't be opened: No module named 'a_module_that_nobody_has'."
    )
    assert caught.value.hint == "Run: pip install 'acme[sdk]'"


def test_a_missing_sdk_without_install_line_points_to_the_readme(route):
    """There is always a next step."""
    with pytest.raises(MissingDependencyError, match="plugin's README"):
        open_sync(route("need_sdk"), CONTEXT)


@pytest.mark.parametrize(
    ("function", "found"),
    [
        ("fail", r"failed to open \(acme_for_opening:fail\): KeyError: 'endpoint'"),
        ("absent", r"failed to open \(acme_for_opening:absent\): AttributeError"),
        ("nothing", r"failed to open: acme_for_opening:nothing gave None"),
    ],
)
def test_a_factory_that_fails_is_the_plugins_fault(route, function, found):
    """The error names provider, factory and cause, and where the plugin is listed."""
    with pytest.raises(PluginError, match=found) as caught:
        open_sync(route(function), CONTEXT)
    assert caught.value.message.startswith("Provider acme ")
    assert "`embedlane plugins`" in caught.value.hint


def test_an_error_of_the_tree_passes_unchanged(route):
    """A factory that says what is wrong is not talked over."""
    with pytest.raises(CredentialError, match="Set ACME_KEY"):
        open_sync(route("refuse"), CONTEXT)


def test_a_counter_is_opened_like_a_lane(route):
    """The route's counter is used where it has one."""
    assert open_counter(route(counter="acme_for_opening:opened"), CONTEXT) == ("opened", CONTEXT)
    with pytest.raises(MissingDependencyError):
        open_counter(route(counter="acme_for_opening:need_sdk"), CONTEXT)


def test_without_a_counter_tokens_are_estimated(route):
    """The card's rule counts where no route or no counter is at hand."""
    for without in (None, route()):
        assert open_counter(without, CONTEXT) == EstimatedCounter(3.0)
