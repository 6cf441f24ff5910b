"""The jobs in the ledger."""

from __future__ import annotations

import contextlib

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from embedlane.errors import RefusedError, UnknownNameError
from embedlane.jobs.book import SupersededError
from embedlane.jobs.job import Load, RowCounts
from embedlane.jobs.states import JobEvent
from embedlane.ledger.schema import job_rows


@pytest.fixture
def job(ledger, book, bound):
    """A planned job with three rows."""
    with ledger.write() as connection:
        return book.enter(connection, bound.id, "tester", ["a", "b", "c"])


def _events(ledger, book, job):
    with ledger.read() as connection:
        return [record.event for record in book.events(connection, job.id)]


def _to(connection, book, job, *events):
    for event in events:
        values = {"remote": "batches/1", "submitted_at": 1.0} if event is JobEvent.TICKET else {}
        job = book.change(connection, job, event, **values)
    return job


_SUBMITTED = (JobEvent.FILE_WRITTEN, JobEvent.UPLOADED, JobEvent.CALLING, JobEvent.TICKET)


def test_a_planned_job_has_its_rows_in_flight(ledger, book, job):
    """Rows lie in order under their keys, all open; the story begins."""
    with ledger.read() as connection:
        rows = connection.execute(select(job_rows.c.position, job_rows.c.key, job_rows.c.verdict)).all()
        assert rows == [(0, "a", "open"), (1, "b", "open"), (2, "c", "open")]
        assert book.row_counts(connection, job.id) == RowCounts(open=3)
        (record,) = book.events(connection, job.id)
    assert (record.event, record.state_after, record.detail) == ("planned", "planned", "3 rows for tester")
    assert job.tag.startswith("embedlane-")
    assert len(job.tag) <= 63


def test_tags_are_never_the_same(ledger, book, bound):
    """Two jobs of the same moment have two tags."""
    with ledger.write() as connection:
        tags = {book.enter(connection, bound.id, "p", [str(number)]).tag for number in range(20)}
    assert len(tags) == 20


def test_a_row_is_open_in_one_job_only(ledger, book, bound, job):
    """The ledger refuses a second open row for the same key and space; a closed one is no obstacle."""
    with pytest.raises(IntegrityError), ledger.write() as connection:
        book.enter(connection, bound.id, "tester", ["c", "d"])
    with ledger.write() as connection:
        assert book.close_rows(connection, job) == ["a", "b", "c"]
        book.enter(connection, bound.id, "tester", ["c", "d"])


def test_a_change_and_its_event_are_one(ledger, book, job):
    """If the transaction fails, neither the state nor the event is there."""
    with contextlib.suppress(RuntimeError), ledger.write() as connection:
        book.change(connection, job, JobEvent.FILE_WRITTEN)
        raise RuntimeError
    with ledger.read() as connection:
        assert book.get(connection, job.id) == job
    assert _events(ledger, book, job) == ["planned"]


def test_who_comes_second_has_lost(ledger, book, job):
    """Of two changes that start from the same state one wins; the other leaves no trace."""
    with ledger.write() as connection:
        book.change(connection, job, JobEvent.FILE_WRITTEN)
    with pytest.raises(SupersededError), ledger.write() as connection:
        book.change(connection, job, JobEvent.CANCEL)
    assert _events(ledger, book, job) == ["planned", "file written"]


def test_a_state_that_came_round_again_is_another(ledger, book, job):
    """Who has read a job before it went round a loop has lost, though its state is the same again."""
    with ledger.write() as connection:
        staged = _to(connection, book, job, *_SUBMITTED[:2])
        _to(connection, book, staged, JobEvent.CALLING, JobEvent.NO_TRACE)
    with pytest.raises(SupersededError), ledger.write() as connection:
        book.change(connection, staged, JobEvent.CALLING)


def test_what_is_not_in_the_table_does_not_happen(ledger, book, job):
    """An illegal event is refused before anything is written."""
    with pytest.raises(RefusedError, match="can't take 'over'"), ledger.write() as connection:
        book.change(connection, job, JobEvent.OVER)
    assert _events(ledger, book, job) == ["planned"]


