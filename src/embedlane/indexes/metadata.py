"""A value of an item's metadata in SQL: what lies under a key, or NULL if it is of another kind.

Numbers are compared as what they are, whole or not, in each database: 2**53 + 1 is more than 2.0**53.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy import Integer, Numeric, String, TypeDecorator, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Dialect
    from sqlalchemy.sql.compiler import SQLCompiler
    from sqlalchemy.types import TypeEngine

#: From here on a float is a whole number, which its text says only nearly.
_INEXACT = 1 << 53
#: From here on there is no whole number in a ledger that a float could be compared with.
_TOO_LARGE = 1 << 63


class TextAt(FunctionElement[str]):
    """The text under a key."""

    type = String()
    inherit_cache = True


class TruthAt(FunctionElement[int]):
    """The truth value under a key, as 0 or 1."""

    type = Integer()
    inherit_cache = True


class NumberAt(FunctionElement[Any]):
    """The number under a key."""

    type = Numeric()
    inherit_cache = True


def number(value: float) -> ColumnElement[Any]:
    """*value*, to be compared with a `NumberAt`."""
    return literal(value, _Exact())


class _Exact(TypeDecorator[Any]):
    """A number that does not pass through the other kind of number."""

    impl = Numeric
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """SQLite takes each number as it is, but SQLAlchemy would make a float of it."""
        return dialect.type_descriptor(Integer() if dialect.name == "sqlite" else Numeric())

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """For PostgreSQL the same decimal number as `_number_of_postgresql` makes of a float's text."""
        if dialect.name == "sqlite" or isinstance(value, int):
            return value
        return Decimal(int(value)) if _INEXACT <= abs(value) < _TOO_LARGE else Decimal(repr(value))


@compiles(TextAt, "sqlite")
def _text_of_sqlite(element: TextAt, compiler: SQLCompiler, **kw: Any) -> str:
    return _value_of_sqlite(element, compiler, "'text'", **kw)


@compiles(TruthAt, "sqlite")
def _truth_of_sqlite(element: TruthAt, compiler: SQLCompiler, **kw: Any) -> str:
    return _value_of_sqlite(element, compiler, "'true', 'false'", **kw)


@compiles(NumberAt, "sqlite")
def _number_of_sqlite(element: NumberAt, compiler: SQLCompiler, **kw: Any) -> str:
    return _value_of_sqlite(element, compiler, "'integer', 'real'", **kw)


def _value_of_sqlite(element: FunctionElement[Any], compiler: SQLCompiler, kinds: str, **kw: Any) -> str:
    # Not a JSON path: in one, SQLite takes no key with a quote, and older releases none with an escape.
    column, key = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"(SELECT value FROM json_each({column}) WHERE key = {key} AND type IN ({kinds}))"


@compiles(TextAt, "postgresql")
def _text_of_postgresql(element: TextAt, compiler: SQLCompiler, **kw: Any) -> str:
    return _value_of_postgresql(element, compiler, "string", '{value} COLLATE "C"', **kw)


@compiles(TruthAt, "postgresql")
def _truth_of_postgresql(element: TruthAt, compiler: SQLCompiler, **kw: Any) -> str:
    return _value_of_postgresql(element, compiler, "boolean", "{value}::boolean::integer", **kw)


@compiles(NumberAt, "postgresql")
def _number_of_postgresql(element: NumberAt, compiler: SQLCompiler, **kw: Any) -> str:
    exactly = (
        "CASE WHEN {value} ~ '[.e]'"
        f" AND abs({{value}}::numeric) >= {_INEXACT} AND abs({{value}}::numeric) < {_TOO_LARGE}"
        " THEN {value}::float8::bigint::numeric ELSE {value}::numeric END"
    )
    return _value_of_postgresql(element, compiler, "number", exactly, **kw)


def _value_of_postgresql(
    element: FunctionElement[Any], compiler: SQLCompiler, kind: str, expression: str, **kw: Any
) -> str:
    column, key = (compiler.process(clause, **kw) for clause in element.clauses)
    # CASE, because only that keeps a cast from values of another kind.
    value = expression.replace("{value}", f"({column} ->> {key})")
    return f"(CASE WHEN json_typeof({column} -> {key}) = '{kind}' THEN {value} END)"
