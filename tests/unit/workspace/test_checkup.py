"""What the doctor finds."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime, timedelta
from types import ModuleType

import attrs
import pytest

from embedlane.errors import PluginError
from embedlane.jobs.states import JobEvent
from embedlane.models.card import Dimensions, Lane, ModelCard
from embedlane.plugin.discovery import BrokenPlugin
from embedlane.providers.route import Route
from embedlane.providers.values import Observation
from embedlane.text.hashing import content_hash
from embedlane.vectors.archive import Archive, Refused
from embedlane.vectors.charges import Origin

_TODAY = date(2026, 6, 1)


def _card(name="test:card", **values):
    return ModelCard(id=name, lanes=["sync"], dimensions=Dimensions(native=8), **values)


def _route(provider="service", models=("test:card",), **values):
    return Route(provider=provider, models=models, lane="sync", factory="nowhere:open", **values)


@pytest.fixture
def doctor(workspace):
    """A function that opens a workspace with declarations of plugins, and returns it with its findings."""

    def doctor(cards=(), routes=(), broken=(), toml=""):
        opened = workspace(toml, clock=lambda: datetime(2026, 6, 1, tzinfo=UTC).timestamp())
        declared = attrs.evolve(
            opened.plugins.declarations(),
            models=tuple((f"owner{n}", (card,)) for n, card in enumerate(cards)),
            routes=tuple((f"owner{n}", (route,)) for n, route in enumerate(routes)),
            broken=tuple(broken),
        )
        object.__setattr__(opened._catalogue, "declarations", declared)
        return opened, lambda: {finding.subject: finding for finding in opened.doctor()}

    return doctor


def test_a_healthy_workspace_is_fine(doctor):
    """Everything that was looked at is ok, and no ledger is made."""
    opened, findings = doctor()
    assert {finding.level for finding in findings().values()} == {"ok"}
    assert findings()["provider hash"].message == "needs no key"
    assert not opened.has_ledger


def test_a_broken_plugin_is_a_problem(doctor):
    """Its distribution, version and reason are named, and how to do without it."""
    broken = BrokenPlugin(name="bad", distribution="embedlane-bad", version="1.2", reason="no module 'x'")
    finding = doctor(broken=[broken])[1]()["plugin bad"]
    assert finding.level == "problem"
    assert finding.message == "embedlane-bad 1.2: no module 'x'"
    assert "EMBEDLANE_PLUGINS=-bad" in finding.hint


def test_a_conflict_is_a_problem_and_stops_nothing_else(doctor):
    """Two cards, or two routes, of one model are found; the doctor and the default model go on."""
    opened, findings = doctor(
        cards=[_card(), _card(revision="2"), _card("test:other")],
        routes=[_route(models=("test:other",)), _route(models=("test:other",), concurrency=9)],
    )
    found = findings()
    assert found["model test:card"].level == found["model test:other"].level == "problem"
    assert found["provider hash"].level == "ok"
    assert str(opened.default_model()) == "local:hash"
    with pytest.raises(PluginError):
        opened.create_index("docs", "test:card")


def test_a_route_without_a_card_is_a_warning(doctor):
    """The model is named."""
    assert doctor(routes=[_route(models=("test:lost",))])[1]()["model test:lost"].level == "warning"


@pytest.mark.parametrize(("secret", "level"), [("", "warning"), ("s3cret", "ok")])
def test_keys_are_looked_for(doctor, monkeypatch, secret, level):
    """A missing one is a warning that names the variables; one that is set is not shown."""
    monkeypatch.setenv("TEST_SERVICE_KEY", secret)
    finding = doctor(cards=[_card()], routes=[_route(credentials=("TEST_SERVICE_KEY",))])[1]()[
        "provider service"
    ]
    assert finding.level == level
    assert ("TEST_SERVICE_KEY" in finding.hint) is (level == "warning")
    assert "s3cret" not in str(finding)


def _card_toml(more="", revision="1"):
    return (
        f'[[models]]\nid = "test:card"\nrevision = "{revision}"\nlanes = ["sync"]\n{more}'
        "[models.dimensions]\nnative = 8\n"
    )


@pytest.mark.parametrize(
    ("toml", "level", "words"),
    [
        (_card_toml(), "ok", "bound to test:card @ 8"),
        (_card_toml(revision="2"), "problem", "bound to another space"),
        ("", "problem", "'test:card'"),
        (_card_toml(f"[models.lifecycle]\nretires = {_TODAY}\n"), "problem", "was shut down"),
        (
            _card_toml(f"[models.lifecycle]\nretires = {_TODAY + timedelta(180)}\n"),
            "warning",
            "may be shut down",
        ),
        (_card_toml(f"[models.lifecycle]\nretires = {_TODAY + timedelta(181)}\n"), "ok", "bound to"),
    ],
    ids=["fine", "changed", "gone", "retired", "soon", "later"],
)
def test_the_models_of_indexes_are_looked_at(doctor, toml, level, words):
    """An index is judged by what its model's card says today."""
    doctor(toml=_card_toml())[0].create_index("docs", "test:card")
    finding = doctor(toml=toml, routes=[_route()])[1]()["index docs"]
    assert finding.level == level
    assert words in finding.message


