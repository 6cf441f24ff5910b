"""What moving an index would take: rows, tokens, money and time, and what it means for the vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from embedlane.errors import UsageError
from embedlane.models.card import Lane
from embedlane.vectors.bound import BoundSpace
from embedlane.vectors.meter import MeteredRows
from embedlane.vectors.pending import Pending
from embedlane.vectors.resizing import can_be_cut
from embedlane.workspace.budget import require_budget
from embedlane.workspace.migration_reports import MigrationPlan
from embedlane.workspace.planning import meter_of, plan_lanes

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from embedlane.indexes.binding import IndexRecord
    from embedlane.ledger.database import Ledger
    from embedlane.models.card import ModelCard
    from embedlane.models.space import Space
    from embedlane.workspace.lanes import Lanes

#: The number of a space that nothing was ever made in: nothing is stored there.
_NEW = 0
#: Contents that are looked at together.
_PAGE = 10_000


def plan_migration(
    connection: Connection, record: IndexRecord, new: Space, lanes: Lanes, now: float
) -> MigrationPlan:
    """Plan the move of an index to the space *new*."""
    card = lanes.registry.card(new.model)
    old, target = record.bound.space, _moved(connection, record, new)
    return MigrationPlan(
        index=record.name,
        old=old,
        new=new,
        resize=can_be_cut(card, old, new),
        means=_meaning(card, old, new),
        plan=plan_lanes(connection, target, lanes, now),
        too_long=_too_long(connection, target, lanes, now),
        limit=card.limits.tokens_per_input,
    )


def require_affordable(
    ledger: Ledger, record: IndexRecord, new: Space, lanes: Lanes, lane: Lane, budget: float, now: float
) -> None:
    """Refuse a migration that is planned at more than *budget*, before anything is entered.

    Raises:
        UsageError: If *budget* is no amount.
        RefusedError: If the plan is above the budget, or the price is not known.
    """
    with ledger.read() as connection:
        target = _moved(connection, record, new)
        meter = meter_of(connection, target, lanes, now)
        rows = MeteredRows(Pending(target.id, target.bound.id, variant=target.variant), meter)
        require_budget(connection, rows, target, lanes, lane, budget, None, now)


def choose_lane(lanes: Lanes, record: IndexRecord, new: Space, lane: Lane | str | None) -> Lane | None:
    """What fills a new generation; None where it is cut.

    Raises:
        UsageError: If *lane* is none, or not needed.
        CapabilityError: If the model lacks the lane, or no installed provider serves it.
    """
    card = lanes.registry.card(new.model)
    if lane is not None and lane not in set(Lane):
        raise UsageError(f"{lane!r} is no lane.", f"Use one of {', '.join(Lane)}.")
    if can_be_cut(card, record.bound.space, new):
        if lane is not None:
            raise UsageError(
                f"No lane is needed: {new} is cut from stored vectors, without a call.",
                "Leave out the lane.",
            )
        return None
    chosen = Lane(lane) if lane else Lane.BATCH if Lane.BATCH in card.lanes else Lane.SYNC
    lanes.route(card, chosen)
    return chosen


def _moved(connection: Connection, record: IndexRecord, new: Space) -> IndexRecord:
    """The index as it would be in the space *new*."""
    return attrs.evolve(record, bound=BoundSpace.find(connection, new) or BoundSpace(_NEW, new))


def _meaning(card: ModelCard, old: Space, new: Space) -> str:
    if old == new:
        return "The index is in this space already."
    if can_be_cut(card, old, new):
        return (
            "The new vectors are heads of the stored ones: they are cut, without a call and without a cost."
        )
    if attrs.evolve(old, dimensions=new.dimensions) != new:
        return "Vectors of the two spaces can't be compared: everything is embedded again."
    if new.dimensions > old.dimensions:
        return "A larger size can't be made from stored vectors: everything is embedded again."
    return f"Vectors of {card.id} can't be cut by its card: everything is embedded again."


def _too_long(connection: Connection, target: IndexRecord, lanes: Lanes, now: float) -> int:
    """Contents to be sent that have more tokens than the model takes, counted or by the rule."""
    limit = lanes.registry.card(target.bound.space.model).limits.tokens_per_input
    if limit is None:
        return 0
    meter = meter_of(connection, target, lanes, now)
    rows = MeteredRows(Pending(target.id, target.bound.id, variant=target.variant), meter)
    found, after = 0, ""
    while page := rows.sizes(connection, now, _PAGE, after):
        found += sum(tokens > limit for _, tokens in page)
        after = page[-1][0]
    return found
