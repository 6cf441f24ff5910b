"""From pending rows to jobs at the provider: planned, submitted, and planned again for what did not fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from embedlane.jobs.planning import plan_jobs

if TYPE_CHECKING:
    from embedlane.jobs.driver import Driver
    from embedlane.jobs.job import Job
    from embedlane.jobs.planning import JobSize, PendingRows


@attrs.frozen(kw_only=True)
class Dispatch:
    """Sends what is pending for one purpose."""

    #: Takes the jobs to the provider.
    driver: Driver
    #: Finds the rows.
    pending: PendingRows
    #: The provider that gets the jobs.
    provider: str
    #: Whose bill they are on.
    account: str
    #: The space that vectors are for; None for jobs that generate.
    space_id: int | None = None
    #: The job set that responses are for; None for jobs that embed.
    jobset_id: int | None = None

    def submit(self, size: JobSize, limit: int | None = None) -> dict[int, Job]:
        """Plan and submit jobs, and others for the rows that the provider's size of a job left over.

        Args:
            size: How large jobs may be.
            limit: The most rows in all; None for all there are.
        """
        submitted: dict[int, Job] = {}
        manager, left, allowance = self.driver.manager, limit, size.in_all
        while planned := plan_jobs(
            manager.ledger,
            manager.book,
            self.pending,
            self.space_id,
            self.provider,
            size=size,
            limit=left,
            account=self.account,
            jobset_id=self.jobset_id,
        ):
            submitted |= {job.id: job for job in self.driver.submit({job.id for job in planned})}
            left = sum(job.rows - _rows_taken(submitted.get(job.id, job)) for job in planned)
            if allowance is not None:
                size = attrs.evolve(size, in_all=allowance - sum(map(_tokens_taken, submitted.values())))
        return submitted

    def earlier(self) -> set[int]:
        """Numbers of unfinished jobs for the same, which an earlier run may have left."""
        manager = self.driver.manager
        with manager.ledger.read() as connection:
            unfinished = manager.book.unfinished(connection)
        purpose = (self.space_id, self.jobset_id)
        return {job.id for job in unfinished if (job.space_id, job.jobset_id) == purpose}


def _rows_taken(job: Job) -> int:
    """Rows that *job* holds or has judged: a job that failed without a file has refused its first row."""
    return 1 if job.final and job.file is None else job.rows


def _tokens_taken(job: Job) -> int:
    """Tokens that are planned for *job*, unless it came to nothing before it reached the provider."""
    return 0 if job.final and job.remote is None else job.estimated_tokens
