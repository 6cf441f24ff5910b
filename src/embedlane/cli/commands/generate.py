"""``embedlane generate``: requests to models that generate, answered in batch jobs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from embedlane.cli.commands.jobs import note_change
from embedlane.cli.failing import complain
from embedlane.cli.group import ListingGroup
from embedlane.cli.opening import opened
from embedlane.cli.output import emit, json_option, quiet_option
from embedlane.cli.session import Session, pass_session
from embedlane.cli.tables import counted, dollars, moment, note, pairs, say, span, table
from embedlane.errors import EmbedlaneError, IncompleteError, InputError, UsageError
from embedlane.jobs.states import JobState
from embedlane.workspace.checkup import resolve_hint
from embedlane.workspace.generation_set import ANSWER_TOKENS
from embedlane.workspace.retirement import WARNING_DAYS

if TYPE_CHECKING:
    from collections.abc import Callable

    from embedlane.jobs.job import Job
    from embedlane.workspace.reports import GenerationPlan, GenerationReport
    from embedlane.workspace.workspace import Workspace

_FILE = click.argument("file", type=click.Path(path_type=Path))
_MODEL = click.option("--model", required=True, metavar="ID", help="The model, as publisher:model.")
_BUDGET = click.option("--budget", type=float, metavar="DOLLARS", help="Refuse if the plan is above it.")
_ANSWER = click.option(
    "--answer-tokens",
    type=click.IntRange(min=1),
    default=ANSWER_TOKENS,
    show_default=True,
    help="What plans take an answer to have, where its request does not allow fewer.",
)
_OUT = click.option(
    "-o", "--output", "out", required=True, type=click.Path(path_type=Path), metavar="OUT", help="JSON Lines."
)


@click.group(cls=ListingGroup, epilog="Example: embedlane generate run FILE -o OUT.jsonl --model ID")
def generate() -> None:
    """Answer requests with a model that generates, in batch jobs.

    FILE holds a JSON object on each line: {"key": …, "request": …}, the request in the API's own form.
    """


@generate.command("plan", epilog="Example: embedlane generate plan questions.jsonl --model ID")
@_FILE
@_MODEL
@_ANSWER
@json_option
@pass_session
def plan(session: Session, file: Path, model: str, answer_tokens: int, as_json: bool) -> None:
    """Check a file, and say what answering it would cost."""
    with opened(session) as workspace:
        report = workspace.generation.plan_file(file, model, answer_tokens)
        _warn(workspace, model)
        emit(as_json, report, _render_plan)


@generate.command(epilog="Example: embedlane generate submit questions.jsonl --model ID --budget 5")
@_FILE
@_MODEL
@_BUDGET
@_ANSWER
@quiet_option
@json_option
@click.pass_context
def submit(
    ctx: click.Context,
    file: Path,
    model: str,
    budget: float | None,
    answer_tokens: int,
    quiet: bool,
    as_json: bool,
) -> None:
    """Check a file and send it in batch jobs.

    `embedlane work` waits for the answers, `embedlane generate results` writes them.
    """
    with opened(ctx.ensure_object(Session)) as workspace:
        made = workspace.generation.enter_file(file, model)
        _warn(workspace, model)
        report = made.submit(budget=budget, answer_tokens=answer_tokens, on_change=_teller(quiet))
    emit(as_json, report, _render_submitted)
    ctx.exit(_complain(report, waited=False))


@generate.command(epilog="Example: embedlane generate run questions.jsonl -o answers.jsonl --model ID")
@_FILE
@_OUT
@_MODEL
@_BUDGET
@_ANSWER
@quiet_option
@json_option
@click.pass_context
def run(
    ctx: click.Context,
    file: Path,
    out: Path,
    model: str,
    budget: float | None,
    answer_tokens: int,
    quiet: bool,
    as_json: bool,
) -> None:
    """Check a file, send it, wait, write the answers.

    After an interruption the same command goes on.
    """
    require_place(out, file)
    with opened(ctx.ensure_object(Session)) as workspace:
        made = workspace.generation.enter_file(file, model)
        _warn(workspace, model)
        report = made.wait(budget=budget, answer_tokens=answer_tokens, on_change=_teller(quiet))
        made.write(out)
    emit(as_json, report, lambda report: _render_written(report, out))
    ctx.exit(_complain(report, waited=True))


@generate.command(epilog="Example: embedlane generate results questions-1f3a9c2e -o answers.jsonl")
@click.argument("jobset")
@_OUT
@quiet_option
@json_option
@click.pass_context
def results(ctx: click.Context, jobset: str, out: Path, quiet: bool, as_json: bool) -> None:
    """Write what there is of a job set so far.

    There is a line for each request, in the order of the input.
    """
    require_place(out)
    with opened(ctx.ensure_object(Session)) as workspace:
        made, status = workspace.generation.open(jobset), 0
        try:
            made.collect(on_change=_teller(quiet))
        except EmbedlaneError as error:
            # What came before is worth having.
            complain(error.message, error.hint)
            status = error.exit_status
        made.write(out)
        report = made.report()
    emit(as_json, report, lambda report: _render_written(report, out))
    ctx.exit(status or _complain(report, waited=True))


@generate.command("list", epilog="Example: embedlane generate list")
@json_option
@pass_session
def list_sets(session: Session, as_json: bool) -> None:
    """List all job sets, the oldest first."""
    with opened(session) as workspace:
        sets = workspace.generation.all()
    emit(as_json, {"jobsets": sets}, _render_list)


@generate.command(epilog="Example: embedlane generate retry questions-1f3a9c2e")
@click.argument("jobset")
@json_option
@pass_session
def retry(session: Session, jobset: str, as_json: bool) -> None:
    """Make refused requests of a job set pending again."""
    with opened(session) as workspace:
        number = workspace.generation.open(jobset).retry()
    emit(as_json, {"retried": number}, _render_retried)


def _teller(quiet: bool) -> Callable[[Job], None]:
    return (lambda _job: None) if quiet else note_change


def _warn(workspace: Workspace, model: str) -> None:
    """Say that *model* may be shut down soon: a job takes a day."""
    life = workspace.registry.generator(model).lifecycle
    if life.retires_within(workspace.lanes.today(), WARNING_DAYS):
        successor = f"; its publisher recommends {life.successor}" if life.successor else ""
        note(f"warning: {model} may be shut down from {life.retires} on{successor}.")


def require_place(out: Path, source: Path | None = None) -> None:
    """Refuse a file that can't be written, or that is read, before anything is paid for."""
    if source is not None and out.exists() and source.exists() and out.samefile(source):
        raise UsageError(
            f"{out} holds the requests; the answers would replace them.", "Name another file as -o."
        )
    if out.is_dir() or not out.absolute().parent.is_dir():
        raise InputError(f"{out} can't be written: it is a folder, or is in none.", "Correct -o.")


