"""Types of columns that mean the same in each database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Float, Integer, String, Text, TypeDecorator

if TYPE_CHECKING:
    from sqlalchemy import Dialect
    from sqlalchemy.types import TypeEngine

#: What stands for a character that a database can't keep.
_REPLACEMENT = "\ufffd"


class _WithoutNul(TypeDecorator[str]):
    """PostgreSQL's text, which holds no NUL character.

    No document brings one in; what a provider writes into an error, or calls a row, may hold one.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Put U+FFFD in the place of NUL characters."""
        return value.replace("\0", _REPLACEMENT) if value else value


def words(length: int | None = None) -> TypeEngine[str]:
    """The type of a text, compared byte by byte: the ranges and pages that are asked for rest on that order.

    Args:
        length: The most characters, where that is known.
    """
    if length is None:
        return Text().with_variant(_WithoutNul(collation="C"), "postgresql")
    return String(length).with_variant(String(length, collation="C"), "postgresql")


#: A number that grows with the rows or bytes of a table; SQLite counts rows in ``INTEGER`` only.
Large = BigInteger().with_variant(Integer, "sqlite")
#: Seconds since 1970, UTC.
Timestamp = Float(53)
#: A content hash: 40 hexadecimal digits.
Hash = words(40)
