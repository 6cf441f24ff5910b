"""The cargo's judgement of a job by its canaries."""

from __future__ import annotations

import numpy as np
import pytest
from sqlalchemy import select, update

from embedlane.errors import DriftError
from embedlane.ledger.schema import canaries, drifts, job_rows, vectors
from embedlane.providers.values import Vector
from embedlane.vectors.canaries import Canaries


@pytest.fixture
def job(ledger, book, bound, texts):
    """A job of two rows, with the fixed canaries before them."""
    hashes = texts("one", "two")
    with ledger.write() as connection:
        found = Canaries(bound).chosen(connection, 0)
        carried = [(canary.key, 3) for canary in found]
        return book.enter(connection, bound.id, "tester", hashes, [10, 10], "docs", carried)


def _answers(ledger, numbers):
    with ledger.read() as connection:
        return [Vector(key, numbers) for key in connection.scalars(select(canaries.c.key))]


def _judge(ledger, cargo, job, answers):
    with ledger.write() as connection:
        return cargo(job).distrust(connection, answers, 5.0)


def test_the_first_answer_sets_the_references(ledger, cargo, job):
    """Whose it was is remembered; a later one is compared with it, and changes nothing."""
    assert _judge(ledger, cargo, job, _answers(ledger, [1.0, 0.0, 0.0, 0.0])) == ""
    assert _judge(ledger, cargo, job, _answers(ledger, [2.0, 0.01, 0.0, 0.0])) == ""
    with ledger.read() as connection:
        rows = connection.execute(select(canaries)).all()
    assert {(row.provider, row.lane, row.at) for row in rows} == {("tester", "batch", 5.0)}
    assert {row.vector for row in rows} == {np.array([1, 0, 0, 0], "<f4").tobytes()}


@pytest.mark.parametrize(
    ("numbers", "drifted"),
    [
        ([0.991, 0.133865, 0.0, 0.0], False),
        ([0.989, 0.147915, 0.0, 0.0], True),
        ([-1.0, 0.0, 0.0, 0.0], True),
    ],
)
def test_the_threshold_is_a_cosine_of_0_99(ledger, cargo, job, numbers, drifted):
    """One canary below it is enough."""
    answers = _answers(ledger, [1.0, 0.0, 0.0, 0.0])
    _judge(ledger, cargo, job, answers)
    answers[1] = Vector(answers[1].key, numbers)
    assert bool(_judge(ledger, cargo, job, answers)) is drifted


def test_what_is_no_vector_is_no_drift(ledger, cargo, job):
    """A canary that is missing, or broken, says nothing; it sets no reference either."""
    answers = _answers(ledger, [1.0, 0.0, 0.0, 0.0])
    broken = [Vector(answers[0].key, [float("nan")] * 4), Vector(answers[1].key, [0.0] * 4)]
    assert _judge(ledger, cargo, job, broken) == ""
    assert _judge(ledger, cargo, job, ()) == ""
    with ledger.read() as connection:
        assert set(connection.scalars(select(canaries.c.vector))) == {None}


def test_a_drift_takes_back_what_an_earlier_reading_stored_of_the_job(ledger, cargo, job, book):
    """A first reading may have missed the canaries and been killed halfway."""
    _judge(ledger, cargo, job, _answers(ledger, [1.0, 0.0, 0.0, 0.0]))
    with ledger.write() as connection:
        key = connection.scalar(select(job_rows.c.key).where(job_rows.c.position == job.canaries))
        cargo(job).store(connection, [Vector(key, [0.0, 1.0, 0.0, 0.0])], [], 6.0)
        connection.execute(update(job_rows).where(job_rows.c.key == key).values(verdict="stored"))
    why = _judge(ledger, cargo, job, _answers(ledger, [0.0, 1.0, 0.0, 0.0]))
    assert "3 of 3 canaries" in why
    with ledger.write() as connection:
        assert connection.execute(select(vectors)).all() == []
        assert book.row_counts(connection, job.id).missing == 1
        assert connection.scalar(select(drifts.c.message)) == why
        with pytest.raises(DriftError):
            cargo(job).store(connection, [Vector(key, [0.0, 1.0, 0.0, 0.0])], [], 7.0)


def test_the_file_begins_with_the_canaries_each_in_a_line_of_its_own(ledger, cargo, job):
    """No content shares its line, and so its fate, with them."""
    with ledger.read() as connection:
        rows = list(cargo(job).rows(connection, job.id))
    assert [row.position for row in rows] == list(range(5))
    assert [row.key.startswith("canary-") for row in rows] == [True] * 3 + [False] * 2
    assert [row.alone for row in rows] == [True] * 3 + [False] * 2
