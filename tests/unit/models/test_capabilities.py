"""What a model can't do: each refusal and its next command."""

from datetime import date

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedlane.errors import CapabilityError
from embedlane.models.capabilities import require_alive, require_dimensions, require_lane
from embedlane.models.card import Dimensions, Lane, Lifecycle, ModelCard
from embedlane.models.loading import known_plugins, shipped_cards
from embedlane.models.registry import Registry
from embedlane.providers.route import Route

CARDS = shipped_cards()
BEFORE = date(2025, 12, 1)
TODAY = date(2026, 11, 21)
LEGACY = Route(
    provider="gemini-legacy",
    models=["google:gemini-embedding-001", "google:text-embedding-004"],
    lane="sync",
    factory="legacy:open",
)
GEMINI = attrs.evolve(LEGACY, provider="gemini", lane="batch", models=["google:gemini-embedding-001"])


def registry(*routes, cards=CARDS):
    return Registry.build([("core", cards)], [("plugin", route) for route in routes], plugins=known_plugins())


def refused(model, lane, *routes, today=TODAY, cards=CARDS):
    known = registry(*routes, cards=cards)
    with pytest.raises(CapabilityError) as caught:
        require_lane(known.card(model), Lane(lane), known, today)
    return caught.value


def test_a_lane_that_is_served_returns_its_routes():
    """All is well where the service has the lane and a provider is installed."""
    known = registry(LEGACY, GEMINI)
    card = known.card("google:gemini-embedding-001")
    assert require_lane(card, Lane.BATCH, known, TODAY) == (GEMINI,)
    assert require_lane(card, Lane.SYNC, known, TODAY) == (LEGACY,)


def test_a_model_without_the_lane_names_the_other_lane_and_the_models_that_have_it():
    """While it lives, the model's own lane is the first advice; the successor leads the models."""
    error = refused("google:text-embedding-004", "batch", LEGACY, today=BEFORE)
    assert error.message == "google:text-embedding-004 has no batch lane, only sync."
    assert error.hint == (
        "Run `embedlane embed NAME --lane sync`. google:gemini-embedding-001, google:gemini-embedding-2 and "
        "google:gemini-embedding-2-preview have it. `embedlane models list --lane batch` shows every model "
        "that has it."
    )


def test_a_retired_model_without_the_lane_is_not_advised_for_its_other_lane():
    """After its shutdown both reasons are said, and no lane of it is advised, nor a retired neighbour."""
    error = refused("google:text-embedding-004", "batch", LEGACY)
    assert error.message == (
        "google:text-embedding-004 has no batch lane, only sync, and it was shut down on 2026-01-14."
    )
    assert error.hint.startswith("google:gemini-embedding-001 and google:gemini-embedding-2 have it.")
    assert "--lane sync" not in error.hint
    assert "preview" not in error.hint


def test_a_lonely_model_without_the_lane_names_the_list():
    """Where no model of the publisher has the lane, the list of all is left."""
    card = ModelCard(id="acme:one", lanes=["batch"], dimensions=Dimensions(native=8))
    error = refused("acme:one", "sync", cards=[card, *CARDS])
    assert error.message == "acme:one has no sync lane, only batch."
    assert error.hint == (
        "Run `embedlane embed NAME --lane batch`. "
        "`embedlane models list --lane sync` shows every model that has it."
    )


def test_one_alternative_reads_well():
    """One model has it, several have it."""
    one = ModelCard(id="acme:one", lanes=["sync"], dimensions=Dimensions(native=8))
    two = attrs.evolve(one, id="acme:two", lanes=["sync", "batch"])
    assert "acme:two has it." in refused("acme:one", "batch", cards=[one, two]).hint


def test_the_successor_leads_the_models_that_have_the_lane():
    """What the publisher recommends comes before the alphabet."""
    one = ModelCard(
        id="acme:one",
        lanes=["sync"],
        dimensions=Dimensions(native=8),
        lifecycle=Lifecycle(successor="acme:two"),
    )
    others = [attrs.evolve(one, id=f"acme:{name}", lanes=["sync", "batch"]) for name in ("a", "b", "two")]
    assert "acme:two, acme:a and acme:b have it." in refused("acme:one", "batch", cards=[one, *others]).hint


