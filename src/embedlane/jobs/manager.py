"""The batch manager: drives jobs from planned rows to stored results.

Theory of operation. `BatchManager.step` looks at a job's state in the ledger and does the one next thing:
write the file, stage it, create the job, ask for it, collect it, clean up. What it did is committed before
it returns, and it holds nothing in memory that it needs later; so running the same command again after a
kill at any instruction goes on where the job stands. Any number of processes may step the jobs of one ledger:
a step is claimed first, and if a claim runs out under a worker, compare-and-set voids what it still does.
Every deed can be repeated without harm, except the create, which is therefore committed as SUBMITTING before
it is sent.
"""

from __future__ import annotations

import contextlib
import logging
from itertools import islice
from typing import TYPE_CHECKING

import attrs

from embedlane.errors import (
    EmbedlaneError,
    LedgerError,
    RefusedError,
    RequestRefusedError,
    ResponseError,
    TransientError,
)
from embedlane.jobs.book import SupersededError
from embedlane.jobs.desk import Desk
from embedlane.jobs.file import remove_batch_file, write_batch_file
from embedlane.jobs.job import Job
from embedlane.jobs.settlement import Settlement
from embedlane.jobs.states import JobEvent, JobState
from embedlane.jobs.submission import Submission
from embedlane.ledger.workers import new_worker
from embedlane.providers.values import BatchFile, Refusal, RemoteJob, RemoteState
from embedlane.telemetry import count, span

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlalchemy import Connection

    from embedlane.jobs.book import JobBook
    from embedlane.jobs.desk import BatchLane
    from embedlane.ledger.database import Ledger

_log = logging.getLogger(__name__)


