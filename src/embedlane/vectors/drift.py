"""What is known of a model that no longer answers as it did: it stops all writes to its space."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
from sqlalchemy import delete, select

from embedlane.errors import DriftError
from embedlane.ledger.dialects import upsert
from embedlane.ledger.schema import drifts, generations, indexes

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from embedlane.ledger.database import Ledger
    from embedlane.vectors.bound import BoundSpace
    from embedlane.vectors.charges import Origin


@attrs.frozen(kw_only=True)
class Drift:
    """A finding that nobody has settled yet."""

    #: The number of the space.
    space_id: int
    #: When it was found last, in seconds since 1970.
    at: float
    #: Whose answer it was.
    provider: str
    #: In which lane.
    lane: str
    #: What was found, in words.
    message: str


def record_drift(connection: Connection, bound: BoundSpace, message: str, origin: Origin, now: float) -> None:
    """Stop writes to the space until `clear_drift`; the last finding stands."""
    row = {"at": now, "provider": origin.provider, "lane": origin.lane.value, "message": message}
    statement = upsert(connection, drifts).on_conflict_do_update(index_elements=["space_id"], set_=row)
    connection.execute(statement, row | {"space_id": bound.id})


def clear_drift(connection: Connection, bound: BoundSpace, until: float) -> bool:
    """Let writes to the space go on if nothing was found after *until*; return whether they were stopped."""
    found = delete(drifts).where(drifts.c.space_id == bound.id, drifts.c.at <= until)
    return connection.execute(found).rowcount > 0


def open_drifts(ledger: Ledger) -> dict[int, Drift]:
    """The spaces whose model drifted, by their numbers."""
    with ledger.read() as connection:
        found = connection.execute(select(drifts)).mappings()
        return {row["space_id"]: Drift(**row) for row in found}


def require_no_drift(connection: Connection, bound: BoundSpace) -> None:
    """Refuse to go on while a drift of the space is not settled.

    Raises:
        DriftError: With what was found, and the ways out.
    """
    message = connection.scalar(select(drifts.c.message).where(drifts.c.space_id == bound.id))
    if message is not None:
        raise drift_error(connection, bound, message)


def drift_error(connection: Connection, bound: BoundSpace, message: str) -> DriftError:
    """The refusal that says what was found, and the ways out."""
    query = (
        select(indexes.c.name)
        .join(generations, generations.c.index_id == indexes.c.id)
        .where(generations.c.space_id == bound.id, generations.c.state != "dropped")
    )
    name = connection.scalar(query.order_by(indexes.c.name).limit(1)) or "NAME"
    model = bound.space.model
    return DriftError(
        f"{model} has drifted: {message}. Nothing more is sent for its space or stored in it.",
        f"`embedlane index check {name}` asks again, and lets writes go on if the answers are the old ones. "
        f'If one provider is at fault, name the other in [routes."{model}"]. If the model has changed for '
        "good, it is another space: give its card a new `revision` in the configuration, and migrate.",
    )
