"""The generations of an index in the ledger: begun, switched and dropped, each in one write transaction.

Every change of state is one UPDATE that names the state it starts from. Who finds that it has moved on in the
meantime has lost the race, and is told so. Items belong to the index, vectors to a space: so both generations
see every item that is added, updated or removed, without anybody writing it twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
from sqlalchemy import Row, delete, func, insert, select, update

from embedlane.errors import RefusedError
from embedlane.indexes.binding import mark_changed
from embedlane.indexes.states import GenerationEvent, GenerationState, next_state
from embedlane.ledger.schema import canaries, drifts, generations, indexes, spaces, vectors
from embedlane.models.card import Lane
from embedlane.models.space import Space
from embedlane.vectors.bound import BoundSpace

if TYPE_CHECKING:
    from sqlalchemy import Connection

_S, _E = GenerationState, GenerationEvent
#: The states of the one generation that there may be beside the serving one.
_BESIDE = (_S.BUILDING.value, _S.KEPT.value)


@attrs.frozen(kw_only=True)
class Generation:
    """A generation as the ledger has it."""

    #: Its row in the ledger.
    id: int
    #: The index's number.
    index_id: int
    #: From 1 for each index.
    number: int
    #: The space it is bound to.
    bound: BoundSpace
    #: Where it stands.
    state: GenerationState
    #: Which texts of the items it holds: who made them; empty for their own.
    variant: str
    #: What fills it while it is built; None for the first one, and for one that is cut from stored vectors.
    lane: Lane | None
    #: Whether nothing is sent for it now.
    paused: bool
    #: What the quality must be for a swap; empty for nothing.
    gate: str
    #: A file of queries that the gate is measured with; empty for queries derived from the index's own texts.
    queries: str
    #: TREC judgments for that file, if it has none; empty otherwise.
    qrels: str
    #: US dollars that building it may cost; None for any amount.
    budget: float | None
    #: Seconds since 1970.
    created_at: float
    #: Seconds since 1970, of the last change of its state.
    changed_at: float

    def __str__(self) -> str:
        """Its space, and whose texts it holds where they are not the items' own."""
        return f"{self.bound.space}, {self.variant}" if self.variant else str(self.bound.space)


