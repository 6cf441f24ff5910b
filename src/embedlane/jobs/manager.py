"""The batch manager: drives jobs from planned rows to stored results.

Theory of operation. `BatchManager.step` looks at a job's state in the ledger and does the one next thing:
write the file, stage it, create the job, ask for it, collect it, clean up. What it did is committed before
it returns, and it holds nothing in memory that it needs later; so running the same command again after a
kill at any instruction goes on where the job stands. Two processes may step one job: compare-and-set lets
one of them win, and every deed before it can be repeated without harm, except the create, which is therefore
committed as SUBMITTING before it is sent.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import attrs

from embedlane.errors import (
    CreateAmbiguousError,
    CreateRejectedError,
    EmbedlaneError,
    RequestRefusedError,
    ResponseError,
    TransientError,
)
from embedlane.jobs.book import JobBook, SupersededError
from embedlane.jobs.collecting import Collector
from embedlane.jobs.file import write_batch_file
from embedlane.jobs.job import Job
from embedlane.jobs.states import JobEvent, JobState
from embedlane.providers.values import BatchFile, Refusal, RemoteJob, RemoteState

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlalchemy import Connection

    from embedlane.jobs.cargo import Cargo
    from embedlane.ledger.database import Ledger
    from embedlane.providers.interfaces import BatchEmbedder

_log = logging.getLogger(__name__)

#: How long after the provider's own expiry a silent job is given up, as a multiple of it.
_PATIENCE = 1.25
#: States in which no more rows will be answered than already are.
_IN_VAIN = frozenset({RemoteState.FAILED, RemoteState.CANCELLED, RemoteState.EXPIRED, RemoteState.GONE})


@attrs.frozen
class BatchLane:
    """An open batch route with what its jobs carry."""

    #: The plugin's embedder.
    embedder: BatchEmbedder
    #: Supplies rows and takes results.
    cargo: Cargo


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

    @property
    def book(self) -> JobBook:
        """The jobs in the ledger."""
        return JobBook(self.clock)

    def step(self, job: Job) -> Job:
        """Do the next thing for *job*, and return it as it is then.

        A failure that may pass is written down, and the job is due again later. If another process has
        moved the job on, nothing is done.
        """
        deeds = {
            JobState.PLANNED: self._write,
            JobState.WRITTEN: self._stage,
            JobState.STAGED: self._submit,
            JobState.SUBMITTING: self._reconcile,
            JobState.SUBMITTED: self._poll,
            JobState.CANCELLING: self._poll,
            JobState.ENDED: self._collect,
        }
        deed = deeds.get(job.state)
        if deed is None:
            return job if job.cleaned else self._clean(job)
        lane = self.open_lane(job)
        try:
            return deed(job, lane)
        except TransientError as error:
            return self._wait(job, lane, str(error), error.retry_after)
        except (RequestRefusedError, ResponseError) as error:
            if job.state is not JobState.ENDED or not self._overdue(job, lane):
                raise
            # It may never be readable, and its rows must not be in flight for ever.
            with self.ledger.write() as connection:
                return self._fail(connection, job, JobEvent.RESULTS_GONE, error.message)
        except SupersededError:
            return self._reread(job)

    def cancel(self, job: Job) -> Job:
        """Stop *job*: at once where the provider knows nothing of it, else by asking the provider.

        Raises:
            RefusedError: If the job can't be cancelled in its state.
        """
        if job.state is JobState.SUBMITTED:
            assert job.remote is not None
            self.open_lane(job).embedder.cancel(job.remote)
        try:
            with self.ledger.write() as connection:
                changed = self.book.change(connection, job, JobEvent.CANCEL, "cancelled here")
                if changed.final:
                    self.book.close_rows(connection, job)
        except SupersededError:
            return self.cancel(self._reread(job))
        if changed.final:
            self._path(changed).unlink(missing_ok=True)
        return changed

    def _write(self, job: Job, lane: BatchLane) -> Job:
        path = self._path(job)
        with self.ledger.read() as connection:
            rows = lane.cargo.rows(connection, job.id)
            file = write_batch_file(path, rows, lane.embedder.encode, lane.embedder.limits)
        with self.ledger.write() as connection:
            if file.rows == 0:
                return self._refuse_first_row(connection, job, lane)
            self.book.keep_rows(connection, job, file.rows)
            return self.book.change(
                connection,
                job,
                JobEvent.FILE_WRITTEN,
                f"{file.rows} rows, {file.size} bytes",
                rows=file.rows,
                size=file.size,
                digest=file.digest,
                file=path.name,
            )

    def _refuse_first_row(self, connection: Connection, job: Job, lane: BatchLane) -> Job:
        """End a job that can't even hold one row; the others are pending again."""
        message = f"the row alone is larger than a job's {lane.embedder.limits.size} bytes"
        first = next(lane.cargo.rows(connection, job.id))
        lane.cargo.store(connection, (), [Refusal(first.key, "too-large", message)], self.clock())
        return self._fail(connection, job, JobEvent.REFUSED, message)

    def _stage(self, job: Job, lane: BatchLane) -> Job:
        path = self._path(job)
        if not path.is_file():
            with self.ledger.write() as connection:
                return self._fail(connection, job, JobEvent.REFUSED, f"its batch file {path.name} is gone")
        assert job.size is not None
        assert job.digest is not None
        file = BatchFile(path=path, rows=job.rows, size=job.size, digest=job.digest)
        try:
            staged = lane.embedder.stage(file, job.tag)
        except RequestRefusedError as error:
            with self.ledger.write() as connection:
                return self._fail(connection, job, JobEvent.REFUSED, error.message)
        values = attrs.asdict(staged) | {"details": dict(staged.details)}
        with self.ledger.write() as connection:
            return self.book.change(connection, job, JobEvent.UPLOADED, staged.handle, staged=values)

    def _submit(self, job: Job, lane: BatchLane) -> Job:
        """Write the intent down, then make the one call that may cost money."""
        most = lane.embedder.limits.concurrent_jobs
        with self.ledger.write() as connection:
            if most is not None and self.book.count_active(connection, job.provider) >= most:
                pause = lane.embedder.limits.poll_at_most.total_seconds()
                return self.book.postpone(connection, job, pause, reason=f"waits for one of {most} places")
            # The waits go on counting, for a create that is rejected again and again.
            job = self.book.change(
                connection, job, JobEvent.CALLING, submitted_at=self.clock(), waits=job.waits
            )
        try:
            remote = lane.embedder.create(job.staged_input, job.tag)
        except CreateRejectedError as error:
            return self._rejected(job, lane, error)
        except EmbedlaneError as error:
            # Whatever it is, the job may exist: only its tag can tell.
            detail = f"no answer to the create: {error.message}"
            if not isinstance(error, CreateAmbiguousError):
                detail = f"the plugin raised {type(error).__name__} at the create: {error.message}"
            # It may have been created as late as now, however long ago the call began.
            return self._wait(attrs.evolve(job, waits=0), lane, detail, None, submitted_at=self.clock())
        try:
            return self._ticket(job, remote, remote.raw_state or remote.state.value)
        except SupersededError:
            return self._give_up_double(job, lane, remote)

    def _give_up_double(self, job: Job, lane: BatchLane, remote: RemoteJob) -> Job:
        """Stop a job whose tag another process gave up waiting for, unless it was found in the meantime."""
        current = self._reread(job)
        if current.remote == remote.name:
            return current
        detail = f"{remote.name} came too late: {_cancelled(lane, remote)}"
        with self.ledger.write() as connection:
            return self.book.postpone(connection, current, 0.0, detail)

    def _rejected(self, job: Job, lane: BatchLane, error: CreateRejectedError) -> Job:
        with self.ledger.write() as connection:
            if not error.retryable:
                return self._fail(connection, job, JobEvent.REFUSED, error.message)
            changed = self.book.change(connection, job, JobEvent.POSTPONED, error.message)
            pause = error.retry_after or self._pause(job, lane)
            return self.book.postpone(connection, attrs.evolve(changed, waits=job.waits), pause)

    def _reconcile(self, job: Job, lane: BatchLane) -> Job:
        """Find out by the tag whether a create whose answer was lost has made a job."""
        found = lane.embedder.find(job.tag)
        if found:
            adopted, *others = sorted(found, key=lambda remote: (remote.state in _IN_VAIN, remote.name))
            detail = f"found by its tag as {adopted.name}"
            if others:
                detail += f"; {len(others)} more under the same tag: "
                detail += ", ".join(f"{other.name} ({_cancelled(lane, other)})" for other in others)
            return self._ticket(job, adopted, detail)
        lag = lane.embedder.limits.list_lag.total_seconds()
        assert job.submitted_at is not None
        if self.clock() < job.submitted_at + lag:
            return self._wait(job, lane, f"not listed yet under {job.tag}", None)
        with self.ledger.write() as connection:
            return self.book.change(
                connection, job, JobEvent.NO_TRACE, f"not listed within {lag:.0f} s, so it was not created"
            )

    def _ticket(self, job: Job, remote: RemoteJob, detail: str) -> Job:
        with self.ledger.write() as connection:
            return self.book.change(
                connection,
                job,
                JobEvent.TICKET,
                detail,
                remote=remote.name,
                remote_state=remote.raw_state or remote.state.value,
            )

    def _poll(self, job: Job, lane: BatchLane) -> Job:
        assert job.remote is not None
        remote = lane.embedder.get(job.remote)
        word = remote.raw_state or remote.state.value
        if remote.state.terminal:
            detail = ": ".join(filter(None, (word, remote.error)))
            with self.ledger.write() as connection:
                return self.book.change(
                    connection, job, JobEvent.OVER, detail, remote_state=word, tokens=remote.tokens
                )
        if self._overdue(job, lane):
            detail = f"still {word} after its deadline; {_cancelled(lane, remote)}"
            with self.ledger.write() as connection:
                return self.book.change(connection, job, JobEvent.OVERDUE, detail, remote_state=word)
        pause = remote.poll_after if remote.poll_after is not None else self._pause(job, lane)
        with self.ledger.write() as connection:
            return self.book.postpone(
                connection, job, pause, remote_state=word, reason=_progress(remote), tokens=remote.tokens
            )

    def _collect(self, job: Job, lane: BatchLane) -> Job:
        assert job.remote is not None
        remote = lane.embedder.get(job.remote)
        if remote.state is RemoteState.GONE:
            with self.ledger.write() as connection:
                return self._fail(connection, job, JobEvent.RESULTS_GONE, "the provider no longer has it")
        if not remote.state.terminal and not self._overdue(job, lane):
            word = remote.raw_state or remote.state.value
            return self._wait(job, lane, f"{word} again, after it had ended", remote.poll_after)
        collector = Collector(
            ledger=self.ledger,
            job=job,
            cargo=lane.cargo,
            correlation=lane.embedder.limits.correlation,
            clock=self.clock,
        )
        # A job that was given up may still be at work; what it has so far is not its result.
        collected = collector.collect(lane.embedder.results(remote) if remote.state.terminal else ())
        with self.ledger.write() as connection:
            missing = self.book.close_rows(connection, job)
            if remote.state is RemoteState.SUCCEEDED:
                # A row that a successful job leaves out is tried again, but not for ever.
                nos = [Refusal(key, "missing", "no result came back", retryable=True) for key in missing]
                lane.cargo.store(connection, (), nos, self.clock())
            detail = f"{collected}, missing {len(missing)}" if missing else str(collected)
            if remote.error:
                detail = f"{remote.error}; {detail}"
            tokens = remote.tokens if remote.tokens is not None else job.tokens
            return self.book.change(connection, job, _settled(remote.state), detail, tokens=tokens)

    def _clean(self, job: Job) -> Job:
        """Remove what is no longer needed, here and at the provider. A failed job stays there to look at."""
        self._path(job).unlink(missing_ok=True)
        if job.remote is None or job.state is JobState.FAILED:
            return job
        try:
            self.open_lane(job).embedder.delete(job.remote)
        except EmbedlaneError as error:
            _log.warning("job %d could not be deleted at %s: %s", job.id, job.provider, error)
            return job
        with self.ledger.write() as connection:
            return self.book.mark_cleaned(connection, job)

    def _fail(self, connection: Connection, job: Job, event: JobEvent, detail: str) -> Job:
        self.book.close_rows(connection, job)
        return self.book.change(connection, job, event, detail)

    def _wait(
        self, job: Job, lane: BatchLane, detail: str, retry_after: float | None, **values: float
    ) -> Job:
        pause = retry_after if retry_after is not None else self._pause(job, lane)
        with self.ledger.write() as connection:
            return self.book.postpone(connection, job, pause, detail, reason=detail, **values)

    def _reread(self, job: Job) -> Job:
        with self.ledger.read() as connection:
            return self.book.get(connection, job.id)

    def _overdue(self, job: Job, lane: BatchLane) -> bool:
        """Whether the provider should have given *job* up long ago."""
        assert job.submitted_at is not None
        patience = _PATIENCE * lane.embedder.limits.expires_after.total_seconds()
        return self.clock() > job.submitted_at + patience

    def _pause(self, job: Job, lane: BatchLane) -> float:
        limits = lane.embedder.limits
        first, longest = limits.poll_every.total_seconds(), limits.poll_at_most.total_seconds()
        return float(min(first * 2 ** min(job.waits, 20), longest))

    def _path(self, job: Job) -> Path:
        return self.directory / f"{job.tag}.jsonl"


def _cancelled(lane: BatchLane, remote: RemoteJob) -> str:
    """Ask the provider to stop *remote*, and say how it went; a job of no use must not hold up the others."""
    try:
        lane.embedder.cancel(remote.name)
    except EmbedlaneError as error:
        return f"it could not be cancelled: {error.message}"
    return "the provider was asked to cancel it"


def _settled(state: RemoteState) -> JobEvent:
    if state is RemoteState.CANCELLED:
        return JobEvent.CANCEL_SETTLED
    if state in {RemoteState.SUCCEEDED, RemoteState.PARTIALLY_SUCCEEDED}:
        return JobEvent.RESULTS_STORED
    return JobEvent.FAILURE_SETTLED


def _progress(remote: RemoteJob) -> str:
    counts = {"done": remote.rows_done, "failed": remote.rows_failed}
    return ", ".join(f"{count} rows {name}" for name, count in counts.items() if count is not None)
