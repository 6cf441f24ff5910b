"""Migrations for people, and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from embedlane.cli.output import space_view
from embedlane.cli.planning import say_lanes
from embedlane.cli.tables import counted, dollars, moment, note, pairs, say, table

if TYPE_CHECKING:
    from embedlane.indexes.generations import Generation
    from embedlane.workspace.migration_reports import (
        AbortReport,
        BuildReport,
        FinishReport,
        MigrationPlan,
        MigrationStatus,
        SwapReport,
    )


def status_view(status: MigrationStatus) -> dict[str, Any]:
    """A status as JSON values."""
    return {
        "index": status.index,
        "serving": _generation(status.serving),
        "other": _generation(status.other) if status.other else None,
        "contents": status.tally,
        "missing": status.missing,
        "complete": status.complete,
        "jobs": status.jobs,
        "billed": status.billed,
        "generations": [_generation(each) for each in status.generations],
    }


def report_view(report: AbortReport | BuildReport | FinishReport | SwapReport) -> dict[str, Any]:
    """What a deed came to as JSON values."""
    view: dict[str, Any] = {field.name: getattr(report, field.name) for field in attrs.fields(type(report))}
    view |= {"status": status_view(report.status)}
    return view | ({"dropped": _generation(view["dropped"])} if "dropped" in view else {})


def say_plan(plan: MigrationPlan) -> None:
    """What a migration would take."""
    if plan.old == plan.new:
        say(f"Index '{plan.index}' is in that space already: {plan.new}.")
        note("hint: Name another model with --to, or another size with --dimensions.")
        return
    say(f"Index '{plan.index}' would move to another space:")
    say(plan.old.beside(plan.new, ("now", "then")))
    say(plan.means)
    tally = plan.plan.tally
    if tally.stored:
        say(f"{tally.stored:,} of {counted(tally.wanted, 'content')} have a vector there already.")
    if plan.too_long:
        verb = "is" if plan.too_long == 1 else "are"
        say(
            f"{counted(plan.too_long, 'content')} {verb} longer than the {plan.limit:,} tokens that "
            f"{plan.new.model} takes."
        )
    if not plan.resize:
        say_lanes(plan.plan)
    size = f" --dimensions {plan.new.dimensions}"
    note(f"hint: `embedlane migrate start {plan.index} --to {plan.new.model}{size}` begins.")


def say_built(report: BuildReport) -> None:
    """What starting or resuming came to."""
    status, embedded = report.status, report.embedded
    other = status.other
    if other is None:
        note("The migration was ended meanwhile.")
        return
    if embedded is None:
        say(f"{counted(report.cut, 'vector')} cut from stored ones, without a call.")
    elif embedded.sync:
        cost = f" for {dollars(embedded.sync.cost)}" if embedded.sync.cost else ""
        say(f"{counted(embedded.sync.stored, 'vector')} stored through {embedded.provider}{cost}.")
    else:
        for job in embedded.jobs:
            say(f"job {job.id} at {embedded.provider}: {job.state}, {counted(job.rows, 'row')}.")
    say(f"Generation {other.number}, {other}: {_progress(status)}.")


def say_status(status: MigrationStatus) -> None:
    """The generations of an index."""
    table(("GENERATION", "SPACE", "STATE", "LANE", "SINCE"), map(_row, status.generations))
    if status.other is None:
        note("No migration is under way.")
        return
    say("")
    pairs(
        [
            (f"in generation {status.other.number}", _progress(status)),
            ("in flight", f"{status.tally.in_flight:,}"),
            ("refused", f"{status.tally.refused:,}"),
            ("pending", f"{status.tally.pending:,}"),
            ("jobs", ", ".join(f"{job.id} {job.state}" for job in status.jobs) or "none"),
            ("billed", dollars(status.billed)),
            *([("budget", dollars(status.other.budget))] if status.other.budget is not None else []),
            *([("gate", status.other.gate)] if status.other.gate else []),
        ]
    )
    note(f"hint: {_next(status)}")


def say_paused(status: MigrationStatus) -> None:
    """That a migration is paused, and what goes on."""
    say(f"Nothing more is sent for the migration of '{status.index}': {_progress(status)}.")
    if status.jobs:
        verb = "goes" if len(status.jobs) == 1 else "go"
        note(f"{_named(status)} {verb} on; `embedlane work` stores what they bring.")
    note(f"hint: `embedlane migrate resume {status.index}` goes on.")


def say_aborted(report: AbortReport) -> None:
    """What was given up, and what it still costs."""
    status = report.status
    say(f"The migration of '{status.index}' is given up; {status.serving} goes on answering.")
    if report.cancelled:
        say(f"{counted(len(report.cancelled), 'job')} cancelled before the provider saw them.")
    for job in report.running:
        note(
            f"job {job.id} is {job.state} at {job.provider} and will be billed; `embedlane work` keeps what "
            f"it brings, `embedlane jobs cancel {job.id}` stops it."
        )


def say_swapped(report: SwapReport, deed: str, write: str) -> None:
    """Which generation answers now, and what to *write* into the configuration."""
    status, other = report.status, report.status.other
    say(f"'{status.index}' answers from generation {status.serving.number} now: {status.serving}.")
    for metric, (old, new) in report.measured.items():
        say(f"{metric}: {old:.4f} before, {new:.4f} now.")
    if report.missing:
        hint = f"`embedlane embed {status.index}` embeds them."
        note(f"{counted(report.missing, 'content')} can't be found in it yet; {hint}")
    if write:
        note(write)
    assert other is not None
    if deed == "swap":
        note(
            f"Generation {other.number} is kept: `embedlane migrate rollback {status.index}` switches back "
            f"to it, `embedlane migrate finish {status.index}` drops it."
        )
    else:
        note(
            f"Generation {other.number} is paused: `embedlane migrate swap {status.index}` switches to it "
            f"again, `embedlane migrate abort {status.index}` gives it up."
        )


def say_finished(report: FinishReport) -> None:
    """What was dropped."""
    what = f"{counted(report.removed, 'vector')} removed" if report.removed else "its vectors stay"
    say(f"Dropped generation {report.dropped.number}, {report.dropped}; {what}.")


def _generation(generation: Generation) -> dict[str, Any]:
    view = {field.name: getattr(generation, field.name) for field in attrs.fields(type(generation))}
    del view["id"], view["index_id"], view["bound"]
    return view | {"space": space_view(generation.bound.space)}


def _row(generation: Generation) -> tuple[object, ...]:
    state = f"{generation.state}, paused" if generation.paused else generation.state
    lane = generation.lane or ("-" if generation.number == 1 else "cut")
    return (generation.number, generation, state, lane, moment(generation.changed_at))


def _progress(status: MigrationStatus) -> str:
    return f"{status.tally.stored:,} of {counted(status.tally.wanted, 'content')}"


def _named(status: MigrationStatus) -> str:
    return f"{counted(len(status.jobs), 'job')} ({', '.join(str(job.id) for job in status.jobs)})"


def _next(status: MigrationStatus) -> str:
    name, other = status.index, status.other
    if not status.building:
        return f"`embedlane migrate finish {name}` drops it, `embedlane migrate rollback {name}` goes back."
    if status.complete:
        return f"`embedlane migrate swap {name}` switches queries to it."
    if other is not None and other.paused:
        return f"it is paused; `embedlane migrate resume {name}` goes on."
    return f"`embedlane work` drives its jobs, `embedlane migrate resume {name} --wait` does all and waits."
