"""The archive: from (space, content hash) to a vector, paid for once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np
from sqlalchemy import delete, func, insert, select

from embedlane.errors import SpaceMismatchError
from embedlane.ledger.dialects import among, upsert
from embedlane.ledger.schema import claims, refusal_events, refusals, vectors
from embedlane.vectors.bound import BoundSpace
from embedlane.vectors.drift import require_no_drift

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from sqlalchemy import Connection, Table

    from embedlane.vectors.charges import Origin

#: How a vector lies in the ledger: float32, little endian.
STORED = np.dtype("<f4")


@attrs.frozen
class Refused:
    """A content that a provider will not embed."""

    #: The content's hash.
    content_hash: str
    #: The provider's code.
    code: str
    #: The provider's words.
    message: str
    #: Whether it may succeed another time.
    retryable: bool = False


@attrs.frozen
class Archive:
    """The vectors of one space."""

    #: The space.
    bound: BoundSpace

    def store(self, connection: Connection, hashes: Sequence[str], matrix: NDArray[np.float32]) -> None:
        """Store checked vectors; what is there already stays as it is.

        The space is read again inside the transaction, so that vectors of another can't slip in.

        Args:
            connection: A write transaction.
            hashes: Content hashes, n of them.
            matrix: Their unit vectors, of shape (n, dimensions).

        Raises:
            SpaceMismatchError: If the ledger's space or the matrix is not of this space.
            DriftError: If the space's model is known to have drifted.
        """
        current = BoundSpace.load(connection, self.bound.id)
        current.require(self.bound.space, "store vectors")
        if matrix.shape != (len(hashes), self.bound.space.dimensions):
            raise SpaceMismatchError(
                f"Refused to store an array of shape {matrix.shape} as {len(hashes)} vectors of "
                f"{self.bound.space}."
            )
        if not hashes:
            return
        require_no_drift(connection, self.bound)
        rows = [
            {"space_id": self.bound.id, "content_hash": content, "vector": vector.tobytes()}
            for content, vector in zip(hashes, matrix.astype(STORED, copy=False), strict=True)
        ]
        connection.execute(upsert(connection, vectors).on_conflict_do_nothing(), rows)
        for table in (claims, refusals):
            self._forget(connection, table, hashes)
        self.bound.changed(connection)

    def take_back(self, connection: Connection, hashes: Sequence[str]) -> None:
        """Remove vectors that should not have been stored; their contents are pending again."""
        self._forget(connection, vectors, hashes)
        self.bound.changed(connection)

    def refuse(self, connection: Connection, refused: Sequence[Refused], origin: Origin, now: float) -> None:
        """Record that *origin* said no; a second no counts as another attempt, and both are remembered."""
        if not refused:
            return
        statement = upsert(connection, refusals)
        statement = statement.on_conflict_do_update(
            index_elements=["space_id", "content_hash"],
            set_={
                "code": statement.excluded.code,
                "message": statement.excluded.message,
                "retryable": statement.excluded.retryable,
                "at": statement.excluded.at,
                "attempts": refusals.c.attempts + 1,
            },
        )
        rows = [attrs.asdict(row) | {"space_id": self.bound.id, "at": now} for row in refused]
        connection.execute(statement, rows)
        by = {"provider": origin.provider, "lane": origin.lane.value, "job_id": origin.job_id}
        connection.execute(insert(refusal_events), [row | by for row in rows])
        self._forget(connection, claims, [row.content_hash for row in refused])

    def count(self, connection: Connection) -> int:
        """Number of vectors in the space."""
        query = select(func.count()).select_from(vectors).where(vectors.c.space_id == self.bound.id)
        return connection.scalar(query) or 0

    def _forget(self, connection: Connection, table: Table, hashes: Sequence[str]) -> None:
        connection.execute(
            delete(table).where(table.c.space_id == self.bound.id, among(table.c.content_hash, hashes))
        )
