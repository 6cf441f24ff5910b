"""What a job carries, seen from the jobs: keyed rows whose meaning is somebody else's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection

    from embedlane.providers.values import BatchRow, Refusal, Vector


class Cargo(Protocol):
    """Supplies a job's rows and takes their results."""

    def rows(self, connection: Connection, job_id: int) -> Iterator[BatchRow]:
        """Stream the rows of a job in the order of their positions."""
        ...

    def store(
        self, connection: Connection, vectors: Sequence[Vector], refusals: Sequence[Refusal], now: float
    ) -> Sequence[Refusal]:
        """Take results in the caller's transaction.

        Returns:
            Refusals for those of *vectors* that failed the core's checks and were not stored.
        """
        ...
