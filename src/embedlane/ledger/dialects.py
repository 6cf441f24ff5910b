"""What differs among databases: an insert that gives way, and a comparison with many values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
from sqlalchemy import func, literal, select
from sqlalchemy.dialects import sqlite

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import ColumnElement, Connection, Table

#: The insert of each database that a ledger can be in.
_INSERTS = {"sqlite": sqlite.insert}


def upsert(connection: Connection, table: Table) -> sqlite.Insert:
    """An insert into *table* that has ``on_conflict_do_nothing`` and ``on_conflict_do_update``."""
    return _INSERTS[connection.dialect.name](table)


def among(
    column: ColumnElement[str] | ColumnElement[int], values: Iterable[str | int]
) -> ColumnElement[bool]:
    """Whether *column* is one of *values*, of which there may be any number.

    They are bound as one value: databases limit how many a statement may bind, and SQLAlchemy takes 10 µs for
    each. SQLite still looks each up in the column's index.
    """
    listed = func.json_each(literal(orjson.dumps(list(values)).decode())).table_valued("value")
    return column.in_(select(listed.c.value))