def test_an_index_that_nothing_installed_can_embed_for_is_a_warning(doctor):
    """Its vectors are safe, but it can't be searched."""
    doctor(toml=_card_toml())[0].create_index("docs", "test:card")
    finding = doctor(toml=_card_toml())[1]()["index docs"]
    assert (finding.level, finding.message) == (
        "warning",
        "No installed provider serves test:card in the sync lane.",
    )


def test_a_successor_is_recommended(doctor):
    """The publisher's own advice is the hint."""
    doctor(toml=_card_toml())[0].create_index("docs", "test:card")
    more = f'[models.lifecycle]\nretires = {_TODAY}\nsuccessor = "test:next"\n'
    assert "test:next" in doctor(toml=_card_toml(more))[1]()["index docs"].hint


def test_contents_that_were_refused_for_good_are_told(doctor):
    """They are found by no search, so somebody should know; what is tried again by itself is not told."""
    opened, findings = doctor()
    index = opened.create_index("docs")
    index.add([("a", "one text"), ("b", "another")])
    bound = index.record.bound
    origin = Origin(provider="hash", lane=Lane.SYNC, run="run", account="docs", price=None)
    with opened.ledger.write() as connection:
        refused = [
            Refused(content_hash("one text"), "too-long", "no"),
            Refused(content_hash("another"), "busy", "later", retryable=True),
        ]
        Archive(bound).refuse(connection, refused, origin, 0.0)
    finding = findings()["contents of docs"]
    assert (finding.level, finding.message) == ("warning", "1 refused for good, and not found by any search")
    assert "embedlane index failures docs" in finding.hint


def test_jobs_without_an_answer_and_jobs_that_stand_still(doctor):
    """A create without an answer is a problem at once, a job that does not move a warning after a while."""
    opened, findings = doctor()
    index = opened.create_index("docs")
    index.add([("a", "text")])
    with opened.ledger.write() as connection:
        jobs = [opened.manager.book.enter(connection, index._record.bound.id, "hash", [key]) for key in "abc"]
        job = jobs[0]
        for event in (JobEvent.FILE_WRITTEN, JobEvent.UPLOADED, JobEvent.CALLING):
            job = opened.manager.book.change(connection, job, event)
        opened.manager.book.change(connection, jobs[2], JobEvent.CANCEL)
    found = findings()
    assert found["job 1"].level == "problem"
    assert job.tag in found["job 1"].message
    assert "embedlane work" in found["job 1"].hint
    assert "job 2" not in found
    opened.clock = lambda: datetime(2026, 6, 3, 13, tzinfo=UTC).timestamp()
    found = findings()
    assert found["job 2"].level == "warning"
    assert "planned since 2026-06-01 00:00 UTC" in found["job 2"].message
    assert "job 3" not in found


def _observe(context):
    yield Observation(level="ok", message=f"{context.card.id} answers")
    yield Observation(level="warning", message="slow", hint="Wait.")


def _explode(context):
    raise RuntimeError("boom")


@pytest.fixture
def checkups(monkeypatch):
    """Check-ups that a route can name."""
    module = ModuleType("checkups")
    module.observe, module.explode = _observe, _explode
    monkeypatch.setitem(sys.modules, "checkups", module)


def _levels(opened):
    return [(finding.level, finding.message) for finding in opened.doctor() if "lane of" in finding.subject]


def test_a_plugins_own_check_up_is_part_of_the_doctors(doctor, checkups):
    """What it observes is shown under the route, for models that an index uses, and only for those."""
    opened, _ = doctor(toml=_card_toml(), routes=[_route(checkup="checkups:observe")])
    assert _levels(opened) == []
    opened.create_index("docs", "test:card")
    assert _levels(opened) == [("ok", "test:card answers"), ("warning", "slow")]


def test_a_check_up_that_fails_is_a_problem(doctor, checkups):
    """A fault of a plugin's check-up does not stop the doctor."""
    opened, _ = doctor(toml=_card_toml(), routes=[_route(checkup="checkups:explode")])
    opened.create_index("docs", "test:card")
    [(level, message)] = _levels(opened)
    assert level == "problem"
    assert "boom" in message