@attrs.frozen(kw_only=True)
class BatchManager:
    """Drives jobs. Holds no state of its own."""

    #: Where jobs are kept.
    ledger: Ledger
    #: Opens the lane of a job; opened lanes are the caller's to close.
    open_lane: Callable[[Job], BatchLane]
    #: Folder of the batch files.
    directory: Path
    #: Seconds since 1970.
    clock: Callable[[], float]
    #: What the steps of this process are claimed for.
    worker: str = attrs.field(factory=new_worker)

    @property
    def desk(self) -> Desk:
        """The ledger and the clock, as steps use them."""
        return Desk(self.ledger, self.clock)

    @property
    def book(self) -> JobBook:
        """The jobs in the ledger."""
        return self.desk.book

    def step(self, job: Job) -> Job:
        """Do the next thing for *job*, and return it as it is then.

        A failure that may pass is written down, and the job is due again later. If another process has
        moved the job on, nothing is done.
        """
        submission, settlement = Submission(self.desk), Settlement(self.desk)
        deeds = {
            JobState.PLANNED: self._write,
            JobState.WRITTEN: self._stage,
            JobState.STAGED: submission.submit,
            JobState.SUBMITTING: submission.reconcile,
            JobState.SUBMITTED: self._poll,
            JobState.CANCELLING: self._poll,
            JobState.ENDED: settlement.collect,
        }
        deed = deeds.get(job.state)
        if deed is None:
            return self._clean(job) if job.final and not job.cleaned else job
        try:
            with self.ledger.write() as connection:
                job = self.book.claim(connection, job, self.worker)
            try:
                return self._told(job, self._take(deed, job))
            except BaseException as error:
                why = error.message if isinstance(error, EmbedlaneError) else ""
                with contextlib.suppress(LedgerError), self.ledger.write() as connection:
                    self.book.release(connection, job, why)
                raise
        except SupersededError:
            return self.desk.reread(job)

    def _told(self, before: Job, after: Job) -> Job:
        """Log and count the change from *before* to *after*."""
        if after.state is not before.state:
            told = {"job": after.id, "tag": after.tag, "provider": after.provider, "remote": after.remote}
            told |= {"before": before.state.value, "after": after.state.value, "reason": after.reason}
            _log.info("job %d: %s -> %s: %s", after.id, before.state, after.state, after.reason, extra=told)
            labels = {"embedlane.state": after.state.value, "gen_ai.provider.name": after.provider}
            count("embedlane.jobs", 1, labels)
        return after

    def _take(self, deed: Callable[[Job, BatchLane], Job], job: Job) -> Job:
        """Do the *deed*, and turn a failure that may pass into a wait."""
        lane = self.open_lane(job)
        if job.state in _ON_TRUST:
            with self.ledger.read() as connection:
                lane.cargo.admit(connection)
        traced = span("embedlane.job.step", {"embedlane.job": job.tag, "embedlane.state": job.state.value})
        try:
            with traced:
                return deed(job, lane)
        except TransientError as error:
            return self.desk.wait(job, lane, str(error), error.retry_after)
        except (RequestRefusedError, ResponseError) as error:
            if job.state is not JobState.ENDED or not Settlement(self.desk).hopeless(job, lane):
                raise
            # It may never be readable, and its rows must not be in flight for ever.
            with self.ledger.write() as connection:
                lane.cargo.settle(connection, job.tokens, self.clock())
                return self.desk.fail(connection, job, JobEvent.RESULTS_GONE, error.message)

    def cancel(self, job: Job) -> Job:
        """Stop *job*: at once where the provider knows nothing of it, else by asking the provider.

        One that has ended there is given up: results that were not read yet are lost, and its open rows are
        pending again.

        Raises:
            RefusedError: If the job can't be cancelled in its state; or has ended, and nothing speaks against
                storing its results.
        """
        if job.state is JobState.ENDED:
            Settlement(self.desk).require_trouble(job, self.open_lane(job))
        if job.state is JobState.SUBMITTED:
            assert job.remote is not None
            self.open_lane(job).service.cancel(job.remote)
        try:
            with self.ledger.write() as connection:
                changed = self._stopped(connection, job)
        except SupersededError:
            return self.cancel(self.desk.reread(job))
        return self._clean(changed) if changed.final else changed

    def _stopped(self, connection: Connection, job: Job) -> Job:
        if job.state is JobState.ENDED:
            lane = self.open_lane(job)
            lane.cargo.settle(connection, job.tokens, self.clock())
            return self.desk.fail(connection, job, JobEvent.GIVEN_UP, "given up here, its results not read")
        detail = "cancelled here"
        if job.state is JobState.QUARANTINED:
            detail += f"; if it was created, it runs on at {job.provider} under {job.tag}, and is paid for"
        changed = self.book.change(connection, job, JobEvent.CANCEL, detail)
        if changed.final:
            self.book.close_rows(connection, job)
        return changed

    def resolve(self, job: Job, adopt: str | None = None) -> Job:
        """Settle by a person's word what a create did whose answer was lost.

        Args:
            job: A job in state SUBMITTING or QUARANTINED.
            adopt: The provider's name of the job that was created; None if none was, so that it is created
                anew.

        Raises:
            RefusedError: If the job is in another state, or the provider does not know the adopted one.
        """
        if job.state not in {JobState.SUBMITTING, JobState.QUARANTINED}:
            raise RefusedError(
                f"Job {job.id} is {job.state}: nothing about it is in doubt.",
                "Only jobs whose create was not answered can be resolved.",
            )
        return Submission(self.desk).resolve(job, self.open_lane(job), adopt)

    def _write(self, job: Job, lane: BatchLane) -> Job:
        file = self._written(job, lane)
        with self.ledger.write() as connection:
            if file.rows <= job.canaries:
                return self._refuse_first_row(connection, job, lane)
            self.book.keep_rows(connection, job, file.rows)
            return self.book.change(
                connection,
                job,
                JobEvent.FILE_WRITTEN,
                f"{_counted(file.rows - job.canaries, job.canaries)}, {file.size} bytes",
                rows=file.rows - job.canaries,
                size=file.size,
                digest=file.digest,
                file=file.path.name,
            )

    def _written(self, job: Job, lane: BatchLane) -> BatchFile:
        """Write the batch file of *job*; the same rows give the same file."""
        with (
            self.ledger.read() as connection,
            contextlib.closing(lane.cargo.rows(connection, job.id)) as rows,
        ):
            return write_batch_file(self._path(job), rows, lane.service.encode, lane.limits)

    def _refuse_first_row(self, connection: Connection, job: Job, lane: BatchLane) -> Job:
        """End a job that can't even hold one row; the others are pending again."""
        message = f"the row alone is larger than a job's {lane.limits.size} bytes"
        with contextlib.closing(lane.cargo.rows(connection, job.id)) as rows:
            first = next(islice(rows, job.canaries, None))
        lane.cargo.store(connection, (), [Refusal(first.key, "too-large", message)], self.clock())
        return self.desk.fail(connection, job, JobEvent.REFUSED, message)

    def _stage(self, job: Job, lane: BatchLane) -> Job:
        assert job.size is not None
        assert job.digest is not None
        file = BatchFile(path=self._path(job), rows=job.canaries + job.rows, size=job.size, digest=job.digest)
        # It may have been written on another machine.
        if not file.path.is_file() and self._written(job, lane) != file:
            detail = f"its batch file {file.path.name} is gone, and comes out differently now"
            with self.ledger.write() as connection:
                return self.desk.fail(connection, job, JobEvent.REFUSED, detail)
        try:
            staged = lane.service.stage(file, job.tag)
        except RequestRefusedError as error:
            with self.ledger.write() as connection:
                return self.desk.fail(connection, job, JobEvent.REFUSED, error.message)
        values = attrs.asdict(staged) | {"details": dict(staged.details)}
        with self.ledger.write() as connection:
            return self.book.change(connection, job, JobEvent.UPLOADED, staged.handle, staged=values)

    def _poll(self, job: Job, lane: BatchLane) -> Job:
        assert job.remote is not None
        twins = Submission(self.desk).stop_twins(job, lane)
        if twins:
            return self.desk.wait(job, lane, twins, 0.0)
        remote = lane.service.get(job.remote)
        word = remote.raw_state or remote.state.value
        if remote.state.terminal:
            detail = ": ".join(filter(None, (word, remote.error)))
            with self.ledger.write() as connection:
                expired = remote.state is RemoteState.EXPIRED
                return self.book.change(
                    connection,
                    job,
                    JobEvent.OVER,
                    detail,
                    remote_state=word,
                    tokens=remote.tokens,
                    expired=expired,
                )
        if self.desk.overdue(job, lane):
            detail = f"still {word} after its deadline; {lane.stop(remote)}"
            with self.ledger.write() as connection:
                return self.book.change(connection, job, JobEvent.OVERDUE, detail, remote_state=word)
        pause = remote.poll_after if remote.poll_after is not None else lane.pause(job)
        with self.ledger.write() as connection:
            return self.book.postpone(
                connection, job, pause, remote_state=word, reason=_progress(remote), tokens=remote.tokens
            )

    def _clean(self, job: Job) -> Job:
        """Remove what is no longer needed, here and at the provider."""
        remove_batch_file(self._path(job))
        try:
            detail = self._clean_remote(job)
        except EmbedlaneError as error:
            _log.warning("job %d could not be deleted at %s: %s", job.id, job.provider, error)
            return job
        with self.ledger.write() as connection:
            return self.book.mark_cleaned(connection, job, detail)

    def _clean_remote(self, job: Job) -> str:
        """Remove *job* at the provider, unless it is to stay there; say what became of it."""
        if job.remote is None:
            return "not created at the provider"
        if job.state is JobState.FAILED:
            return "kept at the provider, to look at"
        lane = self.open_lane(job)
        if lane.keep_remote:
            return "kept at the provider, as configured"
        lane.service.delete(job.remote)
        return "deleted at the provider"

    def _path(self, job: Job) -> Path:
        return self.directory / f"{job.tag}.jsonl"


#: States whose step sends or stores something, which a finding about the model may forbid.
_ON_TRUST = frozenset({JobState.PLANNED, JobState.WRITTEN, JobState.STAGED, JobState.ENDED})


def _counted(rows: int, canaries: int) -> str:
    return f"{rows} rows and {canaries} canaries" if canaries else f"{rows} rows"


def _progress(remote: RemoteJob) -> str:
    counts = {"done": remote.rows_done, "failed": remote.rows_failed}
    return ", ".join(f"{count} rows {name}" for name, count in counts.items() if count is not None)
