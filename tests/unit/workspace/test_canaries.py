"""Canaries in both lanes: what they are, what they guard, and what they cost."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest
from sqlalchemy import func, select, update

from embedlane.errors import DriftError, RefusedError
from embedlane.jobs import preview
from embedlane.jobs.states import JobState
from embedlane.ledger.schema import canaries, job_rows, vectors
from embedlane.vectors.canaries import FIXED
from embedlane.workspace.reports import CanaryVerdict

_TEXTS = [(str(number), f"text {number} of the corpus") for number in range(10)]


@pytest.fixture
def opened(workspace):
    """A workspace with the index ``docs``, of which half is embedded."""
    opened = workspace()
    index = opened.create_index("docs", "local:hash", dimensions=16)
    index.add(_TEXTS[:5])
    index.embed()
    index.add(_TEXTS[5:])
    return opened


def _turn(opened):
    """Make the references those of another model."""
    with opened.ledger.write() as connection:
        for row in connection.execute(select(canaries)).all():
            turned = np.roll(np.frombuffer(row.vector, "<f4"), 3).tobytes()
            which = (canaries.c.space_id == row.space_id, canaries.c.key == row.key)
            connection.execute(update(canaries).where(*which).values(vector=turned))


def _stored(opened):
    with opened.ledger.read() as connection:
        return connection.scalar(select(func.count()).select_from(vectors))


def _texts(opened):
    with opened.ledger.read() as connection:
        return sorted(connection.scalars(select(canaries.c.text)))


def test_a_space_has_fixed_texts_and_the_heads_of_three_of_its_own(workspace):
    """They are chosen once, when the first contents are sent, and stay whatever becomes of those."""
    opened = workspace()
    index = opened.create_index("docs", "local:hash")
    index.check()
    assert _texts(opened) == sorted(FIXED)
    index.add([("long", "word " * 400), *_TEXTS[:1]])
    index.embed()
    chosen = _texts(opened)
    assert len(chosen) == len(FIXED) + 2
    assert max(map(len, chosen)) == 500
    opened.drop_index("docs")
    other = opened.create_index("other", "local:hash")
    other.add(_TEXTS)
    assert other.embed().complete
    assert _texts(opened) == chosen


@pytest.mark.parametrize("held", [0, 1000])
def test_a_drifted_job_stores_nothing_and_says_why(opened, held):
    """Also where results are too many to be held until the canaries are seen."""
    _turn(opened)
    with mock.patch.object(preview, "_HELD", held), pytest.raises(DriftError, match="has drifted"):
        opened.index("docs").embed("batch")
    (report,) = opened.jobs()
    assert report.job.state is JobState.FAILED
    assert "6 of 6 canaries" in report.job.reason
    assert (report.rows.missing, report.rows.stored) == (5, 0)
    assert opened.index("docs").tally().pending == 5
    assert _stored(opened) == 5
    # What it cost is on the bill, though it was of no use.
    assert opened.costs("docs").total.measured_tokens > 0


def test_a_job_under_way_is_neither_sent_nor_collected_while_a_drift_stands(workspace, tmp_path):
    """A planned one stays, an ended one waits; it can be given up, and only then."""
    opened = workspace("[providers.hash]\nmax_rows_per_job = 5\n")
    index = opened.create_index("docs", "local:hash", dimensions=16)
    index.add(_TEXTS[:5])
    index.embed("batch", wait=False)
    (job,) = [report.job for report in opened.jobs()]
    while job.state is not JobState.ENDED:
        job = opened.manager.step(job)
    with pytest.raises(RefusedError, match="its results are paid for"):
        opened.cancel_job(job.id)
    # Another answer sets the references, and a third one differs.
    index.check()
    _turn(opened)
    index.check()
    with pytest.raises(DriftError):
        opened.work()
    assert opened.job(job.id).job.state is JobState.ENDED
    assert _stored(opened) == 0
    assert opened.cancel_job(job.id).job.state is JobState.FAILED
    assert index.tally().pending == 5


def test_a_job_that_has_ended_is_stored_when_the_drift_is_settled(opened):
    """Its own canaries are compared then, like those of any job."""
    index = opened.index("docs")
    index.embed("batch", wait=False)
    before = _vectors(opened)
    _turn(opened)
    assert index.check().drift
    with pytest.raises(DriftError):
        opened.work()
    with opened.ledger.write() as connection:
        for key, vector in before.items():
            connection.execute(update(canaries).where(canaries.c.key == key).values(vector=vector))
    assert index.check().released
    opened.work()
    assert index.tally().stored == 10


def _vectors(opened):
    with opened.ledger.read() as connection:
        return {row.key: row.vector for row in connection.execute(select(canaries))}


def test_a_drifted_run_of_the_sync_lane_sends_no_content(opened):
    """The canaries go before the first request."""
    _turn(opened)
    progress = []
    with pytest.raises(DriftError):
        opened.index("docs").embed(on_progress=progress.append)
    assert (progress, _stored(opened)) == ([], 5)
    assert opened.index("docs").tally().in_flight == 0


def test_what_is_refused_says_the_ways_out(opened):
    """The command that asks again, the route, and the revision."""
    _turn(opened)
    index = opened.index("docs")
    with pytest.raises(DriftError) as caught:
        index.embed()
    for part in ("`embedlane index check docs`", '[routes."local:hash"]', "`revision`"):
        assert part in caught.value.hint
    assert any("has drifted" in finding.message for finding in opened.doctor())


def test_canaries_are_no_rows_of_the_index(opened):
    """They are not in flight, not among a job's rows, and no vectors are stored for them."""
    index = opened.index("docs")
    index.embed("batch", wait=False)
    (report,) = opened.jobs()
    assert (report.job.rows, report.rows.open, index.tally().in_flight) == (5, 5, 5)
    opened.work()
    assert _stored(opened) == 10
    with opened.ledger.read() as connection:
        carried = select(func.count()).select_from(job_rows).where(job_rows.c.verdict == "canary")
        assert connection.scalar(carried) == 6


