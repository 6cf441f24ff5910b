"""Indexes in the ledger: named, and bound to the space of the generation that serves."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import attrs
from sqlalchemy import Row, delete, insert, select, update

from embedlane.errors import RefusedError, SpaceMismatchError, UnknownNameError, UsageError
from embedlane.indexes.settings import IndexSettings
from embedlane.indexes.states import GenerationState
from embedlane.ledger.schema import generations, indexes, items, spaces
from embedlane.models.space import Space
from embedlane.vectors.bound import BoundSpace

if TYPE_CHECKING:
    from sqlalchemy import Connection

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@attrs.frozen(kw_only=True)
class IndexRecord:
    """An index as the ledger has it."""

    #: Its number.
    id: int
    #: Its name.
    name: str
    #: The generation that serves, by its number.
    generation: int
    #: The space that this generation is bound to.
    bound: BoundSpace
    #: Which texts of its items this generation holds: who made them; empty for their own.
    variant: str = ""
    #: How its documents are cut.
    settings: IndexSettings
    #: Grows with every change of its items or its space's vectors.
    stamp: tuple[int, int]
    #: Seconds since 1970.
    created_at: float

    def require(self, space: Space) -> None:
        """Refuse any space but the one the index is bound to.

        Raises:
            SpaceMismatchError: With both side by side and the commands that resolve it.
        """
        if space == self.bound.space:
            return
        theirs = f"{space.model} --dimensions {space.dimensions}"
        raise SpaceMismatchError(
            f"Index '{self.name}' is bound to another space; vectors of the two must never meet.\n"
            f"{self.bound.space.beside(space, ('index', 'asked for'))}\n",
            f"Keep using the index's own model; or move the index, `embedlane migrate plan {self.name} --to "
            f"{theirs}`; or make another, `embedlane index create {self.name}-2 --model {theirs}`.",
        )


def require_name(name: str) -> None:
    """Check that *name* can be the name of an index.

    Raises:
        UsageError: If it can't.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} can't be the name of an index.",
            "Use up to 100 letters, digits, dots, dashes and underscores; begin with a letter or digit.",
        )


def create_index(
    connection: Connection, name: str, space: Space, settings: IndexSettings, now: float
) -> IndexRecord:
    """Enter an index and bind it.

    Raises:
        UsageError: If the name can't be a name.
        SpaceMismatchError: If there is an index of that name in another space.
        RefusedError: If there is an index of that name in this space.
    """
    require_name(name)
    bound = BoundSpace.register(connection, space, now)
    values = {"name": name, "settings": settings.to_json(), "created_at": now}
    existing = connection.execute(_QUERY.where(indexes.c.name == name)).one_or_none()
    if existing is not None:
        _record(existing).require(space)
        raise RefusedError(
            f"There is an index '{name}' already.",
            f"`embedlane index show {name}` shows it; `embedlane index drop {name}` removes it.",
        )
    index_id = connection.execute(insert(indexes).returning(indexes.c.id), values).scalar_one()
    first = {"index_id": index_id, "number": 1, "space_id": bound.id, "state": GenerationState.SERVING.value}
    connection.execute(insert(generations), first | {"created_at": now, "changed_at": now})
    return load_index(connection, name)


def load_index(connection: Connection, name: str) -> IndexRecord:
    """Read the index *name*.

    Raises:
        UnknownNameError: If there is none; lists near misses.
    """
    row = connection.execute(_QUERY.where(indexes.c.name == name)).one_or_none()
    if row is None:
        known = connection.scalars(select(indexes.c.name)).all()
        raise UnknownNameError.among(
            "index", name, known, f"`embedlane index create {name} --model ID` makes it."
        )
    return _record(row)


def list_indexes(connection: Connection) -> list[IndexRecord]:
    """All indexes, by name."""
    return [_record(row) for row in connection.execute(_QUERY.order_by(indexes.c.name))]


def drop_index(connection: Connection, record: IndexRecord) -> None:
    """Remove an index and its items. Vectors stay in the archive: they are paid for."""
    for table in (items, generations):
        connection.execute(delete(table).where(table.c.index_id == record.id))
    connection.execute(delete(indexes).where(indexes.c.id == record.id))


def mark_changed(connection: Connection, index_id: int) -> None:
    """Count a change of the index's items, so that loaded copies are known to be stale."""
    connection.execute(update(indexes).where(indexes.c.id == index_id).values(changes=indexes.c.changes + 1))


_QUERY = (
    select(
        indexes.c.id,
        indexes.c.name,
        indexes.c.settings,
        indexes.c.created_at,
        indexes.c.changes.label("index_changes"),
        spaces.c.id.label("space_id"),
        spaces.c.canonical,
        spaces.c.fingerprint,
        spaces.c.changes.label("space_changes"),
        generations.c.number.label("generation"),
        generations.c.variant,
    )
    .join(generations, generations.c.index_id == indexes.c.id)
    .join(spaces, spaces.c.id == generations.c.space_id)
    .where(generations.c.state == GenerationState.SERVING.value)
)


def _record(row: Row[*tuple[Any, ...]]) -> IndexRecord:
    space = Space.parse(row.canonical)
    if space.fingerprint != row.fingerprint:
        raise SpaceMismatchError(
            f"The space of index '{row.name}' was changed in the ledger: its text gives {space.fingerprint}, "
            f"its fingerprint says {row.fingerprint}.",
            "Restore the ledger from a backup.",
        )
    return IndexRecord(
        id=row.id,
        name=row.name,
        generation=row.generation,
        bound=BoundSpace(row.space_id, space),
        variant=row.variant,
        settings=IndexSettings.from_json(row.settings),
        stamp=(row.index_changes, row.space_changes),
        created_at=row.created_at,
    )