def _complain(report: GenerationReport, *, waited: bool) -> int:
    """Say what is lacking and what to run next; return the exit status."""
    tally = report.tally
    doubtful = [job for job in report.jobs if job.state is JobState.QUARANTINED]
    for job in doubtful:
        complain(f"job {job.id} is {job.state}: {job.reason}.", resolve_hint(job))
    failed = [job for job in report.jobs if job.state is JobState.FAILED]
    for job in failed:
        complain(f"job {job.id} failed: {job.reason}", f"`embedlane jobs events {job.id}` tells its story.")
    if tally.refused:
        complain(
            f"{counted(tally.refused, 'request')} refused; the reasons stand in the output.",
            f"`embedlane generate retry {report.name}` makes them pending again.",
        )
    if tally.in_flight:
        note(
            f"{counted(tally.in_flight, 'request')} in flight; `embedlane work` waits for them, "
            f"`embedlane generate results {report.name} -o OUT.jsonl` writes what there is."
        )
    if tally.pending:
        complain(
            f"{counted(tally.pending, 'request')} still pending.",
            "Run `embedlane generate submit` or `run` with the same file and model again.",
        )
    lacking = tally.refused or tally.pending or failed or doubtful or (waited and tally.in_flight)
    return IncompleteError.exit_status if lacking else 0


def _render_plan(report: GenerationPlan) -> None:
    pairs(
        [
            ("model", report.model),
            ("provider", report.provider),
            ("requests", f"{report.rows:,}, of which {report.pending:,} are to be sent"),
            ("tokens in", f"{report.tokens:,}, by the characters per token on the model's card"),
            ("tokens out", f"{report.output_tokens:,}, if an answer has {report.answer_tokens:,} or fewer"),
            ("cost", f"{dollars(report.cost)} in the batch lane"),
            ("time", span(report.time)),
        ]
    )


def _render_submitted(report: GenerationReport) -> None:
    say(f"Job set {report.name}: {_standing(report)}.")
    for job in report.jobs:
        say(f"job {job.id} at {job.provider}: {job.state}, {counted(job.rows, 'row')}.")


def _render_written(report: GenerationReport, out: Path) -> None:
    say(f"Job set {report.name}: {_standing(report)}.")
    lacking = report.tally.rows - report.tally.answered
    partial = f"; {lacking:,} of them hold no response, but why there is none" if lacking else ""
    say(f"{out}: {counted(report.tally.rows, 'line')} written, in the order of the input{partial}.")


def _standing(report: GenerationReport) -> str:
    tally = report.tally
    parts = {"refused": tally.refused, "in flight": tally.in_flight, "pending": tally.pending}
    told = [f"{number:,} {name}" for name, number in parts.items() if number]
    return ", ".join([f"{tally.answered:,} of {counted(tally.rows, 'request')} answered", *told])


def _render_retried(view: dict[str, int]) -> None:
    number = counted(view["retried"], "request")
    say(f"{number} pending again; `embedlane generate run` with the same file and model sends them.")


def _render_list(view: dict[str, Any]) -> None:
    if not view["jobsets"]:
        note("There are no job sets; `embedlane generate submit FILE --model ID` makes one.")
        return
    table(_HEADINGS, map(_row, view["jobsets"]))


_HEADINGS = (
    "JOB SET",
    "MODEL",
    "REQUESTS",
    "ANSWERED",
    "REFUSED",
    "IN FLIGHT",
    "PENDING",
    "CREATED",
    "SOURCE",
)


def _row(report: GenerationReport) -> tuple[object, ...]:
    tally = report.tally
    counts = (tally.rows, tally.answered, tally.refused, tally.in_flight, tally.pending)
    return (report.name, report.model, *counts, moment(report.created_at), report.source)
