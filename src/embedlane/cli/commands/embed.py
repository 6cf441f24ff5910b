"""``embedlane embed``: embed what is pending."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from embedlane.cli.commands.jobs import note_change
from embedlane.cli.failing import complain, stopped
from embedlane.cli.opening import opened
from embedlane.cli.output import emit, json_option, quiet_option
from embedlane.cli.progress import progress
from embedlane.cli.session import Session
from embedlane.cli.tables import counted, dollars, note, say
from embedlane.errors import IncompleteError, RefusedError, UsageError
from embedlane.jobs.states import JobState
from embedlane.models.card import Lane
from embedlane.workspace.checkup import resolve_hint

if TYPE_CHECKING:
    from embedlane.jobs.job import Job
    from embedlane.workspace.reports import EmbedReport


@click.command(epilog="Example: embedlane embed docs --lane batch --wait")
@click.argument("name")
@click.option(
    "--lane",
    type=click.Choice(list(map(str, Lane))),
    default="sync",
    show_default=True,
    help="Now, or cheaper and later.",
)
@click.option("--wait", is_flag=True, help="In the batch lane: wait until the results are stored.")
@click.option("--limit", type=click.IntRange(min=1), help="The most contents to send.")
@click.option(
    "--budget", type=float, metavar="DOLLARS", help="Refuse if the plan is above it; stop when it is spent."
)
@quiet_option
@json_option
@click.pass_context
def embed(
    ctx: click.Context,
    name: str,
    lane: str,
    wait: bool,
    limit: int | None,
    budget: float | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Embed what is pending in an index, now or in batch jobs; after an interruption, go on."""
    if wait and Lane(lane) is Lane.SYNC:
        raise UsageError("--wait is for the batch lane; the sync lane always waits.", "Add --lane batch.")
    session = ctx.ensure_object(Session)
    with opened(session) as workspace:
        target = workspace.index(name)
        pending = target.tally().pending
        total = pending if limit is None else min(limit, pending)
        hidden = quiet or as_json or Lane(lane) is Lane.BATCH
        with progress("embedding", total, hidden=hidden) as advance:
            report = target.embed(
                lane,
                limit=limit,
                budget=budget,
                wait=wait,
                on_progress=advance,
                on_change=_silent if quiet else note_change,
            )
    emit(as_json, report, say_embedded)
    ctx.exit(finish(session, name, report, limit))


def _silent(_job: Job) -> None:
    return


def finish(session: Session, name: str, report: EmbedReport, limit: int | None) -> int:
    """Say what is left and what to run next; return the exit status."""
    if report.sync is not None and report.sync.interrupted:
        return stopped(session)
    tally = report.tally
    if report.sync is not None and report.sync.exhausted:
        left = f"{counted(tally.pending, 'content')} still pending"
        complain(f"the budget is used up; {left}.", f"`embedlane embed {name} --budget DOLLARS` goes on.")
        return RefusedError.exit_status
    if tally.in_flight:
        note(f"{counted(tally.in_flight, 'content')} in flight; `embedlane work` collects what jobs bring.")
    doubtful = [job for job in report.jobs if job.state is JobState.QUARANTINED]
    for job in doubtful:
        complain(f"job {job.id} is {job.state}: {job.reason}.", resolve_hint(job))
    failed = [job for job in report.jobs if job.state in {JobState.FAILED, JobState.CANCELLED}]
    for job in failed:
        complain(
            f"job {job.id} {job.state}: {job.reason}", f"`embedlane jobs events {job.id}` tells its story."
        )
    if tally.refused:
        hint = f"`embedlane index failures {name}` shows them with the reasons."
        complain(f"{counted(tally.refused, 'content')} refused by the provider.", hint)
    unplanned = tally.pending if limit is None else 0
    if unplanned:
        hint = f"`embedlane embed {name}` sends them again."
        complain(f"{counted(unplanned, 'content')} still pending.", hint)
    return IncompleteError.exit_status if failed or doubtful or tally.refused or unplanned else 0


def say_embedded(report: EmbedReport) -> None:
    """What embedding came to."""
    if report.sync is not None:
        measured = "" if report.sync.tokens_measured else "about "
        cost = f" for {dollars(report.sync.cost)}" if report.sync.cost else ""
        say(
            f"{counted(report.sync.stored, 'vector')} stored through {report.provider}, "
            f"{measured}{counted(report.sync.tokens, 'token')}{cost}, "
            f"{counted(report.sync.requests, 'request')}."
        )
    else:
        for job in report.jobs:
            say(f"job {job.id} at {report.provider}: {job.state}, {counted(job.rows, 'row')}.")
    say(f"{report.tally.stored:,} of {counted(report.tally.wanted, 'content')} embedded.")
