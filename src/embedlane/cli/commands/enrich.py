"""``embedlane enrich``: what a model says of each chunk is embedded with it, or kept as questions."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import click
import orjson

from embedlane.cli.commands.embed import finish, say_embedded
from embedlane.cli.commands.generate import require_place
from embedlane.cli.commands.jobs import note_change
from embedlane.cli.commands.migrate import ended
from embedlane.cli.failing import complain
from embedlane.cli.migrations import report_view, say_built
from embedlane.cli.opening import opened
from embedlane.cli.output import emit, json_option, quiet_option
from embedlane.cli.session import Session
from embedlane.cli.tables import counted, dollars, note, pairs, say
from embedlane.errors import IncompleteError, UsageError
from embedlane.jobs.states import JobState
from embedlane.models.card import Lane
from embedlane.text.enrichers import Purpose
from embedlane.workspace.checkup import resolve_hint

if TYPE_CHECKING:
    from embedlane.jobs.job import Job
    from embedlane.workspace.enriching import Enrichment
    from embedlane.workspace.enrichment_reports import EnrichmentPlan, EnrichmentReport, EnrichmentTally


@click.command(epilog="Example: embedlane enrich docs --with context --plan")
@click.argument("name")
@click.option(
    "--with", "enricher", required=True, metavar="ENRICHER", help="context, questions, or of a plugin."
)
@click.option("--model", metavar="ID", help="Who is asked; default: as before, or the cheapest.")
@click.option("--lane", type=click.Choice(list(map(str, Lane))), help="What embeds; default: batch.")
@click.option("--budget", type=float, metavar="DOLLARS", help="Refuse if the plan is above it.")
@click.option("--plan", "only_plan", is_flag=True, help="Only say what it would take.")
@click.option("--wait", is_flag=True, help="Wait for the answers, and for the vectors.")
@click.option(
    "-o", "--output", "out", type=click.Path(path_type=Path), metavar="OUT", help="Write questions to it."
)
@quiet_option
@json_option
@click.pass_context
def enrich(
    ctx: click.Context,
    *,
    name: str,
    enricher: str,
    model: str | None,
    lane: str | None,
    budget: float | None,
    only_plan: bool,
    wait: bool,
    out: Path | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Ask a model about each chunk of an index, in batch jobs, and embed what it says with the chunk.

    The enriched texts become a new generation, beside the one that answers; `embedlane migrate` goes on from
    there. Run again, it goes on, and asks only about chunks that are new or changed.
    """
    session = ctx.ensure_object(Session)
    with opened(session) as workspace:
        enrichment = workspace.index(name).enrichment(enricher, model)
        _require_questions(enrichment, out)
        if only_plan:
            plan = enrichment.plan(lane=lane)
            emit(as_json, _fields(plan) | {"total": plan.total}, lambda _: _say_plan(plan))
            return
        report = enrichment.run(
            lane=lane, budget=budget, wait=wait, on_change=_silent if quiet else note_change
        )
        written = None if out is None else _write(enrichment, out)
    emit(as_json, _view(report, written), lambda _: _say(report, out, written))
    ctx.exit(_ended(session, report))


def _require_questions(enrichment: Enrichment, out: Path | None) -> None:
    """Refuse a file that can't be written, or that nothing is for, before anything is paid for."""
    if out is None:
        return
    if enrichment.enricher.purpose is not Purpose.QUESTIONS:
        raise UsageError(
            f"'{enrichment.enricher.name}' makes no questions, so there is nothing to write.", "Leave out -o."
        )
    require_place(out)


def _silent(_job: Job) -> None:
    return


def _write(enrichment: Enrichment, out: Path) -> int:
    """Write a line for each question; the file appears under its name only when it is whole."""
    part, count = out.with_name(f".{out.name}.{os.getpid()}.part"), 0
    try:
        with part.open("wb") as file:
            for count, each in enumerate(enrichment.questions(), 1):  # noqa: B007 - counted for afterwards
                file.write(orjson.dumps(each) + b"\n")
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
    return count


def _view(report: EnrichmentReport, written: int | None) -> dict[str, Any]:
    return _fields(report) | {"build": report.build and report_view(report.build), "questions": written}


def _fields(value: EnrichmentPlan | EnrichmentReport) -> dict[str, Any]:
    return {field.name: getattr(value, field.name) for field in attrs.fields(type(value))}


def _say_plan(plan: EnrichmentPlan) -> None:
    rows = [
        ("model", plan.model),
        ("chunks", _standing(plan.tally)),
        ("requests", f"{plan.requests:,}"),
        ("tokens in", f"{plan.tokens:,}, by the characters per token on the model's card"),
        ("tokens out", f"{plan.output_tokens:,}, by the enricher's guess"),
        ("cost", f"{dollars(plan.cost)} in the batch lane"),
    ]
    if plan.lane is not None:
        cost = f"{dollars(plan.embedding_cost)} in the {plan.lane} lane"
        rows.append(("to embed", f"{counted(plan.embedding_tokens, 'token')}, {cost}"))
    pairs(rows)
    note(f"hint: `embedlane enrich {plan.index} --with {plan.enricher} --model {plan.model}` begins.")


def _standing(tally: EnrichmentTally) -> str:
    parts = {
        "have it": tally.enriched,
        "are new": tally.new,
        "wait for an answer": tally.waiting,
        "have an answer that is not kept yet": tally.answered,
        "are their whole document": tally.alone,
        "were refused": tally.refused,
        "have an answer that can't be used": tally.unusable,
    }
    return ", ".join(f"{number:,} {what}" for what, number in parts.items() if number) or "none"


def _say(report: EnrichmentReport, out: Path | None, written: int | None) -> None:
    for each in report.sets:
        told = f"{each.tally.answered:,} of {counted(each.tally.rows, 'request')} answered"
        say(f"Job set {each.name} for {each.model}: {told}.")
    say(f"Chunks of '{report.index}': {_standing(report.tally)}.")
    if written is not None:
        say(f"{out}: {counted(written, 'question')} written.")
        note(f"hint: `embedlane compare {report.index} --queries {out}` measures with them.")
    if report.build is not None:
        say_built(report.build)
    if report.embedded is not None:
        say_embedded(report.embedded)


def _ended(session: Session, report: EnrichmentReport) -> int:
    """Say what is left and what to run next; return the exit status."""
    status, tally = 0, report.tally
    again = f"`embedlane enrich {report.index} --with {report.enricher} --model {report.model}`"
    for job in [job for each in report.sets for job in each.jobs]:
        if job.state in {JobState.QUARANTINED, JobState.FAILED}:
            stuck = job.state is JobState.QUARANTINED
            hint = resolve_hint(job) if stuck else f"`embedlane jobs events {job.id}` tells its story."
            complain(f"job {job.id} is {job.state}: {job.reason}", hint)
            status = IncompleteError.exit_status
    if tally.plain:
        sets = ", ".join(f"`embedlane generate retry {each.name}`" for each in report.sets)
        retry = f"{sets} makes refused requests pending again." if sets else "`embedlane generate list`."
        complain(f"{counted(tally.plain, 'chunk')} stay as they are: refused, or no usable answer.", retry)
        status = IncompleteError.exit_status
    if tally.waiting or tally.new:
        note(
            f"{counted(tally.waiting + tally.new, 'chunk')} wait for an answer; `embedlane work` waits for "
            f"the jobs, then {again} goes on."
        )
    if report.build is not None:
        return max(status, ended(session, report.build))
    if report.embedded is not None:
        return max(status, finish(session, report.index, report.embedded, None))
    return status
