"""The live table of jobs."""

from __future__ import annotations

import io
from datetime import timedelta

import attrs
import pytest
from rich.console import Console

from embedlane.cli import watching
from embedlane.cli.tables import grid
from embedlane.jobs.job import Job, RowCounts
from embedlane.jobs.states import JobState
from embedlane.workspace.reports import JobReport

_NOW = 1_000_000.0


def report(**changes):
    """A job of 100 rows, begun two hours ago."""
    values = {field.name: None for field in attrs.fields(Job)} | {
        "id": 7,
        "state": JobState.SUBMITTED,
        "provider": "acme",
        "rows": 100,
        "created_at": _NOW - 7200,
        "due_at": _NOW + 90,
        "reason": "60 rows done [bold]",
    }
    return JobReport(
        job=Job(**values | changes), model="acme:one", rows=RowCounts(open=40, stored=58, refused=2), cost=1.5
    )


@pytest.mark.parametrize(
    ("changes", "age", "look"),
    [
        ({}, "2 h", "in 2 min"),
        ({"due_at": _NOW - 1}, "2 h", "now"),
        ({"state": JobState.STORED, "ended_at": _NOW - 3600}, "60 min", ""),
    ],
)
def test_a_job_is_a_line(changes, age, look):
    """What is done, how old it is, what it costs and when it is looked at next; a final job is not."""
    cells = watching.row(report(**changes), _NOW)
    assert cells[4:9] == (100, 60, age, "$1.50", look)


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ({"cost": None, "planned_cost": 0.25}, "$0.25 planned"),
        ({"cost": 0.5, "planned_cost": 0.25}, "$0.50"),
        ({"cost": None, "planned_cost": None}, "unknown"),
    ],
)
def test_a_job_costs_its_plan_until_it_is_billed(values, shown):
    """A running job shows what it was planned at, a billed one what it costs."""
    assert watching.row(attrs.evolve(report(), **values), _NOW)[7] == shown


def test_a_providers_words_are_no_markup():
    """Brackets in a reason are shown as they are."""
    console = Console(file=io.StringIO(), width=200)
    console.print(grid(("REASON",), [(report().job.reason,)]))
    assert "60 rows done [bold]" in console.file.getvalue()


def test_ages_are_never_negative():
    """A job of a machine whose clock is ahead is new."""
    assert watching.row(report(created_at=_NOW + 5), _NOW)[6] == "under 1 s"
    assert timedelta(0) == timedelta()
