"""``embedlane plan``: what embedding would cost, before a cent is spent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from embedlane.cli.opening import opened
from embedlane.cli.output import emit, json_option
from embedlane.cli.session import Session, pass_session
from embedlane.cli.tables import counted, dollars, note, say, span, table

if TYPE_CHECKING:
    from embedlane.workspace.reports import LanePlan, Plan


@click.command(epilog="Example: embedlane plan docs")
@click.argument("name")
@json_option
@pass_session
def plan(session: Session, name: str, as_json: bool) -> None:
    """Say what embedding the pending contents would cost in each lane; nothing is sent."""
    with opened(session) as workspace:
        emit(as_json, workspace.index(name).plan(), _render)


def _render(found: Plan) -> None:
    tokens = counted(found.tokens, "token")
    say(f"{counted(found.rows, 'content')} pending, {tokens} ({found.basis}: {found.rule}).")
    table(("LANE", "PROVIDER", "TOKENS", "COST", "TIME", "OBSTACLE"), map(_row, found.lanes))
    canaries = {lane.lane: lane.canary_tokens for lane in found.lanes if lane.canary_tokens}
    if canaries:
        shares = ", ".join(f"{tokens:,} in the {lane} lane" for lane, tokens in canaries.items())
        note(f"Canaries are among the tokens: {shares}.")


def _row(lane: LanePlan) -> tuple[str, ...]:
    if lane.obstacle:
        return (lane.lane.value, "-", "-", "-", "-", lane.obstacle)
    tokens = f"{lane.tokens:,} {lane.basis}"
    return (lane.lane.value, lane.provider, tokens, dollars(lane.cost), span(lane.time), "")
