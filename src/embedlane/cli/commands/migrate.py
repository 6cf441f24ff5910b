"""``embedlane migrate``: move an index to another model, or another size, while it answers queries."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from embedlane.cli.commands.jobs import note_change
from embedlane.cli.failing import complain, stopped
from embedlane.cli.migrations import (
    report_view,
    say_aborted,
    say_built,
    say_finished,
    say_paused,
    say_plan,
    say_status,
    say_swapped,
    status_view,
)
from embedlane.cli.opening import opened
from embedlane.cli.output import emit, json_option, quiet_option
from embedlane.cli.progress import progress
from embedlane.cli.session import Session, pass_session
from embedlane.cli.tables import counted, note
from embedlane.errors import IncompleteError, RefusedError, UsageError
from embedlane.jobs.states import JobState
from embedlane.models.card import Lane
from embedlane.workspace.agreement import lines_to_write
from embedlane.workspace.checkup import resolve_hint
from embedlane.workspace.gating import QualityGate

if TYPE_CHECKING:
    from embedlane.jobs.job import Job
    from embedlane.workspace.migrating import Migration
    from embedlane.workspace.migration_reports import BuildReport, MigrationStatus, SwapReport
    from embedlane.workspace.workspace import Workspace

_EXISTING = click.Path(dir_okay=False, path_type=Path)
_wait_option = click.option(
    "--wait", is_flag=True, help="In the batch lane: wait until the results are stored."
)
_budget_option = click.option(
    "--budget", type=float, metavar="DOLLARS", help="The most that the migration may cost."
)


@click.group(epilog="Example: embedlane migrate plan docs --to local:hash --dimensions 128")
def migrate() -> None:
    """Move an index to another model, or another size, while it answers queries and takes items."""


@migrate.command(epilog="Example: embedlane migrate plan docs --to local:hash --dimensions 128")
@click.argument("name")
@click.option("--to", "model", metavar="ID", required=True, help="The model, as publisher:model.")
@click.option("--dimensions", type=click.IntRange(min=1), help="Size of vectors; default: the native one.")
@json_option
@pass_session
def plan(session: Session, name: str, model: str, dimensions: int | None, as_json: bool) -> None:
    """Say what moving an index would take: rows, tokens, cost, time; nothing is sent."""
    with opened(session) as workspace:
        emit(as_json, workspace.migration(name).plan(model, dimensions), say_plan)


@migrate.command(epilog="Example: embedlane migrate start docs --to local:hash --dimensions 128 --wait")
@click.argument("name")
@click.option("--to", "model", metavar="ID", required=True, help="The model, as publisher:model.")
@click.option("--dimensions", type=click.IntRange(min=1), help="Size of vectors; default: the native one.")
@click.option(
    "--lane",
    type=click.Choice(list(map(str, Lane))),
    help="What embeds; default: batch, where the model has it.",
)
@_budget_option
@click.option("--gate", default="", metavar="CONDITION", help="Refuse the swap unless it holds.")
@click.option(
    "--queries", type=_EXISTING, metavar="FILE", help="Queries for the gate; default: derived ones."
)
@click.option("--qrels", type=_EXISTING, metavar="FILE", help="TREC judgments for FILE of id, tab, text.")
@_wait_option
@quiet_option
@json_option
@click.pass_context
def start(
    ctx: click.Context,
    *,
    name: str,
    model: str,
    dimensions: int | None,
    lane: str | None,
    budget: float | None,
    gate: str,
    queries: Path | None,
    qrels: Path | None,
    wait: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Build a new generation of an index beside the one that answers; run again, go on with it."""
    session = ctx.ensure_object(Session)
    with opened(session) as workspace:
        migration = workspace.migration(name)
        # In the batch lane there is nothing to count until the jobs have ended.
        with progress("embedding", _wanted(migration), hidden=quiet or as_json) as advance:
            report = migration.start(
                model,
                dimensions,
                lane=lane,
                budget=budget,
                gate=QualityGate(condition=gate, queries=queries, qrels=qrels),
                wait=wait,
                on_progress=advance,
                on_change=_silent if quiet else note_change,
            )
    emit(as_json, report_view(report), lambda _: say_built(report))
    ctx.exit(ended(session, report))


@migrate.command(epilog="Example: embedlane migrate status docs")
@click.argument("name")
@json_option
@pass_session
def status(session: Session, name: str, as_json: bool) -> None:
    """Show the generations of an index, and how far the new one is."""
    with opened(session) as workspace:
        found = workspace.migration(name).status()
    emit(as_json, status_view(found), lambda _: say_status(found))


@migrate.command(epilog="Example: embedlane migrate pause docs")
@click.argument("name")
@json_option
@pass_session
def pause(session: Session, name: str, as_json: bool) -> None:
    """Send nothing more for the new generation; what the provider has goes on."""
    with opened(session) as workspace:
        found = workspace.migration(name).pause()
    emit(as_json, status_view(found), lambda _: say_paused(found))


