"""Driving many jobs: each as far as it goes, then waiting for the one that is due next."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

import attrs

from embedlane.errors import EmbedlaneError
from embedlane.jobs.states import BEFORE_THE_PROVIDER, JobState

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from embedlane.jobs.job import Job
    from embedlane.jobs.manager import BatchManager

_log = logging.getLogger(__name__)

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

        Raises:
            EmbedlaneError: The first that a job met, after the others were cared for.
        """
        failed: dict[int, EmbedlaneError] = {}
        jobs = self._advance_each(self._unfinished(only), frozenset(JobState), failed)
        return _or_raise(failed, jobs)

    def finish(self, only: Collection[int] | None = None) -> list[Job]:
        """Advance, sleep and advance again until all jobs are final.

        Args:
            only: Numbers of the jobs to care for; None for all.

        Returns:
            The jobs that were cared for, as they are now.

        Raises:
            EmbedlaneError: The first that a job met, after the others were finished.
        """
        seen: dict[int, Job] = {}
        failed: dict[int, EmbedlaneError] = {}
        while True:
            jobs = [job for job in self._unfinished(only) if job.id not in failed]
            advanced = self._advance_each(jobs, frozenset(JobState), failed)
            seen |= {job.id: job for job in advanced}
            waiting = [job for job in self._unfinished(only) if not job.final and job.id not in failed]
            if not waiting:
                return _or_raise(failed, list(seen.values()))
            due = min(job.due_at for job in waiting) - self.manager.clock()
            if due > 0:
                self.sleep(min(due, _LONGEST_SLEEP))

    def submit(self, only: Collection[int] | None = None) -> list[Job]:
        """Take each job that is due as far as the provider's hands, and no further. Raises as `advance`."""
        failed: dict[int, EmbedlaneError] = {}
        jobs = self._advance_each(self._unfinished(only), BEFORE_THE_PROVIDER, failed)
        return _or_raise(failed, jobs)

    def _advance_each(
        self, jobs: list[Job], states: Collection[JobState], failed: dict[int, EmbedlaneError]
    ) -> list[Job]:
        """Advance each job; one that meets an error is put aside, for the others may be well."""
        advanced = []
        for job in jobs:
            try:
                advanced.append(self._advance(job, states))
            except EmbedlaneError as error:
                failed[job.id] = error
        return advanced

    def _advance(self, job: Job, states: Collection[JobState]) -> Job:
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


def _or_raise(failed: dict[int, EmbedlaneError], jobs: list[Job]) -> list[Job]:
    for number, error in failed.items():
        _log.warning("job %d: %s", number, error)
    for error in failed.values():
        raise error
    return jobs
