"""What a job carries, seen from the jobs: keyed rows whose meaning is somebody else's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from sqlalchemy import Connection

    from embedlane.providers.values import BatchRow, Refusal, Vector


class Intake(Protocol):
    """Takes the results of a job."""

    def store(
        self, connection: Connection, vectors: Sequence[Vector], refusals: Sequence[Refusal], now: float
    ) -> Sequence[Refusal]:
        """Take results in the caller's transaction.

        Returns:
            Refusals for those of *vectors* that failed the core's checks and were not stored.
        """
        ...


class Cargo(Intake, Protocol):
    """Supplies a job's rows, takes their results, and keeps the bill."""

    def rows(self, connection: Connection, job_id: int) -> Generator[BatchRow]:
        """Stream the rows of a job in the order of their positions; closed by who does not take them all."""
        ...

    def settle(self, connection: Connection, tokens: int | None, now: float) -> int | None:
        """Record in the caller's transaction what the provider billed for a job that is over.

        Args:
            connection: A write transaction.
            tokens: Tokens billed for the whole job; None if the provider does not say.
            now: Seconds since 1970.

        Returns:
            Tokens billed for the job by the provider's word on it, or on each row; None without one.
        """
        ...
