"""Filters on the metadata of items: equality, ranges, and one of several values."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs
import orjson
from sqlalchemy import ColumnElement, false, literal, or_

from embedlane.errors import UsageError
from embedlane.indexes.metadata import NumberAt, TextAt, TruthAt, number
from embedlane.ledger.schema import items
from embedlane.ledger.types import words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

#: A value that metadata can be compared with.
Scalar = str | int | float | bool

#: Whole numbers end before it.
_TOO_LARGE = 1 << 63

_COMPARE: Mapping[str, Callable[[ColumnElement[Any], ColumnElement[Any]], ColumnElement[bool]]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_TEXT = re.compile(
    r"\s*(?P<key>[^<>=!\s]+)\s*(?:(?P<sign><=|>=|!=|=|<|>)|\s(?P<word>in)\s)(?P<value>(?![<>=!]).*)",
    re.DOTALL,
)


@attrs.frozen
class Condition:
    """One condition on one key; items without the key, or with a value of another kind, do not meet it."""

    #: The key in the metadata.
    key: str
    #: One of ``= != < <= > >= in``.
    sign: str
    #: What is compared with: one value, or several for ``in``.
    values: tuple[Scalar, ...]

    @classmethod
    def parse(cls, text: str) -> Condition:
        """Read ``key=value``, ``key>=value`` and so on, or ``key in a,b,c``.

        A value is read as JSON where it is a number, ``true``, ``false`` or a string in quotes, and as plain
        text elsewhere.

        Raises:
            UsageError: If it is no condition.
        """
        match = _TEXT.fullmatch(text)
        if match is None or not match["value"].strip():
            raise UsageError(
                f"{text!r} is not a condition.", "Write key=value, key!=value, key>=value, or 'key in a,b,c'."
            )
        words = match["value"].split(",") if match["word"] else [match["value"]]
        key = match["key"]
        return cls(key, match["sign"] or "in", tuple(_scalar(key, _value(word.strip())) for word in words))

    def clause(self) -> ColumnElement[bool]:
        """The condition in SQL."""
        if self.sign == "in":
            return or_(false(), *(self._compare("=", value) for value in self.values))
        return self._compare(self.sign, self.values[0])

    def _compare(self, sign: str, value: Scalar) -> ColumnElement[bool]:
        # What is found is NULL where it is of another kind, and NULL meets nothing.
        place = (items.c.metadata, literal(self.key, words()))
        if isinstance(value, str):
            return _COMPARE[sign](TextAt(*place), literal(value, words()))
        if isinstance(value, bool):
            # As a number, for SQLAlchemy compares a truth value with nothing else.
            return _COMPARE[sign](TruthAt(*place), literal(int(value)))
        return _COMPARE[sign](NumberAt(*place), number(value))


def conditions(where: Mapping[str, Any] | Iterable[str] | None) -> tuple[Condition, ...]:
    """Read filters as people write them.

    Args:
        where: A mapping from key to a value, a list of values, or a mapping from sign to value, as in
            ``{"lang": "en", "kind": ["a", "b"], "year": {">=": 2020, "<": 2024}}``; or conditions as text, as
            in ``["lang=en", "year>=2020"]``.

    Raises:
        UsageError: If one of them is no condition.
    """
    if where is None:
        return ()
    if not isinstance(where, Mapping):
        return tuple(Condition.parse(text) for text in where)
    found: list[Condition] = []
    for key, wanted in where.items():
        if isinstance(wanted, Mapping):
            unknown = set(wanted) - set(_COMPARE)
            if unknown:
                raise UsageError(f"{min(unknown)!r} compares nothing.", f"Use one of {' '.join(_COMPARE)}.")
            found += [Condition(key, sign, (_scalar(key, value),)) for sign, value in wanted.items()]
        elif isinstance(wanted, (list, tuple, set, frozenset)):
            found.append(Condition(key, "in", tuple(_scalar(key, value) for value in wanted)))
        else:
            found.append(Condition(key, "=", (_scalar(key, wanted),)))
    return tuple(found)


def _scalar(key: str, value: object) -> Scalar:
    if isinstance(value, (int, float)) and not -_TOO_LARGE <= value < _TOO_LARGE and not _is_real(value):
        raise UsageError(f"{key!r} can't be compared with {value}.", "Compare with a smaller number.")
    if isinstance(value, (str, int, float)):
        return value
    raise UsageError(
        f"{key!r} can't be compared with {value!r}.", "Compare with a text, a number, true or false."
    )


def _is_real(value: float) -> bool:
    return isinstance(value, float) and math.isfinite(value)


def _value(word: str) -> Scalar:
    try:
        value = orjson.loads(word)
    except orjson.JSONDecodeError:
        return word
    return value if isinstance(value, (str, int, float, bool)) else word
