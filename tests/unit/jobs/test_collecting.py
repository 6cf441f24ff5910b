"""From results to verdicts, whatever the provider sends."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select, update

from embedlane.jobs import collecting
from embedlane.jobs.book import JobBook
from embedlane.jobs.collecting import Collected, Collector
from embedlane.ledger.schema import charges, job_rows, refusal_events, refusals, vectors
from embedlane.providers.values import Correlation, Malformed, Refusal, Vector

_ROWS = 12
_KEYS = [f"{number:02}" + "a" * 38 for number in range(_ROWS)]


def _numbers(position):
    """The vector that is right for a row."""
    return [float(position + 1), 1.0, 0.0, -2.0]


def _unit(position):
    vector = np.array(_numbers(position))
    return (vector / np.linalg.norm(vector)).astype("<f4").tobytes()


_BAD = {
    "nan": [1.0, float("nan"), 0.0, 0.0],
    "inf": [1.0, float("inf"), 0.0, 0.0],
    "zero": [0.0] * 4,
    "short": [1.0] * 3,
    "long": [1.0] * 5,
    "empty": [],
}

_position = st.integers(0, _ROWS - 1)
_piece = st.one_of(
    st.tuples(st.just("vector"), _position),
    st.tuples(st.just("vector"), _position),
    st.tuples(st.just("refusal"), _position),
    st.tuples(st.sampled_from(sorted(_BAD)), _position),
    st.tuples(st.just("malformed"), _position),
    st.tuples(st.just("unknown"), st.sampled_from(["", "zz", "-1", "99", "1e3", "٣", "007", "9" * 30])),
)


def _result(piece, correlation):
    kind, what = piece
    if kind == "malformed":
        return Malformed(f"line {what}")
    if kind == "unknown":
        return Vector(what, _numbers(0))
    name = _KEYS[what] if correlation is Correlation.KEY else str(what)
    if kind == "refusal":
        return Refusal(name, "POLICY", "no", retryable=what % 2 == 0)
    return Vector(name, _numbers(what) if kind == "vector" else _BAD[kind])


def _expected(pieces):
    """The verdict of each row: that of the first answer which it got."""
    verdicts = {}
    for kind, what in pieces:
        if kind not in {"malformed", "unknown"}:
            verdicts.setdefault(what, "stored" if kind == "vector" else "refused")
    return verdicts


@pytest.fixture
def collect(ledger, cargo, clock):
    """A function that reads results into a job, through the core's own checks."""

    def collect(job, results, correlation=Correlation.KEY):
        collector = Collector(
            ledger=ledger, job=job, cargo=cargo(job), correlation=correlation, book=JobBook(clock)
        )
        return collector.collect(results)

    return collect


@pytest.fixture
def enter(ledger, bound, clock):
    """A function that enters a fresh job, after removing all that was stored."""

    def enter():
        with ledger.write() as connection:
            for table in (vectors, refusals, refusal_events, charges, job_rows):
                connection.execute(delete(table))
            return JobBook(clock).enter(connection, bound.id, "tester", _KEYS)

    return enter


def _verdicts(ledger):
    with ledger.read() as connection:
        rows = connection.execute(select(job_rows.c.position, job_rows.c.verdict))
        verdicts = {row.position: row.verdict for row in rows if row.verdict != "open"}
        stored = {row.content_hash: row.vector for row in connection.execute(select(vectors))}
        refused = {row.content_hash: row.attempts for row in connection.execute(select(refusals))}
    return verdicts, stored, refused


def _assert_end(ledger, pieces):
    verdicts, stored, refused = _verdicts(ledger)
    expected = _expected(pieces)
    assert verdicts == expected
    assert stored == {_KEYS[p]: _unit(p) for p, verdict in expected.items() if verdict == "stored"}
    assert refused == {_KEYS[p]: 1 for p, verdict in expected.items() if verdict == "refused"}


_fast = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)


