"""A provider's table of the configuration, and opening the `hash` lanes with it."""

import re
from datetime import date, timedelta

import pytest

from embedlane.errors import ConfigError
from embedlane.models.card import Dimensions, Lane, ModelCard
from embedlane.models.names import ModelId
from embedlane.models.space import Space
from embedlane.providers import opening
from embedlane.providers.builtin.hash import open_batch, open_sync
from embedlane.providers.builtin.routes import ROUTES
from embedlane.providers.builtin.settings import Settings
from embedlane.providers.interfaces import OpenContext

CARD = ModelCard(
    id="local:hash", lanes=frozenset(Lane), dimensions=Dimensions(native=256, smallest=8, largest=4096)
)


def context(directory, dimensions=64, **settings):
    return OpenContext(
        provider="hash",
        card=CARD,
        space=Space.of(CARD, dimensions),
        settings=settings,
        credential=lambda: pytest.fail("no secret is needed"),
        directory=directory,
    )


def test_the_routes_open_both_lanes_in_the_wanted_size(tmp_path):
    """The import strings lead to factories; the vectors have the size of the space."""
    by_lane = {route.lane: route for route in ROUTES}
    assert by_lane.keys() == set(Lane)
    assert all(route.models == (ModelId("local", "hash"),) for route in ROUTES)
    assert {(route.preference, route.concurrency, route.credentials) for route in ROUTES} == {(0, 1, ())}
    sync = opening.open_sync(by_lane[Lane.SYNC], context(tmp_path))
    assert [len(vector) for vector in sync.embed(["text"], None).vectors] == [64]
    batch = opening.open_batch(by_lane[Lane.BATCH], context(tmp_path))
    assert (batch.directory, batch.embedder) == (tmp_path / "spool", sync)
    assert batch.space == Space.of(CARD, 64).fingerprint
    assert not (tmp_path / "spool").exists()


def test_settings_reach_the_spool(tmp_path):
    """Delay, expiry and rows come from the provider's table."""
    spool = open_batch(context(tmp_path, batch_delay=1.5, batch_expires_after=2, batch_rows=10))
    assert (spool.delay, spool.expires_after) == (1.5, timedelta(hours=2))
    assert (spool.limits.rows, spool.limits.expires_after) == (10, timedelta(hours=2))


@pytest.mark.parametrize("opener", [open_sync, open_batch])
@pytest.mark.parametrize(
    ("key", "advice"),
    [("batch_dely", "Did you mean 'batch_delay'?"), ("zzz", "It can be one of: batch_delay")],
)
def test_a_key_that_nobody_reads_is_refused(tmp_path, opener, key, advice):
    """The error names the key's path and the nearest key, or all of them."""
    with pytest.raises(ConfigError, match=rf"^providers\.hash\.{key}: there is no such setting.*") as caught:
        opener(context(tmp_path, **{key: 1}))
    assert advice in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value", "wanted"),
    [
        ("batch_delay", "soon", "a number"),
        ("batch_delay", True, "a number"),
        ("batch_delay", -1, "a finite number from 0"),
        ("batch_delay", float("nan"), "a finite number from 0"),
        ("batch_delay", float("inf"), "a finite number from 0"),
        ("batch_expires_after", date(2026, 1, 1), "a number"),
        ("batch_expires_after", 1e9, "at most 87672"),
        ("batch_rows", 1.5, "a whole number"),
        ("batch_rows", False, "a whole number"),
        ("batch_rows", 0, "a finite number from 1"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(tmp_path, key, value, wanted):
    """The error names the key's path, the value and what it should be."""
    message = (
        rf"^providers\.hash\.{key}: {re.escape(repr(value))}|{re.escape(repr(float(1)))} is not {wanted}"
    )
    with pytest.raises(ConfigError, match=message):
        open_batch(context(tmp_path, **{key: value}))


def test_texts_and_choices():
    """What plugins read beside numbers: a text that is not empty, one of some words."""
    settings = Settings("x", {"path": "here", "empty": "", "backend": "fast", "list": []})
    assert (settings.text("path"), settings.text("missing")) == ("here", None)
    assert settings.choice("missing", ("a", "b"), "b") == "b"
    assert settings.choice("backend", ("fast", "slow"), "slow") == "fast"
    for key in ("empty", "list"):
        with pytest.raises(ConfigError, match=rf"^providers\.x\.{key}: .* is not a text"):
            settings.text(key)
    for key in ("backend", "list"):
        with pytest.raises(ConfigError, match=rf"^providers\.x\.{key}: .* is not 'a' or 'b'\."):
            settings.choice(key, ("a", "b"), "a")
