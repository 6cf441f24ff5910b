"""What embedding would cost, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedlane.cli.tables import counted, dollars, note, say, span, table

if TYPE_CHECKING:
    from embedlane.workspace.reports import LanePlan, Plan


def say_lanes(found: Plan) -> None:
    """What embedding would cost in each lane."""
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
