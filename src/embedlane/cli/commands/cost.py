"""``embedlane cost``: what was billed, beside what was planned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from embedlane.cli.opening import opened
from embedlane.cli.output import emit, json_option
from embedlane.cli.session import Session, pass_session
from embedlane.cli.tables import counted, dollars, note, table

if TYPE_CHECKING:
    from embedlane.workspace.reports import Cost, CostReport, LaneCost


@click.command(epilog="Example: embedlane cost docs --since 2026-11-01")
@click.argument("name", required=False)
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="DATE",
    help="Only what was billed from this day on (UTC), as 2026-11-01.",
)
@json_option
@pass_session
def cost(session: Session, name: str | None, since: datetime | None, as_json: bool) -> None:
    """Say what was billed to an index, or to all: beside the plan, and beside the other lane's price."""
    began = None if since is None else since.replace(tzinfo=UTC).timestamp()
    with opened(session) as workspace:
        emit(as_json, workspace.costs(name, since=began), _render)


_HEADINGS = (
    "INDEX",
    "LANE",
    "ROWS",
    "TOKENS PLANNED",
    "TOKENS BILLED",
    "MEASURED",
    "COST PLANNED",
    "COST BILLED",
    "DIFFERENCE",
    "OTHER LANE",
    "SAVED",
)


def _render(report: CostReport) -> None:
    if report.open_jobs:
        planned = f"{counted(report.open_tokens, 'token')} planned"
        note(f"{counted(report.open_jobs, 'job')} not over, with {planned}; `embedlane work` collects them.")
    if not report.lanes:
        note("Nothing was billed.")
        return
    # Only what generates has tokens of answers.
    output = bool(report.total.output_tokens)
    headings = [*_HEADINGS[:5], "TOKENS OUT", *_HEADINGS[5:]] if output else _HEADINGS
    pairs = {(each.index, each.model) for each in report.lanes}
    moved = {index for index, count in Counter(index for index, _ in pairs).items() if count > 1}
    rows = [(_name(each, moved), each.lane, *_amounts(each.cost, output=output)) for each in report.lanes]
    table(headings, [*rows, ("total", "", *_amounts(report.total, output=output))])


def _name(bill: LaneCost, moved: Collection[str]) -> str:
    """The index, with the model where it had several."""
    return f"{bill.index} ({bill.model})" if bill.index in moved else bill.index


def _amounts(cost: Cost, *, output: bool) -> tuple[str, ...]:
    return (
        f"{cost.rows:,}",
        f"{cost.planned_tokens:,}",
        f"{cost.tokens:,}",
        *((f"{cost.output_tokens:,}",) if output else ()),
        f"{cost.measured_tokens / cost.tokens:.0%}" if cost.tokens else "",
        dollars(cost.planned),
        _billed(cost),
        _signed(cost.difference),
        dollars(cost.other_lane),
        _signed(cost.saved),
    )


def _billed(cost: Cost) -> str:
    """The amount, and whether there is more whose price nobody knows."""
    if cost.billed is None or not cost.unpriced_tokens:
        return dollars(cost.billed)
    return f"{dollars(cost.billed)} and unknown"


def _signed(amount: float | None) -> str:
    """Such as ``+$0.10``, ``-$2.00`` or ``$0``."""
    if not amount:
        return "unknown" if amount is None else "$0"
    return f"{'-' if amount < 0 else '+'}{dollars(abs(amount))}"
