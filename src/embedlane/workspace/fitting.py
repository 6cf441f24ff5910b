"""Which contents of an index are longer than another model takes: they were cut for the index's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from embedlane.ledger.schema import contents
from embedlane.models.card import Role
from embedlane.vectors.effective import wants
from embedlane.vectors.reading import stored_contents

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from embedlane.indexes.binding import IndexRecord
    from embedlane.text.tokens import TokenCounter
    from embedlane.vectors.bound import BoundSpace

#: Texts counted at once.
_PAGE = 1000
#: Special tokens that a tokenizer may put around a text.
_SPECIAL = 2


def too_long(
    connection: Connection, record: IndexRecord, bound: BoundSpace, limit: int | None, counter: TokenCounter
) -> set[str]:
    """The contents of an index with more than *limit* tokens in a space; those with a vector there do fit.

    Args:
        connection: A transaction.
        record: The index.
        bound: The space.
        limit: The most tokens of one input; None for any number.
        counter: Counts them.
    """
    if limit is None:
        return set()
    overhead = len(bound.space.render("", Role.DOCUMENT))
    # A token takes at least one character of ASCII, so what is shorter fits.
    query = select(contents.c.hash, contents.c.text).where(
        contents.c.characters + overhead + _SPECIAL > limit, wants(record.id, record.variant, contents.c.hash)
    )
    found: set[str] = set()
    with connection.execute(query.execution_options(yield_per=_PAGE)) as rows:
        for page in rows.partitions():
            counts = counter.count([bound.space.render(row.text, Role.DOCUMENT) for row in page])
            found.update(row.hash for row, tokens in zip(page, counts, strict=True) if tokens > limit)
    return found - stored_contents(connection, bound, list(found))
