"""Driving many jobs: each as far as it goes, then waiting for the one that is due next."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import attrs

from embedlane.jobs.states import BEFORE_THE_PROVIDER, FINAL, JobState

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from embedlane.jobs.job import Job
    from embedlane.jobs.manager import BatchManager

#: The longest sleep in seconds; jobs that another process adds are seen after it at the latest.
_LONGEST_SLEEP = 30.0


@attrs.frozen(kw_only=True)
class Driver:
    """Steps jobs until there is nothing to do, or nothing to do yet."""

    #: Takes the steps.
    manager: BatchManager
    #: Called with each job that has changed.
    on_change: Callable[[Job], None] = lambda _job: None
    #: Sleeps for a number of seconds.
    sleep: Callable[[float], None] = time.sleep

    def advance(self, only: Collection[int] | None = None) -> list[Job]:
        """Take each unfinished job that is due as far as it goes without waiting.

        Args:
            only: Numbers of the jobs to care for; None for all.

        Returns:
            The jobs that were cared for, as they are now.
        """
        return [self._advance(job) for job in self._unfinished(only)]

    def finish(self, only: Collection[int] | None = None) -> list[Job]:
        """Advance, sleep and advance again until all jobs are final.

        Args:
            only: Numbers of the jobs to care for; None for all.

        Returns:
            The jobs that were cared for, as they are now.
        """
        seen: dict[int, Job] = {}
        while True:
            seen |= {job.id: job for job in self.advance(only)}
            waiting = [job for job in self._unfinished(only) if job.state not in FINAL]
            if not waiting:
                return list(seen.values())
            due = min(job.due_at for job in waiting) - self.manager.clock()
            if due > 0:
                self.sleep(min(due, _LONGEST_SLEEP))

    def submit(self, only: Collection[int] | None = None) -> list[Job]:
        """Take each job that is due as far as the provider's hands, and no further."""
        return [self._advance(job, BEFORE_THE_PROVIDER) for job in self._unfinished(only)]

    def _advance(self, job: Job, states: Collection[JobState] = frozenset(JobState)) -> Job:
        while job.state in states and job.due_at <= self.manager.clock():
            before = job
            job = self.manager.step(job)
            if job.state is not before.state or job.reason != before.reason:
                self.on_change(job)
            if job.state is before.state:
                # It waits, or there is nothing left to do for it.
                return job
        return job

    def _unfinished(self, only: Collection[int] | None) -> list[Job]:
        with self.manager.ledger.read() as connection:
            jobs = self.manager.book.unfinished(connection)
        return jobs if only is None else [job for job in jobs if job.id in only]