def test_a_submitted_job_must_have_a_name(ledger, book, job):
    """The ledger itself refuses a job that is said to be at the provider under no name."""
    with ledger.write() as connection:
        job = _to(connection, book, job, *_SUBMITTED[:3])
    with pytest.raises(IntegrityError), ledger.write() as connection:
        book.change(connection, job, JobEvent.TICKET)


def test_the_end_is_dated(ledger, book, job):
    """A final state has a time of end, and no other has."""
    with ledger.write() as connection:
        job = _to(connection, book, job, *_SUBMITTED, JobEvent.OVER)
        assert job.ended_at is None
        assert not job.final
        job = _to(connection, book, job, JobEvent.RESULTS_STORED)
    assert job.ended_at == pytest.approx(job.changed_at, abs=0.1)
    assert job.final


def test_postponing_waits_and_counts(ledger, book, job, clock):
    """A pause is kept, counted, and part of the story only if there is something to say."""
    with ledger.write() as connection:
        job = book.postpone(connection, job, 60.0)
        job = book.postpone(connection, job, 60.0, "no answer", reason="no answer")
    assert job.due_at == pytest.approx(clock.now + 60, abs=0.1)
    assert (job.waits, job.reason) == (2, "no answer")
    assert _events(ledger, book, job) == ["planned", "waiting"]
    with ledger.write() as connection:
        job = book.change(connection, job, JobEvent.FILE_WRITTEN)
    assert (job.waits, job.reason, job.due_at) == (0, "", job.changed_at)


def test_postponing_a_job_that_moved_on_does_nothing(ledger, book, job):
    """A late word about a former state is neither kept nor told."""
    with ledger.write() as connection:
        now = book.change(connection, job, JobEvent.FILE_WRITTEN)
        assert book.postpone(connection, job, 99.0, "late") == now
    assert _events(ledger, book, job) == ["planned", "file written"]


def test_rows_beyond_the_file_are_let_go(ledger, book, bound, job):
    """Rows that did not fit are in no job any more."""
    with ledger.write() as connection:
        book.keep_rows(connection, job, 1)
        assert list(connection.scalars(select(job_rows.c.key))) == ["a"]
        book.enter(connection, bound.id, "tester", ["b", "c"])


def test_only_open_rows_are_closed(ledger, book, job):
    """Rows with a verdict keep it."""
    with ledger.write() as connection:
        connection.execute(update(job_rows).where(job_rows.c.position == 1).values(verdict="stored"))
        assert book.close_rows(connection, job) == ["a", "c"]
        assert book.row_counts(connection, job.id) == RowCounts(stored=1, missing=2)


def test_unfinished_are_those_with_something_to_do(ledger, book, bound):
    """A job is cared for until it is final and cleaned up, however it ended."""
    with ledger.write() as connection:
        planned, stored, cleaned, cancelled, failed = (
            book.enter(connection, bound.id, "p", [str(number)]) for number in range(5)
        )
        done = (*_SUBMITTED, JobEvent.OVER, JobEvent.RESULTS_STORED)
        stored = _to(connection, book, stored, *done)
        book.mark_cleaned(connection, _to(connection, book, cleaned, *done), "deleted")
        book.change(connection, cancelled, JobEvent.CANCEL)
        book.change(connection, failed, JobEvent.REFUSED)
        left = [planned.id, stored.id, cancelled.id, failed.id]
        assert [job.id for job in book.unfinished(connection)] == left
        assert len(book.all(connection)) == 5


def test_active_jobs_are_counted_by_provider(ledger, book, bound):
    """Jobs that the provider may be working on take a place; those before and after do not."""
    with ledger.write() as connection:
        for number, steps in enumerate((2, 3, 4)):
            job = book.enter(connection, bound.id, "p", [f"{number}"], [10])
            _to(connection, book, job, *_SUBMITTED[:steps])
        _to(connection, book, book.enter(connection, bound.id, "q", ["q"]), *_SUBMITTED)
        assert book.load(connection, "p") == Load(2, 20)
        assert book.load(connection, "q") == Load(1, 0)


def test_an_unknown_job_is_told(ledger, book):
    """The advice is the command that lists them."""
    with ledger.read() as connection, pytest.raises(UnknownNameError, match="There is no job 7") as caught:
        book.events(connection, 7)
    assert "embedlane jobs list" in caught.value.hint
