"""What differs among databases: an insert that gives way, and a comparison with many values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import orjson
from sqlalchemy import ARRAY, BigInteger, Boolean, Integer, Text, TypeDecorator, literal
from sqlalchemy.dialects import sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from embedlane.ledger.types import words

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import ColumnElement, Connection, Dialect, Table
    from sqlalchemy.dialects import postgresql
    from sqlalchemy.sql.compiler import SQLCompiler
    from sqlalchemy.types import TypeEngine

#: An insert with ``on_conflict_do_nothing`` and ``on_conflict_do_update``, which both spell alike.
Upsert: TypeAlias = "sqlite.Insert | postgresql.Insert"


def upsert(connection: Connection, table: Table) -> Upsert:
    """An insert into *table* that has ``on_conflict_do_nothing`` and ``on_conflict_do_update``."""
    if connection.dialect.name == "sqlite":
        return sqlite.insert(table)
    # Takes as long to import as a command to start, and most ledgers are files.
    from sqlalchemy.dialects import postgresql  # noqa: PLC0415

    return postgresql.insert(table)


def among(
    column: ColumnElement[str] | ColumnElement[int], values: Iterable[str | int]
) -> ColumnElement[bool]:
    """Whether *column* is one of *values*, of which there may be any number.

    They are bound as one value: databases limit how many a statement may bind, and SQLAlchemy takes 10 µs for
    each. Each is still looked up in the column's index.
    """
    return _Among(column, literal(list(values), _ListOf(numbers=isinstance(column.type, Integer))))


class _ListOf(TypeDecorator[Any]):
    """Many values bound as one: an array, or for SQLite, which has none, a text of JSON."""

    impl = Text
    cache_ok = True

    def __init__(self, *, numbers: bool) -> None:
        super().__init__()
        self.numbers = numbers

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """What *dialect* binds."""
        array = ARRAY(BigInteger() if self.numbers else words())
        return dialect.type_descriptor(array if dialect.name == "postgresql" else Text())

    def process_bind_param(self, value: list[str | int] | None, dialect: Dialect) -> Any:
        """Write the list as *dialect* wants it."""
        return value if dialect.name == "postgresql" else orjson.dumps(value).decode()


class _Among(FunctionElement[bool]):
    """Whether the first of two clauses is in the list that the second is."""

    type = Boolean()
    inherit_cache = True


@compiles(_Among, "sqlite")
def _among_of_sqlite(element: _Among, compiler: SQLCompiler, **kw: Any) -> str:
    column, values = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"({column} IN (SELECT value FROM json_each({values})))"


@compiles(_Among, "postgresql")
def _among_of_postgresql(element: _Among, compiler: SQLCompiler, **kw: Any) -> str:
    column, values = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"({column} = ANY ({values}))"