@migrate.command(epilog="Example: embedlane migrate resume docs --wait")
@click.argument("name")
@_budget_option
@_wait_option
@quiet_option
@json_option
@click.pass_context
def resume(
    ctx: click.Context, name: str, budget: float | None, wait: bool, quiet: bool, as_json: bool
) -> None:
    """Go on with the new generation: embed, or cut, what it lacks."""
    session = ctx.ensure_object(Session)
    with opened(session) as workspace:
        migration = workspace.migration(name)
        with progress("embedding", _wanted(migration), hidden=quiet or as_json) as advance:
            report = migration.resume(
                wait=wait,
                budget=budget,
                on_progress=advance,
                on_change=_silent if quiet else note_change,
            )
    emit(as_json, report_view(report), lambda _: say_built(report))
    ctx.exit(ended(session, report))


@migrate.command(epilog="Example: embedlane migrate abort docs")
@click.argument("name")
@json_option
@pass_session
def abort(session: Session, name: str, as_json: bool) -> None:
    """Give up the new generation; its vectors stay in the ledger, for they are paid for."""
    with opened(session) as workspace:
        report = workspace.migration(name).abort()
    emit(as_json, report_view(report), lambda _: say_aborted(report))


@migrate.command(epilog="Example: embedlane migrate swap docs")
@click.argument("name")
@click.option(
    "--allow-missing",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    help="Switch although up to N contents lack a vector.",
)
@json_option
@pass_session
def swap(session: Session, name: str, allow_missing: int, as_json: bool) -> None:
    """Switch queries to the new generation, at once for all readers; keep the old one."""
    with opened(session) as workspace:
        report = workspace.migration(name).swap(allow_missing=allow_missing)
        write = _lines_to_write(workspace, report)
    emit(as_json, report_view(report), lambda _: say_swapped(report, "swap", write))


@migrate.command(epilog="Example: embedlane migrate rollback docs")
@click.argument("name")
@json_option
@pass_session
def rollback(session: Session, name: str, as_json: bool) -> None:
    """Switch queries back to the generation that was kept."""
    with opened(session) as workspace:
        report = workspace.migration(name).rollback()
        write = _lines_to_write(workspace, report)
    emit(as_json, report_view(report), lambda _: say_swapped(report, "rollback", write))


@migrate.command(epilog="Example: embedlane migrate finish docs --yes")
@click.argument("name")
@click.option("--keep-vectors", is_flag=True, help="Leave its vectors in the ledger.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@pass_session
def finish(session: Session, name: str, keep_vectors: bool, yes: bool, as_json: bool) -> None:
    """Drop the generation that was kept, and its vectors if no other index needs them."""
    with opened(session) as workspace:
        migration = workspace.migration(name)
        if not yes and not keep_vectors:
            _confirm(migration.status())
        report = migration.finish(keep_vectors=keep_vectors)
    emit(as_json, report_view(report), lambda _: say_finished(report))


def _lines_to_write(workspace: Workspace, report: SwapReport) -> str:
    serving = report.status.serving.bound.space
    return lines_to_write(workspace.config, workspace.registry, report.status.index, serving)


def _silent(_job: Job) -> None:
    return


def _wanted(migration: Migration) -> int:
    tally = migration.status().tally
    return tally.wanted


def _confirm(found: MigrationStatus) -> None:
    other = found.other
    if other is None or found.building:
        return  # there is nothing to drop, and the deed says so
    if not sys.stdin.isatty():
        raise UsageError(
            "Nobody is there to confirm.", f"`embedlane migrate finish {found.index} --yes` does not ask."
        )
    question = f"Drop generation {other.number} with {counted(found.tally.stored, 'vector')} for good?"
    if not click.confirm(question, err=True):
        raise RefusedError(f"Generation {other.number} of '{found.index}' was not dropped.")


def ended(session: Session, report: BuildReport) -> int:
    """Say what is left and what to run next; return the exit status."""
    found, embedded = report.status, report.embedded
    jobs = embedded.jobs if embedded else ()
    if embedded and embedded.sync and embedded.sync.interrupted:
        return stopped(session)
    troubled = [job for job in jobs if job.state in {JobState.QUARANTINED, JobState.FAILED}]
    for job in troubled:
        stuck = job.state is JobState.QUARANTINED
        hint = resolve_hint(job) if stuck else f"`embedlane jobs events {job.id}` tells its story."
        complain(f"job {job.id} is {job.state}: {job.reason}", hint)
    tally, paused = found.tally, found.other is not None and found.other.paused
    if found.complete:
        note(f"hint: `embedlane migrate swap {found.index}` switches queries to it.")
        return 0
    if embedded is None:
        lacking = counted(found.missing, "content")
        complain(
            f"{lacking} can't be cut yet: not embedded.",
            f"`embedlane embed {found.index}` embeds; then `embedlane migrate resume {found.index}`.",
        )
        return IncompleteError.exit_status
    if tally.in_flight:
        note(f"{counted(tally.in_flight, 'content')} in flight; `embedlane work` collects what jobs bring.")
    if tally.refused:
        complain(
            f"{counted(tally.refused, 'content')} refused by the provider.",
            f"`embedlane migrate swap {found.index} --allow-missing {found.missing}` switches without.",
        )
    if tally.pending and not paused:
        hint = f"`embedlane migrate resume {found.index}` sends them again."
        complain(f"{counted(tally.pending, 'content')} still pending.", hint)
    left = troubled or tally.refused or (tally.pending and not paused)
    return IncompleteError.exit_status if left else 0
