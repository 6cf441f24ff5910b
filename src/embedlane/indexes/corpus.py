"""The items of an index as a corpus to be ranked: ids, contents, and for some documents the texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
from sqlalchemy import func, select

from embedlane.ledger.dialects import among
from embedlane.ledger.schema import contents, items
from embedlane.vectors.effective import effective
from embedlane.vectors.reading import read_vectors

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from sqlalchemy import Connection

    from embedlane.vectors.bound import BoundSpace


@attrs.frozen
class CorpusItem:
    """An item without its text."""

    #: Its id.
    id: str
    #: The hash of its content.
    content: str
    #: The document it was cut from.
    document: str


def read_corpus(connection: Connection, index_id: int, variant: str = "") -> list[CorpusItem]:
    """All items of an index with their contents in *variant*, in the order of their ids' bytes."""
    rows = effective(variant)
    query = select(rows.c.item, rows.c.content_hash, rows.c.document).where(rows.c.index_id == index_id)
    found = [CorpusItem(*row) for row in connection.execute(query)]
    return sorted(found, key=lambda item: item.id.encode())


def corpus_vectors(
    connection: Connection, bound: BoundSpace, corpus: Sequence[CorpusItem]
) -> NDArray[np.float32]:
    """The vectors of a corpus in a space, a row for each item; what is not stored is 0."""
    distinct = list(dict.fromkeys(item.content for item in corpus))
    matrix = read_vectors(connection, bound, distinct)
    if len(distinct) == len(corpus):
        return matrix
    places = {content: place for place, content in enumerate(distinct)}
    return matrix[[places[item.content] for item in corpus]]


def read_texts(
    connection: Connection, index_id: int, documents: Sequence[str]
) -> list[tuple[str, str, str, Mapping[str, Any]]]:
    """Id, document, text and metadata of all items of some documents."""
    query = (
        select(items.c.item, items.c.document, contents.c.text, items.c.metadata)
        .join(contents, contents.c.hash == items.c.content_hash)
        .where(items.c.index_id == index_id, among(items.c.document, documents))
        .order_by(items.c.id)
    )
    return [tuple(row) for row in connection.execute(query)]


def content_lengths(connection: Connection, index_id: int, variant: str = "") -> dict[int, int]:
    """For each number of characters, how many distinct contents of an index have it in *variant*."""
    rows = effective(variant)
    mine = select(rows.c.content_hash).distinct().where(rows.c.index_id == index_id).subquery()
    query = (
        select(contents.c.characters, func.count())
        .join(mine, mine.c.content_hash == contents.c.hash)
        .group_by(contents.c.characters)
    )
    return {row[0]: row[1] for row in connection.execute(query)}
