"""Batch jobs as people see them: looked up, counted, and told as a story."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from embedlane.errors import UnknownNameError
from embedlane.jobs.book import JobBook
from embedlane.workspace.costs import job_report

if TYPE_CHECKING:
    from embedlane.jobs.job import EventRecord, Job
    from embedlane.models.registry import Registry
    from embedlane.providers.route import Route
    from embedlane.workspace.reports import JobReport
    from embedlane.workspace.wiring import Wiring


@attrs.frozen
class JobReports:
    """Reports on the jobs of a workspace; none are there as long as it has no ledger."""

    _wiring: Wiring
    _registry: Registry[Route]

    def all(self) -> list[JobReport]:
        """All jobs, the oldest first."""
        if not self._wiring.has_ledger:
            return []
        with self._wiring.ledger.read() as connection:
            book = self._book
            return [job_report(connection, book, self._registry, job) for job in book.all(connection)]

    def of(self, job: Job) -> JobReport:
        """The report on *job*."""
        with self._wiring.ledger.read() as connection:
            return job_report(connection, self._book, self._registry, job)

    def get(self, job_id: int) -> Job:
        """The job of that number.

        Raises:
            UnknownNameError: If there is none.
        """
        if not self._wiring.has_ledger:
            raise UnknownNameError(f"There is no job {job_id}.", "`embedlane jobs list` shows them all.")
        with self._wiring.ledger.read() as connection:
            return self._book.get(connection, job_id)

    def events(self, job_id: int) -> list[EventRecord]:
        """The story of a job.

        Raises:
            UnknownNameError: If there is none of that number.
        """
        self.get(job_id)
        with self._wiring.ledger.read() as connection:
            return self._book.events(connection, job_id)

    @property
    def _book(self) -> JobBook:
        return JobBook(self._wiring.clock)