def test_plan_and_bill_count_them(opened):
    """A plan has them once for the sync lane and once for each job; they are on the bill of the job."""
    plan = opened.index("docs").plan()
    extra = {lane.lane.value: lane.tokens - plan.tokens for lane in plan.lanes}
    assert extra["sync"] == extra["batch"] > 0
    before = opened.costs("docs").total.tokens
    opened.index("docs").embed("batch")
    with opened.ledger.read() as connection:
        of_texts = 5 * 5
        assert opened.costs("docs").total.tokens - before > of_texts
        planned = connection.scalar(select(func.sum(job_rows.c.tokens)))
    assert opened.jobs()[0].job.estimated_tokens == planned


def test_without_canaries_nothing_is_carried_and_a_check_still_asks(workspace):
    """The key of the configuration is for what is sent; `check` is a wish of its own."""
    opened = workspace("canaries = false\n")
    index = opened.create_index("docs", "local:hash")
    index.add(_TEXTS)
    index.embed(limit=5)
    index.embed("batch")
    assert _texts(opened) == []
    assert {check.verdict for check in index.check().canaries} == {CanaryVerdict.FIRST}
    assert {check.verdict for check in index.check().canaries} == {CanaryVerdict.SAME}


def test_a_provider_that_takes_few_rows_gets_no_canaries(opened):
    """A job of one row would be canaries only; the user's own limit is on contents."""
    from embedlane.providers.values import BatchLimits
    from embedlane.workspace.carrying import Carried

    with opened.ledger.read() as connection:
        given = list(connection.execute(select(canaries)))
    theirs = BatchLimits(rows=6)
    assert Carried.in_jobs(given, theirs, theirs) == Carried(canaries=(), rows=6)
    roomy = Carried.in_jobs(given, BatchLimits(rows=50_000), BatchLimits(rows=50_000))
    assert (len(roomy.canaries), roomy.rows) == (6, 49_994)
    assert Carried.in_jobs(given, BatchLimits(rows=50_000), BatchLimits(rows=5)).rows == 5
    assert Carried.in_jobs(given, BatchLimits(size=1000), BatchLimits(size=1000)).canaries == ()


def test_a_drift_of_a_migration_is_reported_and_settled_by_the_index_it_moves(opened):
    """Its space is not the one that serves; nothing else could let writes to it go on."""
    index, migration = opened.index("docs"), opened.migration("docs")
    index.embed()
    migration.start("local:hash", 8, lane="sync")
    with opened.ledger.read() as connection:
        before = connection.execute(select(canaries)).all()
    index.add([("late", "a text that comes late")])
    index.embed()
    _turn(opened)
    with pytest.raises(DriftError, match="has drifted"):
        migration.resume()
    with opened.ledger.write() as connection:
        for row in before:
            which = (canaries.c.space_id == row.space_id, canaries.c.key == row.key)
            connection.execute(update(canaries).where(*which).values(vector=row.vector))
    (finding,) = [each for each in opened.doctor() if "has drifted" in each.message]
    assert finding.hint == "`embedlane index check docs` asks again."
    report = index.check()
    assert (report.released, report.drift) == (True, "")
    assert len({check.space for check in report.canaries}) == 2
    migration.resume()
    assert migration.swap().missing == 0


_MATRYOSHKA = """
[providers.shelf]
kind = "hash"
models = ["acme:nest"]
[[models]]
id = "acme:nest"
lanes = ["sync"]
normalisation = "always"
characters_per_token = 1.0
[models.dimensions]
native = 16
smallest = 8
matryoshka = true
"""


@pytest.fixture
def matryoshka(workspace):
    """A workspace with an embedded index of a model that says its heads are good vectors, and lies."""
    opened = workspace(_MATRYOSHKA)
    index = opened.create_index("docs", "acme:nest")
    index.add(_TEXTS)
    index.embed()
    return opened


def test_vectors_that_are_cut_bring_their_references(matryoshka):
    """Else the first answer for the smaller size would be taken on its word."""
    before = _vectors(matryoshka)
    migration = matryoshka.migration("docs")
    migration.start("acme:nest", 8)
    migration.swap()
    heads = {key: np.frombuffer(vector, "<f4")[:8] for key, vector in before.items()}
    for row in _references(matryoshka, 8):
        head = heads[row.key] / np.linalg.norm(heads[row.key])
        np.testing.assert_allclose(np.frombuffer(row.vector, "<f4"), head, atol=1e-6)
        assert row.provider == "shelf"
    assert len(_references(matryoshka, 8)) == 6
    index = matryoshka.index("docs")
    index.add([("late", "a text that comes late")])
    with pytest.raises(DriftError):
        index.embed()
    assert index.tally().pending == 1


def _references(opened, dimensions):
    with opened.ledger.read() as connection:
        found = connection.execute(select(canaries)).all()
    return [row for row in found if len(row.vector) == 4 * dimensions]


def test_nothing_is_cut_into_the_space_of_a_model_that_has_changed(matryoshka):
    """Another index is there, whose references are not heads of these."""
    other = matryoshka.create_index("other", "acme:nest", dimensions=8)
    other.add(_TEXTS[:2])
    other.embed()
    _turn(matryoshka)
    stored = _stored(matryoshka)
    with pytest.raises(DriftError, match="that are cut"):
        matryoshka.migration("docs").start("acme:nest", 8)
    assert _stored(matryoshka) == stored