def test_a_retired_model_is_refused_with_its_successor():
    """Embedding with a model that was shut down is refused, whatever is installed."""
    error = refused("google:text-embedding-004", "sync", LEGACY)
    assert error.message == "google:text-embedding-004 was shut down on 2026-01-14."
    assert "google:gemini-embedding-001" in error.hint
    assert "`embedlane index create NAME --model google:gemini-embedding-001`" in error.hint


def test_a_retired_model_without_successor_names_the_list():
    """Without a successor the list of living models is the advice."""
    card = ModelCard(
        id="acme:one", lanes=["sync"], dimensions=Dimensions(native=8), lifecycle=Lifecycle(retires=TODAY)
    )
    with pytest.raises(CapabilityError, match="was shut down on 2026-11-21") as caught:
        require_alive(card, TODAY)
    assert "`embedlane models list`" in caught.value.hint
    require_alive(card, BEFORE)


@pytest.mark.parametrize(
    ("model", "lane", "install"),
    [
        ("google:gemini-embedding-001", "batch", "`pip install embedlane-gemini`."),
        (
            "google:gemini-embedding-001",
            "sync",
            "`pip install embedlane-gemini` or `pip install embedlane-gemini-legacy`.",
        ),
        ("local:all-minilm-l6-v2", "sync", "`pip install embedlane-minilm`."),
    ],
)
def test_a_lane_without_provider_names_the_plugin(model, lane, install):
    """The command that installs a provider of that lane is the advice."""
    error = refused(model, lane)
    assert error.message == f"No installed provider serves {model} in the {lane} lane."
    assert error.hint == f"Run {install}"


def test_a_lane_without_provider_also_names_a_lane_that_is_served():
    """What is installed may serve the other lane; then that is a way out too."""
    error = refused("google:gemini-embedding-001", "batch", LEGACY)
    assert error.hint == (
        "Run `pip install embedlane-gemini`. Or use the sync lane, which gemini-legacy serves: "
        "`embedlane embed NAME --lane sync`."
    )
    both = refused("google:gemini-embedding-001", "batch", LEGACY, attrs.evolve(LEGACY, provider="gemini"))
    assert "which gemini and gemini-legacy serve:" in both.hint


def test_a_lane_that_nobody_is_known_to_serve_names_the_plugins_command():
    """For a model of the user's own there is nothing to install."""
    card = ModelCard(id="acme:one", lanes=["sync"], dimensions=Dimensions(native=8))
    assert refused("acme:one", "sync", cards=[card]).hint == "`embedlane plugins` shows what is installed."


@pytest.mark.parametrize(
    ("model", "size", "message", "hint"),
    [
        (
            "google:gemini-embedding-001",
            4096,
            "can't give 4096 dimensions; it gives 128 to 3072.",
            "Nearest is `--dimensions 3072`; recommended are 768, 1536 and 3072.",
        ),
        (
            "google:gemini-embedding-001",
            64,
            "can't give 64 dimensions; it gives 128 to 3072.",
            (
                "Nearest is `--dimensions 128`; recommended are 768, 1536 and 3072; "
                "3072 is what it gives when nothing is asked for."
            ),
        ),
        (
            "openai:text-embedding-ada-002",
            768,
            "can't give 768 dimensions; it gives 1536.",
            "Nearest is `--dimensions 1536`.",
        ),
        (
            "local:hash",
            0,
            "can't give 0 dimensions; it gives 8 to 4096.",
            "Nearest is `--dimensions 8`; 256 is what it gives when nothing is asked for.",
        ),
    ],
)
def test_a_size_that_is_not_to_be_had_names_the_nearest(model, size, message, hint):
    """The refusal gives the range, the nearest size and what is recommended."""
    with pytest.raises(CapabilityError) as caught:
        require_dimensions(registry().card(model), size)
    assert caught.value.message == f"{model} {message}"
    assert caught.value.hint == hint


@settings(deadline=None)
@given(st.sampled_from(CARDS), st.none() | st.integers(-10, 5000))
def test_a_size_is_returned_or_refused(card, size):
    """What comes back is the size that was asked for, or the native one if none was."""
    if size is None:
        assert require_dimensions(card, size) == card.dimensions.native
    elif card.dimensions.allows(size):
        assert require_dimensions(card, size) == size
    else:
        with pytest.raises(CapabilityError):
            require_dimensions(card, size)
