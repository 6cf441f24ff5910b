"""Search: from a query's vector to hits with their text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
from sqlalchemy import select

from embedlane.indexes.binding import load_index
from embedlane.indexes.matrix import Matrix
from embedlane.ledger.dialects import among
from embedlane.ledger.schema import contents, items

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from sqlalchemy import Connection

    from embedlane.indexes.binding import IndexRecord
    from embedlane.indexes.filters import Condition
    from embedlane.ledger.database import Ledger


@attrs.frozen(kw_only=True)
class Hit:
    """An item that was found."""

    #: The item's id.
    id: str
    #: Cosine of the angle between query and item, from -1 to 1.
    score: float
    #: The item's text.
    text: str
    #: The item's metadata.
    metadata: Mapping[str, Any]
    #: The file or stream that the item came from.
    source: str


@attrs.define
class Searcher:
    """Searches one index, and keeps its vectors in memory until they change."""

    ledger: Ledger
    record: IndexRecord
    _matrix: Matrix | None = attrs.field(default=None, init=False)

    def nearest(self, query: NDArray[np.float32], k: int, where: Sequence[Condition] = ()) -> list[Hit]:
        """The *k* items nearest to *query* that meet all conditions of *where*.

        Args:
            query: A unit vector of shape (dimensions,) of the index's space.
            k: How many.
            where: Conditions on the metadata.
        """
        with self.ledger.read() as connection:
            matrix = self._fresh(connection)
            allowed = self._allowed(connection, where) if where else None
            found = matrix.nearest(query, k, allowed)
            return self._hits(connection, dict(found))

    def embedded(self) -> int:
        """Number of items that can be found."""
        with self.ledger.read() as connection:
            return len(self._fresh(connection).rows)

    def _fresh(self, connection: Connection) -> Matrix:
        record = load_index(connection, self.record.name)
        record.require(self.record.bound.space)
        same = (record.id, record.created_at) == (self.record.id, self.record.created_at)
        if self._matrix is None or not same or self._matrix.stamp != record.stamp:
            self._matrix = Matrix.load(connection, record)
        # Another one if the index was dropped and made again.
        self.record = record
        return self._matrix

    def _allowed(self, connection: Connection, where: Sequence[Condition]) -> NDArray[np.int64]:
        query = select(items.c.id).where(
            items.c.index_id == self.record.id, *(condition.clause() for condition in where)
        )
        return np.fromiter(connection.scalars(query), dtype=np.int64)

    def _hits(self, connection: Connection, scores: Mapping[int, float]) -> list[Hit]:
        query = select(items.c.id, items.c.item, contents.c.text, items.c.metadata, items.c.source).join(
            contents, contents.c.hash == items.c.content_hash
        )
        found = {row.id: row for row in connection.execute(query.where(among(items.c.id, scores)))}
        return [
            Hit(
                id=found[number].item,
                score=score,
                text=found[number].text,
                metadata=found[number].metadata,
                source=found[number].source,
            )
            for number, score in scores.items()
        ]
