"""Collecting what a job came to, whatever its end.

Theory of operation. Results are read in every terminal state that may hold some. Those of the canaries are
looked at first: if the model answers differently, nothing of the job is stored. Then each row gets its
verdict, what came to nothing is pending again, and the job is billed and ends. What can't be read is asked
for again and again, for it is paid for, until it has had its time or a person gives it up.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import attrs

from embedlane.errors import RefusedError
from embedlane.jobs.book import STOPPED
from embedlane.jobs.collecting import Collector
from embedlane.jobs.preview import Preview, preview_results
from embedlane.jobs.states import JobEvent, JobState
from embedlane.providers.values import Correlation, Refusal, RemoteState
from embedlane.telemetry import count

if TYPE_CHECKING:
    from embedlane.jobs.collecting import Collected
    from embedlane.jobs.desk import BatchLane, Desk
    from embedlane.jobs.job import Job
    from embedlane.providers.values import RemoteJob

#: Seconds that results which can't be read are asked for again.
_UNREADABLE = 86_400.0
#: How a job's story tells that they could not be read: event and state.
_STUCK = (STOPPED, JobState.ENDED.value)


@attrs.frozen
class Settlement:
    """Collects jobs that have ended at the provider."""

    #: The ledger and the clock.
    desk: Desk

    def collect(self, job: Job, lane: BatchLane) -> Job:
        """Store what *job* came to, whatever its end, and end it here.

        Raises:
            RefusedError: If its canaries came back as other vectors; that is committed.
        """
        assert job.remote is not None
        remote = lane.service.get(job.remote)
        if remote.state is RemoteState.GONE:
            with self.desk.ledger.write() as connection:
                lane.cargo.settle(connection, job.tokens, self.desk.clock())
                return self.desk.fail(connection, job, JobEvent.RESULTS_GONE, "the provider no longer has it")
        if not remote.state.terminal and not self.desk.overdue(job, lane):
            word = remote.raw_state or remote.state.value
            return self.desk.wait(job, lane, f"{word} again, after it had ended", remote.poll_after)
        # A job that was given up may still be at work; what it has so far is not its result.
        preview = self._preview(job, lane, remote) if remote.state.terminal else Preview()
        if preview.canaries:
            self._require_trust(job, lane, remote, preview)
        collector = Collector(
            ledger=self.desk.ledger,
            book=self.desk.book,
            job=job,
            cargo=lane.cargo,
            correlation=lane.limits.correlation,
        )
        collected = collector.collect(preview.results)
        _measure(job, remote, collected)
        return self._end(job, lane, remote, preview, str(collected))

    def _end(self, job: Job, lane: BatchLane, remote: RemoteJob, preview: Preview, detail: str) -> Job:
        """Let go of the rows that have no result, settle the bill, and end *job*."""
        with self.desk.ledger.write() as connection:
            missing = self.desk.book.close_rows(connection, job)
            if remote.state is RemoteState.SUCCEEDED:
                # A row that a successful job leaves out is tried again, but not for ever.
                nos = [Refusal(key, "missing", "no result came back", retryable=True) for key in missing]
                lane.cargo.store(connection, (), nos, self.desk.clock())
            told = [_shortcoming(remote), f"{detail}, missing {len(missing)}" if missing else detail]
            tokens = remote.tokens if remote.tokens is not None else job.tokens
            tokens = lane.cargo.settle(connection, tokens, self.desk.clock(), preview.canaries)
            event = _settled(remote.state)
            return self.desk.book.change(connection, job, event, "; ".join(filter(None, told)), tokens=tokens)

    def hopeless(self, job: Job, lane: BatchLane) -> bool:
        """Whether the results of *job*, which can't be read, have had their time."""
        with self.desk.ledger.read() as connection:
            story = self.desk.book.events(connection, job.id)
        first = min((told.at for told in story if (told.event, told.state_before) == _STUCK), default=None)
        return first is not None and self.desk.clock() > first + _UNREADABLE and self.desk.overdue(job, lane)

    def require_trouble(self, job: Job, lane: BatchLane) -> None:
        """Let results that are paid for be given up only if they could not be read, or may not be stored.

        Raises:
            RefusedError: If nothing is wrong with them.
        """
        with self.desk.ledger.read() as connection:
            if any(told.state_before == JobState.ENDED for told in self.desk.book.events(connection, job.id)):
                return
            try:
                lane.cargo.admit(connection)
            except RefusedError:
                return
        raise RefusedError(
            f"Job {job.id} has ended, and its results are paid for.", "`embedlane work` stores them."
        )

    def _preview(self, job: Job, lane: BatchLane, remote: RemoteJob) -> Preview:
        """Read the results until all canaries are seen."""
        with self.desk.ledger.read() as connection:
            canaries = self.desk.book.canaries(connection, job)
        by_position = lane.limits.correlation is Correlation.POSITION
        names = {str(position) if by_position else key: key for position, key in canaries.items()}
        return preview_results(partial(lane.service.results, remote), names)

    def _require_trust(self, job: Job, lane: BatchLane, remote: RemoteJob, preview: Preview) -> None:
        """End *job* without storing anything of it if its canaries came back as other vectors.

        Raises:
            RefusedError: If they did; that is committed.
        """
        now = self.desk.clock()
        with self.desk.ledger.write() as connection:
            self.desk.book.renew(connection, job)
            if why := lane.cargo.distrust(connection, preview.canaries, now):
                lane.cargo.settle(connection, remote.tokens, now)
                self.desk.fail(connection, job, JobEvent.DISTRUSTED, why)
        if why:
            with self.desk.ledger.read() as connection:
                lane.cargo.admit(connection)


def _measure(job: Job, remote: RemoteJob, collected: Collected) -> None:
    labels = {"embedlane.lane": "batch", "gen_ai.provider.name": job.provider}
    count("embedlane.rows", collected.stored, {**labels, "embedlane.outcome": "stored"})
    count("embedlane.rows", collected.refused, {**labels, "embedlane.outcome": "refused"})
    count("embedlane.tokens", remote.tokens or 0, labels)


def _settled(state: RemoteState) -> JobEvent:
    if state is RemoteState.CANCELLED:
        return JobEvent.CANCEL_SETTLED
    if state in {RemoteState.SUCCEEDED, RemoteState.PARTIALLY_SUCCEEDED}:
        return JobEvent.RESULTS_STORED
    return JobEvent.FAILURE_SETTLED


def _shortcoming(remote: RemoteJob) -> str:
    """Why a job may not have answered all of its rows, in words; empty if it says that it has."""
    word = remote.raw_state or remote.state.value
    if not remote.state.terminal:
        return f"still {word} after its deadline"
    succeeded = _settled(remote.state) is JobEvent.RESULTS_STORED
    return remote.error or ("" if succeeded else word)
