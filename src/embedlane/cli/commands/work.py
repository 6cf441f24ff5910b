"""``embedlane work``: drive all batch jobs."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import click

from embedlane.cli.commands.jobs import note_change, render_jobs
from embedlane.cli.failing import complain
from embedlane.cli.opening import opened
from embedlane.cli.output import emit, json_option, quiet_option
from embedlane.cli.session import Session
from embedlane.cli.tables import note
from embedlane.errors import IncompleteError
from embedlane.jobs.states import JobState
from embedlane.workspace.checkup import resolve_hint

if TYPE_CHECKING:
    from embedlane.jobs.job import Job
    from embedlane.workspace.reports import JobReport


@click.command(epilog="Example: embedlane work --once")
@click.option("--once", is_flag=True, help="Take each job as far as it goes now, and end.")
@quiet_option
@json_option
@click.pass_context
def work(ctx: click.Context, once: bool, quiet: bool, as_json: bool) -> None:
    """Drive all batch jobs, submit, poll and collect, until each has ended."""
    with opened(ctx.ensure_object(Session)) as workspace:
        done = workspace.work(once=once, on_change=_silent if quiet else note_change)
        reports = [workspace.job(job.id) for job in done]
    emit(as_json, {"jobs": reports}, _render)
    doubtful = [report.job for report in reports if report.job.state is JobState.QUARANTINED]
    for job in doubtful:
        complain(f"job {job.id} is {job.state}: {job.reason}.", resolve_hint(job))
    lacking = [report for report in reports if _lacks(report)]
    for report in lacking:
        _complain_of(report)
    ctx.exit(IncompleteError.exit_status if lacking or doubtful else 0)


def _silent(_job: Job) -> None:
    return


def _lacks(report: JobReport) -> bool:
    """Whether a job has ended without an answer for each row."""
    return report.job.final and report.rows.stored < report.job.rows


def _complain_of(report: JobReport) -> None:
    """Say what a job that has ended did not bring, and how to go on."""
    job, rows = report.job, report.rows
    name = shlex.quote(job.account) if job.account else "NAME"
    what, again = ("vector", f"embed {name}") if job.jobset_id is None else ("response", "generate run FILE")
    left = f"{job.rows - rows.stored:,} of {job.rows:,} rows have no {what}"
    pending = f"sends {rows.missing:,} of them again" if rows.missing else "sends what is pending"
    complain(
        f"job {job.id} is {job.state}: {left}.",
        f"`embedlane jobs events {job.id}` tells why; `embedlane {again}` {pending}.",
    )


def _render(view: dict[str, Any]) -> None:
    if not view["jobs"]:
        note("No job is unfinished.")
        return
    render_jobs(view)
