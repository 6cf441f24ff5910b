"""The spool: a folder that behaves like a provider's batch service.

The service has no process of its own: it makes progress when it is polled. A poll works for a slice of time,
committing as it goes, and then reports; see `spool_store` for what makes that safe.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, final

import attrs

from embedlane.errors import (
    CreateAmbiguousError,
    RequestRefusedError,
    ResponseError,
    SetupError,
    TransientError,
)
from embedlane.models.card import Role
from embedlane.providers.builtin import spool_inputs
from embedlane.providers.builtin.spool_inputs import Inputs
from embedlane.providers.builtin.spool_store import Progress, SpoolJob, Store
from embedlane.providers.interfaces import SyncEmbedder
from embedlane.providers.values import BatchLimits, Refusal, RemoteJob, RemoteState, StagedInput, Vector

if TYPE_CHECKING:
    from collections.abc import Iterator

    from embedlane.providers.builtin.settings import Settings
    from embedlane.providers.builtin.spool_inputs import Lines
    from embedlane.providers.interfaces import OpenContext
    from embedlane.providers.values import BatchFile, BatchRow, RowResult

#: When nothing is configured.
EXPIRES_AFTER = timedelta(hours=48)
#: Ten years: nobody waits longer, and dates go no further.
_MOST_HOURS = 24 * 3653
_POLL_EVERY = timedelta(seconds=0.2)


def spool_limits(rows: int | None = None, expires_after: timedelta = EXPIRES_AFTER) -> BatchLimits:
    """What a spool takes: as many rows as there is disk, unless *rows* says otherwise."""
    return BatchLimits(
        rows=rows,
        expires_after=expires_after,
        list_lag=timedelta(seconds=5),
        poll_every=_POLL_EVERY,
        poll_at_most=timedelta(seconds=5),
    )


@final
@attrs.define
class SpoolEmbedder:
    """A BatchEmbedder over a folder and a SyncEmbedder."""

    #: The spool's folder; made when first used.
    directory: Path
    #: What embeds the rows; closed with the spool.
    embedder: SyncEmbedder
    #: Age at which an unfinished job is given up.
    expires_after: timedelta = attrs.field(default=EXPIRES_AFTER, kw_only=True)
    #: What the lane takes.
    limits: BatchLimits = attrs.field(
        kw_only=True,
        default=attrs.Factory(lambda self: spool_limits(expires_after=self.expires_after), takes_self=True),
    )
    #: The time, in seconds since 1970.
    clock: Callable[[], float] = attrs.field(default=time.time, kw_only=True)
    #: Seconds that a job waits before it starts.
    delay: float = attrs.field(default=0.0, kw_only=True)
    #: Seconds that one poll may work; one batch at least is done.
    slice_seconds: float = attrs.field(default=2.0, kw_only=True)
    #: Rows that are embedded and committed together.
    batch: int = attrs.field(default=32, kw_only=True, validator=attrs.validators.gt(0))
    #: Fingerprint of the space that the embedder writes. Jobs of another space are reported, never worked on.
    space: str = attrs.field(default="", kw_only=True)
    _store: Store = attrs.field(
        init=False, default=attrs.Factory(lambda s: Store(s.directory), takes_self=True)
    )
    _inputs: Inputs = attrs.field(
        init=False, default=attrs.Factory(lambda self: Inputs(self.directory / "inputs"), takes_self=True)
    )

    def encode(self, rows: Sequence[BatchRow]) -> bytes:
        """The line for the one row of *rows*: a JSON object with its key and its text."""
        (row,) = rows
        return spool_inputs.encode(row)

    def stage(self, file: BatchFile, tag: str) -> StagedInput:
        """Copy *file* into the spool; safe to repeat.

        Raises:
            RequestRefusedError: If the file does not have the digest it is said to have.
            TransientError: If the spool is busy or the disk is full.
        """
        self._inputs.sweep(self._store.inputs(), self.clock() - self.expires_after.total_seconds())
        try:
            handle = self._inputs.stage(file, tag)
        except OSError as error:
            raise TransientError(f"{file.path} can't be copied to {self._inputs.folder}: {error}.") from error
        return StagedInput(handle=handle, rows=file.rows)

    def create(self, staged: StagedInput, tag: str) -> RemoteJob:
        """Insert a job for *staged*. As with real services, doing it twice makes two jobs.

        Raises:
            CreateRejectedError: If the file is gone, or is not lines of rows within the limit.
            CreateAmbiguousError: If the database failed.
        """
        total = self._inputs.check(staged.handle, self.limits.rows)
        name = f"spool/{secrets.token_hex(8)}"
        try:
            self._store.add(
                SpoolJob(
                    name=name,
                    tag=tag,
                    space=self.space,
                    input=staged.handle,
                    total=total,
                    created=self.clock(),
                )
            )
        except (TransientError, SetupError) as error:
            raise CreateAmbiguousError(error.message, error.hint) from error
        return self._report(name)

    def find(self, tag: str) -> Sequence[RemoteJob]:
        """All jobs that carry *tag*, oldest first."""
        self._expire()
        return [self._as_remote(job) for job in self._store.tagged(tag)]

    def get(self, name: str) -> RemoteJob:
        """Work on the job *name* for a slice, then say where it stands.

        A poll that finds another one at work only reports.
        """
        self._expire()
        job = self._store.job(name)
        if job is None or not self._due(job):
            return self._report(name)
        with self._store.turn() as ours:
            if ours:
                self._work(name)
        return self._report(name, ours=ours)

    def results(self, job: RemoteJob) -> Iterator[RowResult]:
        """Stream the finished rows of *job*, in the order of its input; in constant memory, repeatable."""
        return self._store.results(job.name)

    def cancel(self, name: str) -> None:
        """Stop the job *name*, keeping its finished rows; a poll at work on it stops after its batch."""
        self._store.end(name, RemoteState.CANCELLED)

    def delete(self, name: str) -> None:
        """Remove the job *name*, its rows and, unless another job needs it, its staged file."""
        handle = self._store.remove(name)
        if handle is not None:
            self._inputs.remove(handle)

    def close(self) -> None:
        """Close the embedder."""
        self.embedder.close()

    def _expire(self) -> None:
        self._store.expire(self.clock() - self.expires_after.total_seconds())

    def _due(self, job: SpoolJob) -> bool:
        """Whether *job* is ours to work on now."""
        return not job.state.terminal and job.space == self.space and self._wait(job) <= 0.0

    def _wait(self, job: SpoolJob) -> float:
        return max(0.0, job.created + self.delay - self.clock())

    def _work(self, name: str) -> None:
        """Embed rows of the job for a slice of time, committing each batch."""
        # The state may have changed between the first look and the turn.
        job = self._store.job(name)
        if job is None or job.state.terminal:
            return
        deadline = time.monotonic() + self.slice_seconds
        try:
            for lines in self._inputs.batches(job.input, job.reached, self.batch):
                if not self._store.advance(job, self._embedded(lines)) or time.monotonic() >= deadline:
                    return
                job = attrs.evolve(job, reached=lines.end, line=job.line + len(lines.rows))
        except FileNotFoundError:
            self._store.end(name, RemoteState.FAILED, f"the staged file {job.input} is gone")
        else:
            # No effect on a job that came to its end, as it should have.
            self._store.end(name, RemoteState.FAILED, f"the staged file {job.input} ends early")

    def _embedded(self, lines: Lines) -> Progress:
        try:
            vectors, tokens = self._embed(lines.rows)
            return Progress(lines.end, vectors, tokens)
        except RequestRefusedError:
            # One bad row refuses the whole call: each by itself shows which.
            each = [self._alone(row) for row in lines.rows]
            return Progress(lines.end, [result for result, _ in each], sum(tokens for _, tokens in each))

    def _alone(self, row: BatchRow) -> tuple[Vector | Refusal, int]:
        try:
            (vector,), tokens = self._embed([row])
        except RequestRefusedError as error:
            return Refusal(row.key, error.code or "REFUSED", error.message), 0
        return vector, tokens

    def _embed(self, rows: Sequence[BatchRow]) -> tuple[list[Vector], int]:
        answer = self.embedder.embed([row.text for row in rows], Role.DOCUMENT)
        if len(answer.vectors) != len(rows):
            raise ResponseError(f"The embedder made {len(answer.vectors)} vectors of {len(rows)} texts.")
        vectors = [Vector(row.key, values) for row, values in zip(rows, answer.vectors, strict=True)]
        return vectors, answer.tokens or 0

    def _report(self, name: str, *, ours: bool = True) -> RemoteJob:
        job = self._store.job(name)
        if job is None:
            return RemoteJob(name=name, state=RemoteState.GONE)
        return self._as_remote(job, ours=ours)

    def _as_remote(self, job: SpoolJob, *, ours: bool = True) -> RemoteJob:
        return RemoteJob(
            name=job.name,
            state=job.state,
            raw_state=job.state.name,
            rows_done=job.done,
            rows_failed=job.failed,
            tokens=job.tokens,
            error=job.error,
            poll_after=None if job.state.terminal else self._advice(job, ours=ours),
        )

    def _advice(self, job: SpoolJob, *, ours: bool) -> float:
        """Seconds to the next useful poll: none where a poll is what makes progress."""
        workable = ours and job.space == self.space
        return max(self._wait(job), 0.0 if workable else _POLL_EVERY.total_seconds())


def open_spool(
    settings: Settings, context: OpenContext, embedder: SyncEmbedder, *, batch: int
) -> SpoolEmbedder:
    """Open the spool in a provider's folder, as its settings want it.

    Raises:
        ConfigError: If ``batch_delay`` (seconds), ``batch_expires_after`` (hours) or ``batch_rows`` can't be
            right.
    """
    hours = settings.number("batch_expires_after", EXPIRES_AFTER.total_seconds() / 3600, _MOST_HOURS)
    expires_after = timedelta(hours=hours)
    return SpoolEmbedder(
        context.directory / "spool",
        embedder,
        limits=spool_limits(settings.whole("batch_rows"), expires_after),
        delay=settings.number("batch_delay", 0.0),
        batch=batch,
        expires_after=expires_after,
        space=context.space.fingerprint,
    )
