"""Cutting pending rows into jobs."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from embedlane.jobs.planning import JobSize, plan_jobs
from embedlane.jobs.states import JobEvent
from embedlane.ledger.schema import job_rows


class Keys:
    """Pending rows: those of a sorted list that are open in no job."""

    def __init__(self, number):
        self.keys = [f"{key:03}" for key in range(number)]

    def sizes(self, connection, now, limit, after=""):
        """Up to *limit* keys above *after*, each with as many tokens as its number."""
        taken = set(connection.scalars(select(job_rows.c.key).where(job_rows.c.verdict == "open")))
        return [(key, int(key)) for key in self.keys if key not in taken and key > after][:limit]


def _plan(ledger, book, bound, keys, most=10, **options):
    return plan_jobs(ledger, book, keys, bound.id, "tester", size=JobSize(rows=most), **options)


@pytest.mark.parametrize(
    ("rows", "most", "limit", "expected"),
    [
        (25, 10, None, [10, 10, 5]),
        (25, 10, 12, [10, 2]),
        (25, 10, 0, []),
        (25, None, None, [25]),
        (20, 10, 99, [10, 10]),
        (0, 10, None, []),
    ],
)
def test_rows_are_cut_into_jobs(ledger, book, bound, rows, most, limit, expected):
    """Jobs hold at most what is allowed, all of them together at most the limit."""
    jobs = _plan(ledger, book, bound, Keys(rows), most=most, limit=limit)
    assert [job.rows for job in jobs] == expected
    with ledger.read() as connection:
        assert list(connection.scalars(select(job_rows.c.key))) == Keys(rows).keys[: sum(expected)]


def test_planning_again_finds_nothing(ledger, book, bound):
    """What is in flight is not planned twice."""
    _plan(ledger, book, bound, Keys(25))
    assert _plan(ledger, book, bound, Keys(25)) == []


def test_two_that_plan_at_once_share_the_rows(ledger, book, bound):
    """No row is in two jobs, and none is left out."""
    threads = [
        threading.Thread(target=_plan, args=(ledger, book, bound, Keys(200)), kwargs={"most": 7})
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with ledger.read() as connection:
        assert sorted(connection.scalars(select(job_rows.c.key))) == Keys(200).keys


_counts = st.lists(st.integers(0, 50), max_size=30)


@given(_counts, st.integers(1, 60))
def test_a_job_is_cut_before_it_has_too_many_tokens(counts, tokens):
    """Only a single row may have more by itself."""
    sizes = [(str(number), count) for number, count in enumerate(counts)]
    rows = JobSize(tokens=tokens).cut(sizes)
    total = sum(count for _, count in rows)
    assert rows == sizes[: len(rows)]
    assert len(rows) == len(sizes) or total + counts[len(rows)] > tokens
    assert total <= tokens or len(rows) == 1


@given(_counts, st.integers(1, 60), st.integers(0, 200), st.integers(0, 200))
def test_all_jobs_together_are_cut_as_well(counts, tokens, in_all, spent):
    """What is allowed in all is not exceeded, not even by a single row; below it nothing changes."""
    sizes = [(str(number), count) for number, count in enumerate(counts)]
    free = JobSize(tokens=tokens).cut(sizes)
    rows = JobSize(tokens=tokens, in_all=in_all).cut(sizes, spent)
    assert rows == free[: len(rows)]
    assert not rows or spent + sum(count for _, count in rows) <= in_all
    assert rows == free or spent + sum(count for _, count in free[: len(rows) + 1]) > in_all


def test_jobs_remember_what_their_rows_were_planned_at(ledger, book, bound):
    """Each row has its tokens, each job the sum and whose bill it is on; rows that are let go take theirs."""
    first, second = _plan(ledger, book, bound, Keys(20), account="docs")
    assert (first.estimated_tokens, second.estimated_tokens) == (sum(range(10)), sum(range(10, 20)))
    assert {first.account, second.account} == {"docs"}
    with ledger.write() as connection:
        planned = connection.execute(select(job_rows.c.key, job_rows.c.tokens)).all()
        assert all(int(key) == tokens for key, tokens in planned)
        book.keep_rows(connection, second, 4)
        assert book.get(connection, second.id).estimated_tokens == sum(range(10, 14))
        assert book.open_load(connection).tokens == sum(range(14))
        assert book.open_load(connection, "docs").jobs == 2
        assert book.open_load(connection, "others").jobs == 0


@pytest.mark.parametrize(
    ("in_all", "expected"), [(0, [1]), (44, [9]), (45, [10]), (60, [10, 1]), (999, [10, 10])]
)
def test_planning_ends_with_what_is_allowed_in_all(ledger, book, bound, in_all, expected):
    """The tokens of all jobs of one planning stay within it."""
    size = JobSize(rows=10, in_all=in_all)
    jobs = plan_jobs(ledger, book, Keys(20), bound.id, "tester", size=size)
    assert [job.rows for job in jobs] == expected


def _end(ledger, book, job, *, expired):
    """Take *job* to its end at the provider: stored, or expired."""
    way = [JobEvent.FILE_WRITTEN, JobEvent.UPLOADED, JobEvent.CALLING, JobEvent.TICKET, JobEvent.OVER]
    way.append(JobEvent.FAILURE_SETTLED if expired else JobEvent.RESULTS_STORED)
    with ledger.write() as connection:
        for event in way:
            job = book.change(connection, job, event, remote="r", expired=expired)
        book.close_rows(connection, job)


def test_after_a_job_has_expired_the_next_are_half_as_large(ledger, book, bound):
    """Until one of that size has come through: what takes too long is not sent again as it was."""
    (job,) = _plan(ledger, book, bound, Keys(8))
    _end(ledger, book, job, expired=True)
    smaller = _plan(ledger, book, bound, Keys(8))
    assert [job.rows for job in smaller] == [4, 4]
    _end(ledger, book, smaller[0], expired=True)
    _end(ledger, book, smaller[1], expired=False)
    quarters = _plan(ledger, book, bound, Keys(8))
    assert [job.rows for job in quarters] == [8]
