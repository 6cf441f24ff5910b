"""``embedlane jobs``: list, show and cancel batch jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from embedlane.cli.group import ListingGroup
from embedlane.cli.opening import opened
from embedlane.cli.output import emit, json_option
from embedlane.cli.session import Session, pass_session
from embedlane.cli.tables import moment, note, pairs, printable, say, table
from embedlane.cli.watching import planned_or_billed, watch
from embedlane.errors import UsageError

if TYPE_CHECKING:
    from embedlane.jobs.job import EventRecord, Job
    from embedlane.workspace.reports import JobReport


@click.group(cls=ListingGroup, epilog="Example: embedlane jobs list")
def jobs() -> None:
    """List, show, cancel and resolve batch jobs, and tell their stories."""


@jobs.command("list", epilog="Example: embedlane jobs list")
@json_option
@pass_session
def list_jobs(session: Session, as_json: bool) -> None:
    """List all batch jobs, the oldest first."""
    with opened(session) as workspace:
        emit(as_json, {"jobs": workspace.jobs()}, render_jobs)


@jobs.command(epilog="Example: embedlane jobs show 1")
@click.argument("job_id", type=int, metavar="ID")
@json_option
@pass_session
def show(session: Session, job_id: int, as_json: bool) -> None:
    """Show one batch job: its state, rows and cost."""
    with opened(session) as workspace:
        emit(as_json, workspace.job(job_id), _render_one)


@jobs.command(epilog="Example: embedlane jobs cancel 1")
@click.argument("job_id", type=int, metavar="ID")
@json_option
@pass_session
def cancel(session: Session, job_id: int, as_json: bool) -> None:
    """Stop a batch job; what it did not answer is pending again."""
    with opened(session) as workspace:
        emit(as_json, workspace.cancel_job(job_id), _render_cancelled)


@jobs.command("watch", epilog="Example: embedlane jobs watch --every 5")
@click.option("--every", type=click.FloatRange(min=0.1), default=2.0, show_default=True, help="Seconds.")
@click.option("--all", "all_too", is_flag=True, help="Show jobs that ended before, too.")
@json_option
@pass_session
def watch_jobs(session: Session, every: float, all_too: bool, as_json: bool) -> None:
    """Watch batch jobs until all are final; `embedlane work` drives them. With --json, print them then."""
    with opened(session) as workspace:
        before = {report.job.id for report in workspace.jobs() if report.job.final and not all_too}

        def look() -> list[JobReport]:
            return [report for report in workspace.jobs() if report.job.id not in before]

        if not look():
            note("No job is unfinished.")
        watch(look, workspace.clock, every, hidden=as_json)
        if as_json:
            emit(as_json, {"jobs": look()}, render_jobs)


@jobs.command(epilog="Example: embedlane jobs resolve 1 --adopt batches/123")
@click.argument("job_id", type=int, metavar="ID")
@click.option("--adopt", metavar="NAME", help="It was created; this is the provider's name for it.")
@click.option("--resubmit", is_flag=True, help="It was not created; create it anew.")
@json_option
@pass_session
def resolve(session: Session, job_id: int, adopt: str | None, resubmit: bool, as_json: bool) -> None:
    """Say what became of a batch job whose create was never answered."""
    if bool(adopt) is resubmit:
        raise UsageError(
            "Say either --adopt NAME or --resubmit.",
            "Look at the provider's own pages: creating a job that is there already pays for it twice.",
        )
    with opened(session) as workspace:
        report = workspace.resolve_job(job_id, adopt)
    emit(as_json, report, lambda report: say(f"Job {report.job.id} is {report.job.state}."))


@jobs.command(epilog="Example: embedlane jobs events 1")
@click.argument("job_id", type=int, metavar="ID")
@json_option
@pass_session
def events(session: Session, job_id: int, as_json: bool) -> None:
    """Tell the story of a batch job, event by event."""
    with opened(session) as workspace:
        emit(as_json, {"events": workspace.job_events(job_id)}, _render_events)


def note_change(job: Job) -> None:
    """Tell on stderr that a job has changed."""
    detail = f": {printable(job.reason)}" if job.reason else ""
    note(f"job {job.id} at {job.provider}: {job.state}{detail}")


def render_jobs(view: dict[str, Any]) -> None:
    """Print job reports as a table."""
    if not view["jobs"]:
        note(
            "There are no batch jobs; `embedlane embed NAME --lane batch` or `embedlane generate` makes some."
        )
        return
    headings = (
        "JOB",
        "STATE",
        "PROVIDER",
        "MODEL",
        "ROWS",
        "STORED",
        "REFUSED",
        "MISSING",
        "CHANGED",
        "REASON",
    )
    table(headings, map(_row, view["jobs"]))


def _row(report: JobReport) -> tuple[object, ...]:
    job, rows = report.job, report.rows
    counts = (job.rows, rows.stored, rows.refused, rows.missing)
    return (job.id, job.state, job.provider, report.model, *counts, moment(job.changed_at), job.reason)


def _render_one(report: JobReport) -> None:
    job, rows = report.job, report.rows
    pairs(
        [
            ("job", job.id),
            ("state", job.state),
            ("reason", job.reason),
            ("job set" if job.jobset_id is not None else "index", job.account),
            ("provider", job.provider),
            ("model", report.model),
            ("tag", job.tag),
            ("remote name", job.remote or ""),
            ("remote state", job.remote_state),
            ("rows", job.rows),
            *((f"rows {name}", getattr(rows, name)) for name in ("open", "stored", "refused", "missing")),
            ("tokens", "unknown" if job.tokens is None else f"{job.tokens:,}"),
            ("cost", planned_or_billed(report)),
            ("created", moment(job.created_at)),
            ("submitted", moment(job.submitted_at)),
            ("changed", moment(job.changed_at)),
            ("ended", moment(job.ended_at)),
        ]
    )


def _render_cancelled(report: JobReport) -> None:
    say(f"Job {report.job.id} is {report.job.state}.")
    if report.job.final:
        note(f"{printable(report.job.reason)}.")
    else:
        note("hint: `embedlane work` stores what it answered before it stopped.")


def _render_events(view: dict[str, Any]) -> None:
    found: list[EventRecord] = view["events"]
    rows = [(moment(each.at), each.event, each.state_before, each.state_after, each.detail) for each in found]
    table(("TIME", "EVENT", "FROM", "TO", "DETAIL"), rows)
