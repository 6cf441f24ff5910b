"""What a job carries, seen from the jobs: keyed rows whose meaning is somebody else's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from sqlalchemy import Connection

    from embedlane.providers.values import Refusal


class Row(Protocol):
    """What every row of a job has."""

    @property
    def key(self) -> str:
        """Our name for it."""
        ...

    @property
    def alone(self) -> bool:
        """Whether it shares its line with no other row."""
        ...


_Row = TypeVar("_Row", bound=Row, covariant=True)  # noqa: PLC0105 - read more often than declared
_Answer = TypeVar("_Answer", contravariant=True)  # noqa: PLC0105 - read more often than declared


class Intake(Protocol[_Answer]):
    """Takes the results of a job."""

    def store(
        self, connection: Connection, answers: Sequence[_Answer], refusals: Sequence[Refusal], now: float
    ) -> Sequence[Refusal]:
        """Take results in the caller's transaction.

        Returns:
            Refusals for those of *answers* that failed the core's checks and were not stored.
        """
        ...


class Cargo(Intake[_Answer], Protocol[_Row, _Answer]):
    """Supplies a job's rows, takes their results, and keeps the bill."""

    def admit(self, connection: Connection) -> None:
        """Let a job be sent or collected.

        Raises:
            RefusedError: If nothing may be sent or stored until a person has decided.
        """
        ...

    def distrust(self, connection: Connection, canaries: Sequence[_Answer], now: float) -> str:
        """Judge a job by what came back for its *canaries*, before anything of it is stored.

        Returns:
            Why nothing of it may be stored, in words, when that is recorded; empty if it may.
        """
        ...

    def rows(self, connection: Connection, job_id: int) -> Generator[_Row]:
        """Stream the rows of a job in the order of their positions; closed by who does not take them all."""
        ...

    def settle(
        self, connection: Connection, tokens: int | None, now: float, canaries: Sequence[_Answer] = ()
    ) -> int | None:
        """Record in the caller's transaction what the provider billed for a job that is over.

        Args:
            connection: A write transaction.
            tokens: Tokens billed for the whole job; None if the provider does not say.
            now: Seconds since 1970.
            canaries: What came back for the job's canaries, which are billed as well.

        Returns:
            Tokens billed for the job by the provider's word on it, or on each row; None without one.
        """
        ...
