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
    from embedlane.models.space import Space


class MovedOnError(Exception):
    """Another generation serves by now; the query has to be embedded in its space."""


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

    def nearest(
        self,
        query: NDArray[np.float32],
        k: int,
        where: Sequence[Condition] = (),
        *,
        space: Space | None = None,
    ) -> list[Hit]:
        """The *k* items nearest to *query* that meet all conditions of *where*.

        Args:
            query: A unit vector of shape (dimensions,).
            k: How many.
            where: Conditions on the metadata.
            space: The space of *query*; None for the one that the index was in when it was last looked at.

        Raises:
            MovedOnError: If another generation serves by now, in another space.
            SpaceMismatchError: If the index was dropped, and made again in another space.
        """
        asked = space or self.record.bound.space
        with self.ledger.read() as connection:
            matrix = self._fresh(connection, asked)
            allowed = self._allowed(connection, matrix.record, where) if where else None
            found = matrix.nearest(query, k, allowed)
            return self._hits(connection, dict(found))

    def embedded(self) -> int:
        """Number of items that can be found."""
        with self.ledger.read() as connection:
            return len(self._fresh(connection, self.record.bound.space).rows)

    def _fresh(self, connection: Connection, asked: Space) -> Matrix:
        """The vectors as they are now, which are of the space *asked*."""
        record = load_index(connection, self.record.name)
        if record.id == self.record.id and record.bound.space != asked:
            raise MovedOnError(record.name)
        record.require(asked)
        # Looked at once: another thread may put another in its place.
        matrix = self._matrix
        if matrix is None or matrix.record != record:
            matrix = self._matrix = Matrix.load(connection, record)
        # Another one if the index was dropped and made again.
        self.record = record
        return matrix

    def _allowed(
        self, connection: Connection, record: IndexRecord, where: Sequence[Condition]
    ) -> NDArray[np.int64]:
        query = select(items.c.id).where(
            items.c.index_id == record.id, *(condition.clause() for condition in where)
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
