"""Driving many jobs: each as far as it goes, then waiting for the one that is due next."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

import attrs

from embedlane.errors import EmbedlaneError
from embedlane.jobs.states import BEFORE_THE_PROVIDER, FINAL, JobState

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from embedlane.jobs.job import Job
    from embedlane.jobs.manager import BatchManager

_log = logging.getLogger(__name__)

#: The longest sleep in seconds; jobs that another process adds are seen after it at the latest.
_LONGEST_SLEEP = 30.0
#: Seconds until another process's step is looked at again.
_OTHERS_STEP = 1.0


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
        """Advance, sleep and advance again until all jobs are final, or wait for a person.

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
            unfinished = [job for job in self._unfinished(only) if not job.final and job.id not in failed]
            # What waits for a person may wait for days.
            waiting = [job for job in unfinished if job.state is not JobState.QUARANTINED]
            if not waiting:
                return _or_raise(failed, list(seen.values()))
            pause = min(map(self._pause, waiting))
            if pause > 0:
                self.sleep(min(pause, _LONGEST_SLEEP))

    def submit(self, only: Collection[int] | None = None) -> list[Job]:
        """Take each job that is due as far as the provider's hands, and no further. Raises as `advance`."""
        failed: dict[int, EmbedlaneError] = {}
        # What ends on the way is cleaned up.
        jobs = self._advance_each(self._unfinished(only), BEFORE_THE_PROVIDER | FINAL, failed)
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
        while job.state in states and self._pause(job) <= 0:
            before = job
            job = self.manager.step(job)
            if job.state is not before.state or job.reason != before.reason:
                self.on_change(job)
            if job.state is before.state:
                # It waits, or there is nothing left to do for it.
                return job
        return job

    def _pause(self, job: Job) -> float:
        """Seconds until *job* is worth a look."""
        now = self.manager.clock()
        return job.due_at - now if job.free(self.manager.worker, now) else _OTHERS_STEP

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
