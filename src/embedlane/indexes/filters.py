"""Filters on the metadata of items: equality, ranges, and one of several values."""

from __future__ import annotations

import operator
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs
import orjson
from sqlalchemy import and_, false, func, or_

from embedlane.errors import UsageError
from embedlane.ledger.schema import items

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sqlalchemy import ColumnElement

#: A value that metadata can be compared with.
Scalar = str | int | float | bool

_COMPARE: Mapping[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_TEXT = re.compile(
    r"\s*(?P<key>[^<>=!\s]+)\s*(?:(?P<sign><=|>=|!=|=|<|>)|\s(?P<word>in)\s)(?P<value>.*)", re.DOTALL
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
        return cls(match["key"], match["sign"] or "in", tuple(_value(word.strip()) for word in words))

    def clause(self) -> ColumnElement[bool]:
        """The condition in SQL."""
        if self.sign == "in":
            return or_(false(), *(self._compare("=", value) for value in self.values))
        return self._compare(self.sign, self.values[0])

    def _compare(self, sign: str, value: Scalar) -> ColumnElement[bool]:
        field = items.c.metadata[self.key]
        if isinstance(value, bool):
            typed: Any = field.as_boolean()
        elif isinstance(value, (int, float)):
            typed = field.as_float()
        else:
            typed = field.as_string()
        return and_(_is_kind(self.key, value), _COMPARE[sign](typed, value))


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
            found += [Condition(key, sign, (value,)) for sign, value in wanted.items()]
        elif isinstance(wanted, Sequence) and not isinstance(wanted, str):
            found.append(Condition(key, "in", tuple(wanted)))
        else:
            found.append(Condition(key, "=", (wanted,)))
    return tuple(found)


def _is_kind(key: str, value: Scalar) -> ColumnElement[bool]:
    """Whether the metadata's value is of the kind of *value*: a cast would turn any text into a number."""
    kind = func.json_type(items.c.metadata, f'$."{key}"')
    if isinstance(value, bool):
        return kind.in_(["true", "false"])
    if isinstance(value, (int, float)):
        return kind.in_(["integer", "real"])
    return kind == "text"


def _value(word: str) -> Scalar:
    try:
        value = orjson.loads(word)
    except orjson.JSONDecodeError:
        return word
    return value if isinstance(value, (str, int, float, bool)) else word
