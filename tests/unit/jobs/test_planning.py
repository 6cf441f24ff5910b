"""Cutting pending rows into jobs."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import select

from embedlane.jobs.planning import plan_jobs
from embedlane.ledger.schema import job_rows


class Keys:
    """Pending rows: those of a sorted list that are open in no job."""

    def __init__(self, number):
        self.keys = [f"{key:03}" for key in range(number)]

    def hashes(self, connection, now, limit, after=""):
        """Up to *limit* keys above *after*."""
        taken = set(connection.scalars(select(job_rows.c.key).where(job_rows.c.verdict == "open")))
        return [key for key in self.keys if key not in taken and key > after][:limit]


def _plan(ledger, book, bound, keys, **options):
    options = {"rows_per_job": 10} | options
    return plan_jobs(ledger, book, keys, bound.id, "tester", **options)


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
    jobs = _plan(ledger, book, bound, Keys(rows), rows_per_job=most, limit=limit)
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
        threading.Thread(target=_plan, args=(ledger, book, bound, Keys(200)), kwargs={"rows_per_job": 7})
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with ledger.read() as connection:
        assert sorted(connection.scalars(select(job_rows.c.key))) == Keys(200).keys
