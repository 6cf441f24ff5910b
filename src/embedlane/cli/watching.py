"""A live table of batch jobs, for ``embedlane jobs watch``. Rich is imported when a table is shown."""

from __future__ import annotations

import sys
import time
from datetime import timedelta
from typing import TYPE_CHECKING

from embedlane.cli.tables import dollars, grid, printable, say, span

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from embedlane.workspace.reports import JobReport

_HEADINGS = ("JOB", "STATE", "PROVIDER", "MODEL", "ROWS", "DONE", "AGE", "COST", "NEXT LOOK", "REASON")


def watch(
    look: Callable[[], Sequence[JobReport]], clock: Callable[[], float], every: float, *, hidden: bool = False
) -> None:
    """Show jobs until all that were unfinished are final.

    On a terminal as a table that changes in place; elsewhere one line for each change.

    Args:
        look: Reads the jobs.
        clock: Seconds since 1970.
        every: Seconds between two looks.
        hidden: Print nothing, only wait.
    """
    if sys.stdout.isatty() and not hidden:
        _live(look, clock, every)
        return
    told: dict[int, str] = {}
    while True:
        reports = look()
        for report in reports:
            job = report.job
            line = f"job {job.id} at {job.provider}: {job.state}: {printable(job.reason)}"
            if told.get(job.id) != line and not hidden:
                say(line)
            told[job.id] = line
        if not _any_unfinished(reports):
            return
        time.sleep(every)


def row(report: JobReport, now: float) -> tuple[object, ...]:
    """The cells of one job."""
    job, rows = report.job, report.rows
    done = rows.stored + rows.refused + rows.missing
    age = timedelta(seconds=(job.ended_at or now) - job.created_at)
    look = (
        "" if job.final else "now" if job.due_at <= now else f"in {span(timedelta(seconds=job.due_at - now))}"
    )
    cost = planned_or_billed(report)
    return (job.id, job.state, job.provider, report.model, job.rows, done, span(age), cost, look, job.reason)


def planned_or_billed(report: JobReport) -> str:
    """What a job costs; what it is planned at, as long as nothing is billed."""
    if report.cost is None and not report.job.final and report.planned_cost is not None:
        return f"{dollars(report.planned_cost)} planned"
    return dollars(report.cost)


def _live(look: Callable[[], Sequence[JobReport]], clock: Callable[[], float], every: float) -> None:
    from rich.live import Live  # noqa: PLC0415 - not needed in a pipe

    with Live(auto_refresh=False) as live:
        while True:
            reports = look()
            live.update(grid(_HEADINGS, (row(report, clock()) for report in reports)), refresh=True)
            if not _any_unfinished(reports):
                return
            time.sleep(every)


def _any_unfinished(reports: Sequence[JobReport]) -> bool:
    return any(not report.job.final for report in reports)