@_fast
@given(
    pieces=st.lists(_piece, max_size=30),
    correlation=st.sampled_from(list(Correlation)),
    batch=st.integers(1, 7),
)
def test_each_row_ends_with_the_verdict_of_its_first_answer(
    ledger, enter, collect, pieces, correlation, batch
):
    """Missing, doubled, shuffled, unknown, malformed, invalid: the right vectors, and every count."""
    job = enter()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(collecting, "_BATCH", batch)
        collected = collect(job, [_result(piece, correlation) for piece in pieces], correlation)
    _assert_end(ledger, pieces)
    verdicts = list(_expected(pieces).values())
    assert collected.stored == verdicts.count("stored")
    assert collected.refused == verdicts.count("refused")
    assert collected.malformed == sum(kind == "malformed" for kind, _ in pieces)
    assert collected.unknown == sum(kind == "unknown" for kind, _ in pieces)
    assert collected.settled == 0
    assert collected.doubled == len(pieces) - len(verdicts) - collected.malformed - collected.unknown


class _KilledError(Exception):
    pass


@_fast
@given(
    pieces=st.lists(_piece, max_size=30),
    correlation=st.sampled_from(list(Correlation)),
    batch=st.integers(1, 7),
    kill=st.integers(0, 30),
)
def test_reading_again_after_a_kill_gives_the_same_end(
    ledger, enter, collect, pieces, correlation, batch, kill
):
    """A stream that breaks off in the middle costs nothing: read again, each row has one verdict."""
    job = enter()

    def broken():
        for piece in pieces[:kill]:
            yield _result(piece, correlation)
        raise _KilledError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(collecting, "_BATCH", batch)
        with pytest.raises(_KilledError):
            collect(job, broken(), correlation)
        before = len(_verdicts(ledger)[0])
        collected = collect(job, [_result(piece, correlation) for piece in pieces], correlation)
    _assert_end(ledger, pieces)
    assert collected.settled == before
    assert collected.stored + collected.refused + before == len(_expected(pieces))


@pytest.mark.parametrize("correlation", list(Correlation))
def test_a_shuffled_stream_finds_its_rows(ledger, enter, collect, correlation):
    """Order does not matter, by keys and by positions."""
    pieces = [("vector", position) for position in range(_ROWS)]
    random.Random(7).shuffle(pieces)
    job = enter()
    assert collect(job, [_result(piece, correlation) for piece in pieces], correlation).stored == _ROWS
    _assert_end(ledger, pieces)


def test_more_results_than_a_transaction_holds(ledger, enter, collect):
    """Results beyond the first batch are read, too."""
    results = [Malformed("x")] * 499 + [Vector(_KEYS[0], _numbers(0))] + [Vector(_KEYS[1], _numbers(1))]
    assert collect(enter(), iter(results)).stored == 2


def test_the_story_names_what_was_odd():
    """Only what there was is told, with the first example."""
    assert str(Collected(stored=98)) == "stored 98"
    total = Collected(stored=1, refused=1, example="POLICY: no") + Collected(unknown=2, example="other")
    assert str(total) == "stored 1, refused 1, unknown 2 (first: POLICY: no)"


def test_texts_are_rendered_in_the_order_of_positions(ledger, bound, cargo, clock, texts):
    """What goes out is each row's text under its hash."""
    hashes = texts("one", "two", "three")
    with ledger.write() as connection:
        job = JobBook(clock).enter(connection, bound.id, "tester", hashes)
        rows = list(cargo(job).rows(connection, job.id))
    assert [row.key for row in rows] == hashes
    assert [row.position for row in rows] == [0, 1, 2]
    assert {row.text for row in rows} == {"one", "two", "three"}


def test_a_row_that_was_refused_before_is_to_be_alone(ledger, bound, cargo, clock, texts):
    """Its fault must not take others with it another time, nor after it was made pending by hand."""
    hashes = texts("one", "two", "three")
    with ledger.write() as connection:
        job = JobBook(clock).enter(connection, bound.id, "tester", hashes)
        cargo(job).store(connection, (), [Refusal(hashes[1], "POLICY", "no")], 0.0)
        assert [row.alone for row in cargo(job).rows(connection, job.id)] == [False, True, False]
        connection.execute(update(refusals).values(retryable=True, attempts=0))
        assert [row.alone for row in cargo(job).rows(connection, job.id)] == [False, True, False]
