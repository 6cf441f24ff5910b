"""The entry module: what it declares, and what it leaves alone."""

import subprocess
import sys
from importlib.metadata import entry_points

from google.generativeai import client

import embedlane_gemini_legacy
from embedlane.models.card import Lane
from embedlane.models.loading import shipped_cards
from embedlane.providers import opening

HEAVY = (
    "google.generativeai",
    "google.ai.generativelanguage",
    "google.api_core",
    "grpc",
    "requests",
    "numpy",
)


def run(code, *options):
    """What *code* prints in a process of its own."""
    command = [sys.executable, *options, "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_the_entry_module_is_light():
    """Listing models costs no import of the SDK or of what it stands on."""
    code = (
        "import sys, embedlane_gemini_legacy as plugin; plugin.embedlane_routes()\n"
        f"print(*(name for name in {HEAVY!r} if name in sys.modules))"
    )
    assert run(code) == ""


def test_the_sdks_notice_of_its_end_is_silenced_and_nothing_else():
    """The SDK can be imported where warnings are errors, and the program's filters are as before."""
    code = (
        "import warnings\n"
        "import embedlane_gemini_legacy._sync\n"
        "print([each for each in warnings.filters if 'support' in str(each)])\n"
        "try: warnings.warn('All support for something else has ended', FutureWarning)\n"
        "except FutureWarning: print('another came through')"
    )
    assert run(code, "-W", "error").splitlines() == ["[]", "another came through"]


def test_the_entry_point_is_declared():
    """An installed plugin is found under the core's group."""
    (found,) = entry_points(group="embedlane", name="gemini-legacy")
    assert found.load() is embedlane_gemini_legacy


def test_the_route_is_sync_and_below_the_new_sdk():
    """One route, in the sync lane only, with the variables in the SDK's own order."""
    (route,) = embedlane_gemini_legacy.embedlane_routes()
    assert (route.provider, route.lane, route.preference, route.concurrency) == (
        "gemini-legacy",
        Lane.SYNC,
        10,
        4,
    )
    assert route.credentials == ("GEMINI_API_KEY", "GOOGLE_API_KEY")
    assert route.install == "pip install embedlane-gemini-legacy"


def test_every_google_model_is_served_but_the_one_that_the_sdk_cant_call():
    """The route names the models of the cards, so that a model that was shut down is told to be."""
    (route,) = embedlane_gemini_legacy.embedlane_routes()
    google = {str(card.id) for card in shipped_cards() if card.id.publisher == "google"}
    assert google - {str(model) for model in route.models} == {"google:embedding-gecko-001"}
    assert {str(model) for model in route.models} <= google


def test_the_factory_opens_the_lane(context, service):
    """Both import strings of the route lead to something that works."""
    (route,) = embedlane_gemini_legacy.embedlane_routes()
    embedder = opening.open_sync(route, context(base_url=service.url))
    assert len(embedder.embed(["a"], "document").vectors) == 1
    embedder.close()
    (problem,) = opening.open_checkup(route, context(key="a b"))
    assert problem.level == "problem"


def test_the_sdk_reads_the_variables_in_the_declared_order(monkeypatch):
    """With both variables set, the plugin takes the key that the SDK itself would take."""
    (route,) = embedlane_gemini_legacy.embedlane_routes()
    first, second = route.credentials
    monkeypatch.setenv(first, "first")
    monkeypatch.setenv(second, "second")
    manager = client._ClientManager()
    manager.configure()
    assert manager.client_config["client_options"].api_key == "first"
