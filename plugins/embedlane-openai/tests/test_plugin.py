"""The entry module: what it declares, and what it leaves alone."""

import subprocess
import sys
from importlib.metadata import entry_points

import embedlane_openai
from embedlane.models.card import Lane

HEAVY = ("openai", "httpx", "numpy", "tiktoken", "orjson")


def test_the_entry_module_is_light():
    """Listing models costs no import of the SDK."""
    script = (
        "import embedlane_openai, sys\n"
        "embedlane_openai.embedlane_routes()\n"
        f"print(*(name for name in {HEAVY!r} if name in sys.modules))"
    )
    output = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert output.stdout.split() == []


def test_the_entry_point_is_declared():
    """An installed plugin is found under the core's group."""
    (found,) = entry_points(group="embedlane", name="openai")
    assert found.load() is embedlane_openai


def test_the_routes_serve_each_model_in_the_lanes_of_its_card(cards):
    """What is declared and what the cards say are the same."""
    routes = [route for route in embedlane_openai.embedlane_routes() if route.provider == "openai"]
    assert [route.lane for route in routes] == [Lane.SYNC, Lane.BATCH]
    for route in routes:
        assert route.credentials == ("OPENAI_API_KEY",)
        assert route.install
        assert len(route.models) == 3
        for model in route.models:
            assert route.lane in cards(str(model)).lanes
    assert routes[1].turnaround.total_seconds() == 24 * 3600


def test_a_server_of_ones_own_has_no_models_and_needs_no_key():
    """Both come from the user's table."""
    routes = [route for route in embedlane_openai.embedlane_routes() if route.provider != "openai"]
    assert [(route.provider, route.lane) for route in routes] == [
        ("openai-compatible", Lane.SYNC),
        ("openai-compatible", Lane.BATCH),
    ]
    assert {(route.models, route.credentials, route.counter) for route in routes} == {((), (), "")}
