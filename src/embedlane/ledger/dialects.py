"""What differs among databases: an insert that gives way, and how many values a statement may bind."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from sqlalchemy.dialects import sqlite

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection, Table

_T = TypeVar("_T")

#: Values that may be bound in one statement, below the limit of every database that is spoken to.
BOUND_VALUES = 900


#: The insert of each database that a ledger can be in.
_INSERTS = {"sqlite": sqlite.insert}


def upsert(connection: Connection, table: Table) -> sqlite.Insert:
    """An insert into *table* that has ``on_conflict_do_nothing`` and ``on_conflict_do_update``."""
    return _INSERTS[connection.dialect.name](table)


def batched(values: Sequence[_T], size: int = BOUND_VALUES) -> Iterator[Sequence[_T]]:
    """Yield *values* in pieces that one statement may bind."""
    for start in range(0, len(values), size):
        yield values[start : start + size]
