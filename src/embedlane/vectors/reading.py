"""Reading stored vectors by their contents."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import select

from embedlane.ledger.dialects import among
from embedlane.ledger.schema import spaces, vectors
from embedlane.vectors.archive import STORED
from embedlane.vectors.bound import BoundSpace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from sqlalchemy import Connection

#: Vectors read at once.
_PAGE = 8192


def read_vectors(connection: Connection, bound: BoundSpace, hashes: Sequence[str]) -> NDArray[np.float32]:
    """Read the vectors of contents.

    Args:
        connection: A transaction.
        bound: Their space.
        hashes: Hashes of n contents, each once.

    Returns:
        An (n, dimensions) array in the order of *hashes*; rows that are not stored are 0.
    """
    matrix = np.zeros((len(hashes), bound.space.dimensions), dtype=np.float32)
    for start in range(0, len(hashes), _PAGE):
        page = hashes[start : start + _PAGE]
        places = {content: start + place for place, content in enumerate(page)}
        query = select(vectors.c.content_hash, vectors.c.vector).where(
            vectors.c.space_id == bound.id, among(vectors.c.content_hash, page)
        )
        for content, vector in connection.execute(query):
            matrix[places[content]] = np.frombuffer(vector, dtype=STORED)
    return matrix


def stored_contents(connection: Connection, bound: BoundSpace, hashes: Sequence[str]) -> set[str]:
    """Those of *hashes* that have a vector in a space."""
    found: set[str] = set()
    for start in range(0, len(hashes), _PAGE):
        query = select(vectors.c.content_hash).where(
            vectors.c.space_id == bound.id, among(vectors.c.content_hash, hashes[start : start + _PAGE])
        )
        found.update(connection.scalars(query))
    return found


def known_spaces(connection: Connection) -> list[BoundSpace]:
    """All spaces that the ledger has ever seen."""
    return [BoundSpace.load(connection, number) for number in connection.scalars(select(spaces.c.id))]
