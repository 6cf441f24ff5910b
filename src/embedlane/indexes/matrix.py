"""The vectors of an index in memory, and the exact search over them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import attrs
import numpy as np
from sqlalchemy import and_, func, select

from embedlane.ledger.schema import vectors
from embedlane.vectors.archive import STORED
from embedlane.vectors.effective import effective

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from sqlalchemy import Connection

    from embedlane.indexes.binding import IndexRecord

#: Vectors read from the ledger at once.
_PAGE = 8192


@attrs.frozen(eq=False)
class Matrix:
    """All embedded items of an index: n of them."""

    #: Numbers of the items in the ledger, of shape (n,).
    rows: NDArray[np.int64]
    #: Unit vectors of shape (n, dimensions).
    vectors: NDArray[np.float32]
    #: The index when it was read: its generation, and the stamp of its items and vectors.
    record: IndexRecord

    @classmethod
    def load(cls, connection: Connection, record: IndexRecord) -> Self:
        """Read the vectors of all embedded items, in the order in which they lie on disk."""
        items = effective(record.variant)
        joined = items.join(
            vectors,
            and_(vectors.c.content_hash == items.c.content_hash, vectors.c.space_id == record.bound.id),
        )
        mine = items.c.index_id == record.id
        count = connection.scalar(select(func.count()).select_from(joined).where(mine)) or 0
        rows = np.empty(count, dtype=np.int64)
        matrix = np.empty((count, record.bound.space.dimensions), dtype=np.float32)
        query = select(items.c.id, vectors.c.vector).select_from(joined).where(mine)
        start = 0
        with connection.execute(query.execution_options(yield_per=_PAGE)) as found:
            for page in found.partitions():
                end = start + len(page)
                rows[start:end] = [row[0] for row in page]
                read = np.frombuffer(b"".join([row[1] for row in page]), dtype=STORED)
                matrix[start:end] = read.reshape(len(page), -1)
                start = end
        return cls(rows, matrix, record)

    def nearest(
        self, query: NDArray[np.float32], k: int, allowed: NDArray[np.int64] | None = None
    ) -> list[tuple[int, float]]:
        """The *k* items nearest to *query* by cosine.

        Args:
            query: A unit vector of shape (dimensions,).
            k: How many.
            allowed: Numbers of the items to look at; None for all.

        Returns:
            Pairs of item number and cosine, the nearest first; equal ones by number.
        """
        scores = self.vectors @ query
        rows = self.rows
        if allowed is not None:
            chosen = np.isin(rows, allowed)
            scores, rows = scores[chosen], rows[chosen]
        k = min(k, len(scores))
        if k <= 0:
            return []
        # All that are as near as the k-th, so that it is their number that chooses among equals.
        best = np.flatnonzero(scores >= np.partition(scores, len(scores) - k)[len(scores) - k])
        order = np.lexsort((rows[best], -scores[best]))[:k]
        # A sum of products may pass 1 by its last bit.
        return [(int(rows[i]), min(1.0, max(-1.0, float(scores[i])))) for i in best[order]]
