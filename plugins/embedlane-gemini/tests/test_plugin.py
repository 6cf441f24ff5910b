"""The entry module: what it declares, and what it leaves alone."""

import subprocess
import sys
from datetime import date
from importlib.metadata import entry_points

import pytest

import embedlane_gemini
from embedlane.errors import CapabilityError
from embedlane.models.card import GenerationCard, Lane

HEAVY = ("google.genai", "httpx2", "numpy", "pydantic")


def test_the_entry_module_is_light():
    """Listing models costs no import of the SDK."""
    script = (
        "import embedlane_gemini, sys\n"
        "embedlane_gemini.embedlane_routes()\n"
        f"print(*(name for name in {HEAVY!r} if name in sys.modules))"
    )
    output = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert output.stdout.split() == []


def test_the_entry_point_is_declared():
    """An installed plugin is found under the core's group."""
    (found,) = entry_points(group="embedlane", name="gemini")
    assert found.load() is embedlane_gemini


def test_the_routes_serve_each_model_in_the_lanes_of_its_card(cards):
    """What is declared and what the cards say are the same."""
    sync, batch, generating = embedlane_gemini.embedlane_routes()
    assert (sync.lane, batch.lane, generating.lane) == (Lane.SYNC, Lane.BATCH, Lane.BATCH)
    for route in (sync, batch, generating):
        assert (route.provider, route.preference, route.concurrency) == ("gemini", 20, 4)
        assert route.credentials == ("GOOGLE_API_KEY", "GEMINI_API_KEY")
        assert route.install
        for model in route.models:
            assert route.lane in cards(str(model)).lanes
            assert isinstance(cards(str(model)), GenerationCard) is bool(route.form)
    assert set(batch.models) < set(sync.models)
    assert batch.turnaround.total_seconds() == generating.turnaround.total_seconds() == 24 * 3600


@pytest.mark.parametrize("lane", list(Lane))
def test_a_retired_model_is_refused_as_retired(workspaces, lane):
    """Whoever asks for text-embedding-004 hears of its end, and of a model that has the lane."""
    workspace = workspaces()
    card = next(card for card in workspace.registry.models() if card.id.model == "text-embedding-004")
    with pytest.raises(CapabilityError) as caught:
        workspace.lanes.route(card, lane)
    assert str(date(2026, 1, 14)) in caught.value.message
    assert "google:gemini-embedding-001" in caught.value.hint