@attrs.frozen
class GenerationBook:
    """The generations of one index. All methods take the connection of the caller's transaction."""

    #: The index's number.
    index_id: int
    #: Its name, for messages.
    name: str

    def all(self, connection: Connection) -> list[Generation]:
        """All there ever were, by number."""
        query = _QUERY.where(generations.c.index_id == self.index_id).order_by(generations.c.number)
        return [_generation(row) for row in connection.execute(query)]

    def serving(self, connection: Connection) -> Generation:
        """The one that answers queries."""
        [found] = [each for each in self.all(connection) if each.state is _S.SERVING]
        return found

    def beside(self, connection: Connection) -> Generation | None:
        """The one that is being built or kept; None if no migration is under way."""
        return next((each for each in self.all(connection) if each.state.value in _BESIDE), None)

    def begin(
        self,
        connection: Connection,
        space: Space,
        now: float,
        *,
        lane: Lane | None,
        variant: str = "",
        budget: float | None = None,
        **terms: str,
    ) -> Generation:
        """Enter a generation to be built in *space*, of the items' texts or a *variant* of them.

        Args:
            connection: A write transaction.
            space: The space that it is bound to.
            now: Seconds since 1970.
            lane: What fills it; None where it is cut from stored vectors.
            variant: Which texts of the items it has; empty for their own.
            budget: US dollars that building it may cost; None for any amount.
            terms: Of the swap: gate, queries, qrels.

        Raises:
            RefusedError: If the index serves that space and variant already, or has another migration.
        """
        self.require_free(connection, space, variant)
        number = 1 + max(each.number for each in self.all(connection))
        values = {
            "index_id": self.index_id,
            "number": number,
            "space_id": BoundSpace.register(connection, space, now).id,
            "state": _S.BUILDING.value,
            "variant": variant,
            "lane": lane.value if lane else None,
            **terms,
            "budget": budget,
            "created_at": now,
            "changed_at": now,
        }
        connection.execute(insert(generations), values)
        return self._get(connection, number)

    def require_free(self, connection: Connection, space: Space, variant: str = "") -> None:
        """Refuse a migration to *space* if the index is there already, or has another migration.

        Raises:
            RefusedError: With the commands that end the other one.
        """
        serving = self.serving(connection)
        if (serving.bound.space, serving.variant) == (space, variant):
            raise RefusedError(
                f"Index '{self.name}' is in that space already: {space}.",
                "Name another model, or another size with --dimensions.",
            )
        other = self.beside(connection)
        if other is None:
            return
        commands = {
            _S.BUILDING: ("abort", "gives it up", "swap", "switches to it"),
            _S.KEPT: ("finish", "drops it", "rollback", "switches back to it"),
        }
        one, what, another, instead = commands[other.state]
        raise RefusedError(
            f"Index '{self.name}' has a migration already; one at a time. Its generation {other.number}, "
            f"{other}, is {other.state}.",
            f"`embedlane migrate {one} {self.name}` {what}; `embedlane migrate {another} {self.name}` "
            f"{instead}.",
        )

    def adjust(self, connection: Connection, generation: Generation, **values: Any) -> Generation:
        """Set *values* on a generation that is being built: paused, budget, lane, the terms of the swap.

        Raises:
            RefusedError: If it is not being built any more.
        """
        self._update(connection, generation, values)
        return self._get(connection, generation.number)

    def swap(self, connection: Connection, serving: Generation, building: Generation, now: float) -> None:
        """Switch readers to the one that was built, and keep the other to go back to.

        Raises:
            RefusedError: If one of the two has moved on.
        """
        self._change(connection, serving, _E.SWAP_OUT, now)
        self._change(connection, building, _E.SWAP_IN, now, paused=False)
        mark_changed(connection, self.index_id)

    def roll_back(self, connection: Connection, serving: Generation, kept: Generation, now: float) -> None:
        """Take a swap back; nothing is sent for the one that served until it is resumed.

        Raises:
            RefusedError: If one of the two has moved on.
        """
        self._change(connection, serving, _E.ROLL_BACK_OUT, now, paused=True)
        self._change(connection, kept, _E.ROLL_BACK_IN, now)
        mark_changed(connection, self.index_id)

    def abort(self, connection: Connection, building: Generation, now: float) -> None:
        """Give up a generation that is being built. Its vectors stay: they are paid for.

        Raises:
            RefusedError: If it is not being built any more.
        """
        self._change(connection, building, _E.ABORT, now)

    def finish(
        self, connection: Connection, kept: Generation, now: float, *, keep_vectors: bool = False
    ) -> int:
        """Drop the generation that was kept, and its vectors if no index needs them.

        Returns:
            How many vectors were removed.

        Raises:
            RefusedError: If it is not kept any more.
        """
        self._change(connection, kept, _E.FINISH, now)
        if keep_vectors or _needed(connection, kept.bound.id):
            return 0
        removed = connection.execute(delete(vectors).where(vectors.c.space_id == kept.bound.id)).rowcount
        # What is known of the model would only stand in the way of vectors that are to be made anew.
        for table in (canaries, drifts):
            connection.execute(delete(table).where(table.c.space_id == kept.bound.id))
        kept.bound.changed(connection)
        return removed

    def _change(
        self,
        connection: Connection,
        generation: Generation,
        event: GenerationEvent,
        now: float,
        **values: Any,
    ) -> None:
        after = next_state(generation.state, event)
        self._update(connection, generation, {"state": after.value, "changed_at": now, **values})

    def _update(self, connection: Connection, generation: Generation, values: dict[str, Any]) -> None:
        same = (generations.c.id == generation.id, generations.c.state == generation.state.value)
        if connection.execute(update(generations).where(*same).values(**values)).rowcount != 1:
            raise RefusedError(
                f"Generation {generation.number} of '{self.name}' is not {generation.state} any more.",
                f"Another process was faster: `embedlane migrate status {self.name}` shows how it stands.",
            )

    def _get(self, connection: Connection, number: int) -> Generation:
        [found] = [each for each in self.all(connection) if each.number == number]
        return found


def building_generations(connection: Connection) -> list[tuple[str, Generation]]:
    """The generations of all indexes that are being built and not paused, with their indexes' names."""
    query = _QUERY.where(generations.c.state == _S.BUILDING.value, generations.c.paused.is_(False))
    found = query.add_columns(indexes.c.name).join(indexes, indexes.c.id == generations.c.index_id)
    return [(row.name, _generation(row)) for row in connection.execute(found.order_by(indexes.c.name))]


def _needed(connection: Connection, space_id: int) -> bool:
    """Whether a generation of any index still has its vectors in the space."""
    query = select(func.count()).where(
        generations.c.space_id == space_id, generations.c.state != _S.DROPPED.value
    )
    return bool(connection.scalar(query))


_QUERY = select(generations, spaces.c.canonical).join(spaces, spaces.c.id == generations.c.space_id)


def _generation(row: Row[*tuple[Any, ...]]) -> Generation:
    return Generation(
        id=row.id,
        index_id=row.index_id,
        number=row.number,
        bound=BoundSpace(row.space_id, Space.parse(row.canonical)),
        state=GenerationState(row.state),
        variant=row.variant,
        lane=Lane(row.lane) if row.lane else None,
        paused=row.paused,
        gate=row.gate,
        queries=row.queries,
        qrels=row.qrels,
        budget=row.budget,
        created_at=row.created_at,
        changed_at=row.changed_at,
    )
