"""What all steps of a job have in common: an open lane, waiting, failing, deadlines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from embedlane.errors import EmbedlaneError
from embedlane.jobs.book import JobBook

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from embedlane.jobs.cargo import Cargo
    from embedlane.jobs.job import Job
    from embedlane.jobs.states import JobEvent
    from embedlane.ledger.database import Ledger
    from embedlane.providers.interfaces import BatchService
    from embedlane.providers.values import BatchLimits, RemoteJob

#: How long after the provider's own expiry a silent job is given up, as a multiple of it.
_PATIENCE = 1.25


@attrs.frozen
class BatchLane:
    """An open batch route with what its jobs carry."""

    #: The plugin's object. What its rows and results are, its cargo knows.
    service: BatchService[Any, Any]
    #: Supplies rows and takes results.
    cargo: Cargo[Any, Any]
    #: What the lane takes, by the provider and by the user.
    limits: BatchLimits = attrs.field(
        default=attrs.Factory(lambda self: self.service.limits, takes_self=True)
    )

    #: Whether jobs and files stay at the provider when their results are stored.
    keep_remote: bool = False

    def stop(self, remote: RemoteJob) -> str:
        """Ask the provider to stop *remote*, which is of no use; say how it went, for others must go on."""
        try:
            self.service.cancel(remote.name)
        except EmbedlaneError as error:
            return f"it could not be cancelled: {error.message}"
        return "the provider was asked to cancel it"

    def pause(self, job: Job) -> float:
        """Seconds until the next look at *job*; they double with each wait."""
        first, longest = self.limits.poll_every.total_seconds(), self.limits.poll_at_most.total_seconds()
        return float(min(first * 2 ** min(job.waits, 20), longest))


@attrs.frozen
class Desk:
    """The ledger and the clock, as every step of a job uses them."""

    #: Where jobs are kept.
    ledger: Ledger
    #: Seconds since 1970.
    clock: Callable[[], float]

    @property
    def book(self) -> JobBook:
        """The jobs in the ledger."""
        return JobBook(self.clock)

    def reread(self, job: Job) -> Job:
        """*job* as it is now."""
        with self.ledger.read() as connection:
            return self.book.get(connection, job.id)

    def wait(self, job: Job, lane: BatchLane, detail: str, retry_after: float | None, **values: float) -> Job:
        """Let *job* be for *retry_after* seconds, or for the lane's pause."""
        pause = retry_after if retry_after is not None else lane.pause(job)
        with self.ledger.write() as connection:
            return self.book.postpone(connection, job, pause, detail, reason=detail, **values)

    def fail(self, connection: Connection, job: Job, event: JobEvent, detail: str) -> Job:
        """End *job*; its open rows are pending again."""
        self.book.close_rows(connection, job)
        return self.book.change(connection, job, event, detail)

    def overdue(self, job: Job, lane: BatchLane) -> bool:
        """Whether the provider should have given *job* up long ago."""
        assert job.submitted_at is not None
        return self.clock() > job.submitted_at + _PATIENCE * lane.limits.expires_after.total_seconds()
