"""The cargo of embedding jobs: contents go out under their hash, vectors come back."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import attrs
import numpy as np
from sqlalchemy import and_, select

from embedlane.errors import ResponseError
from embedlane.ledger.schema import contents, job_rows, refusals
from embedlane.models.card import Role
from embedlane.providers.values import BatchRow, RawEmbeddings, Refusal
from embedlane.vectors.archive import Archive, Refused

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray
    from sqlalchemy import Connection

    from embedlane.providers.checks import Checker
    from embedlane.providers.values import Vector
    from embedlane.vectors.bound import BoundSpace

#: The code of a refusal by the core's own checks.
INVALID = "invalid-vector"


@attrs.frozen
class EmbeddingCargo:
    """Rows whose key is a content hash and whose result is a vector of one space."""

    #: The space that the vectors are for.
    bound: BoundSpace
    #: Checks what comes back.
    checker: Checker

    def rows(self, connection: Connection, job_id: int) -> Iterator[BatchRow]:
        """Stream the rows of a job, their text inside the space's template."""
        refused = and_(refusals.c.space_id == self.bound.id, refusals.c.content_hash == job_rows.c.key)
        query = (
            select(job_rows.c.key, contents.c.text, job_rows.c.position, refusals.c.attempts.is_not(None))
            .join(contents, contents.c.hash == job_rows.c.key)
            .outerjoin(refusals, refused)
            .where(job_rows.c.job_id == job_id)
            .order_by(job_rows.c.position)
            .execution_options(yield_per=1000)
        )
        for key, text, position, alone in connection.execute(query):
            yield BatchRow(key, self.bound.space.render(text, Role.DOCUMENT), position, bool(alone))

    def store(
        self, connection: Connection, vectors: Sequence[Vector], refusals: Sequence[Refusal], now: float
    ) -> Sequence[Refusal]:
        """Store what passes the checks and record every no, in the caller's transaction."""
        units, hashes, invalid = self._checked(vectors)
        archive = Archive(self.bound)
        archive.store(connection, hashes, units)
        archive.refuse(
            connection,
            [Refused(no.key, no.code, no.message, no.retryable) for no in (*refusals, *invalid)],
            now,
        )
        return invalid

    def _checked(self, vectors: Sequence[Vector]) -> tuple[NDArray[np.float32], list[str], list[Refusal]]:
        """Unit vectors, their keys, and what failed: all at once where nothing is wrong, else row by row."""
        if vectors:
            raw = RawEmbeddings(vectors=[vector.values for vector in vectors])
            with contextlib.suppress(ResponseError):
                return self.checker.call(raw, len(vectors)), [vector.key for vector in vectors], []
        units, hashes, invalid = [], [], []
        for vector in vectors:
            try:
                units.append(self.checker.row(vector.key, vector.values))
                hashes.append(vector.key)
            except ResponseError as error:
                invalid.append(Refusal(vector.key, INVALID, error.message, retryable=True))
        none = np.empty((0, self.bound.space.dimensions), dtype=np.float32)
        return np.stack(units) if units else none, hashes, invalid
