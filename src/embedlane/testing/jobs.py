"""Driving jobs as the core does: write the file, stage, create, ask, read the results."""

from __future__ import annotations

import atexit
import functools
import hashlib
import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
from sqlalchemy import StaticPool, create_engine

from embedlane.errors import ResponseError
from embedlane.jobs.book import JobBook
from embedlane.jobs.collecting import Collected, Collector
from embedlane.jobs.file import write_batch_file
from embedlane.ledger.database import Ledger
from embedlane.ledger.schema import metadata
from embedlane.ledger.sqlite import Sqlite
from embedlane.providers.values import BatchRow, Correlation, Refusal
from embedlane.vectors.bound import BoundSpace

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from sqlalchemy import Connection

    from embedlane.providers.checks import Checker
    from embedlane.providers.interfaces import BatchEmbedder
    from embedlane.providers.values import BatchFile, RemoteJob, RowResult, StagedInput, Vector

#: Seconds between two questions for a job's state, at most.
_POLL = 0.05


def new_tag() -> str:
    """A tag such as the core gives."""
    return f"embedlane-{secrets.token_hex(10)}"


def rows_of(texts: Sequence[str]) -> list[BatchRow]:
    """Rows with keys such as the core gives: 40 hexadecimal digits, in no order."""
    salt = secrets.token_hex(8)
    keys = [hashlib.blake2b(f"{salt} {n}".encode(), digest_size=20).hexdigest() for n in range(len(texts))]
    return [BatchRow(key, text, number) for number, (key, text) in enumerate(zip(keys, texts, strict=True))]


def broken_line(batch: BatchEmbedder, rows: Sequence[BatchRow]) -> str:
    """The first text whose line is not one; empty if all are."""
    for row in rows:
        line = batch.encode([row])
        if not line.strip() or b"\n" in line:
            return f"the line of {row.text!r:.40} is {line!r:.60}"
    return ""


def lost_row(batch: BatchEmbedder, rows: Sequence[BatchRow]) -> str:
    """What of *rows*, which share a line, does not show in it; empty if all does."""
    line = batch.encode(rows)
    for at, row in enumerate(rows):
        changed = {"text": attrs.evolve(row, text=f"{row.text} or another")}
        if batch.limits.correlation is Correlation.KEY:
            changed["key"] = attrs.evolve(row, key=f"{row.key[:-1]}x")
        for what, other in changed.items():
            if batch.encode([*rows[:at], other, *rows[at + 1 :]]) == line:
                return f"row {at + 1} of {len(rows)} in a line has another {what}, and the line is the same"
    return ""


@attrs.frozen
class Submitted:
    """A job that was created."""

    #: Its rows, in the order of the file.
    rows: Sequence[BatchRow]
    #: Our name for it.
    tag: str
    #: What the service holds.
    staged: StagedInput
    #: What `create` said of it.
    job: RemoteJob


@attrs.frozen(eq=False)
class Reading:
    """What the core made of results."""

    #: Counts.
    collected: Collected
    #: Unit vectors by the key of their row.
    vectors: dict[str, NDArray[np.float32]]
    #: What was said of rows that have none.
    refusals: Sequence[Refusal]


@attrs.define
class Shelf:
    """An `Intake` that keeps the vectors of one job in memory, after the core's checks."""

    checker: Checker
    #: Unit vectors by the key of their row.
    vectors: dict[str, NDArray[np.float32]] = attrs.field(factory=dict)
    #: What was said of rows that have none.
    refusals: list[Refusal] = attrs.field(factory=list)

    def store(
        self,
        connection: Connection,  # noqa: ARG002 -- an Intake's
        vectors: Sequence[Vector],
        refusals: Sequence[Refusal],
        now: float,  # noqa: ARG002 -- an Intake's
    ) -> Sequence[Refusal]:
        """Keep what passes the core's checks, and refuse the others."""
        invalid = []
        for vector in vectors:
            try:
                self.vectors[vector.key] = self.checker.row(vector.key, vector.values)
            except ResponseError as error:
                invalid.append(Refusal(vector.key, "INVALID", error.message))
        self.refusals += [*refusals, *invalid]
        return invalid


@attrs.frozen(kw_only=True)
class Driver:
    """Drives jobs through a batch embedder."""

    #: The plugin's.
    batch: BatchEmbedder
    #: Checks vectors.
    checker: Checker
    #: Where batch files are written.
    folder: Path
    #: Seconds that a job may take.
    patience: float

    def write(self, rows: Sequence[BatchRow]) -> BatchFile:
        """The batch file of *rows*."""
        path = self.folder / f"{secrets.token_hex(4)}.jsonl"
        return write_batch_file(path, rows, self.batch.encode, self.batch.limits)

    def submit(self, rows: Sequence[BatchRow]) -> Submitted:
        """Create a job of *rows*."""
        tag = new_tag()
        staged = self.batch.stage(self.write(rows), tag)
        return Submitted(rows, tag, staged, self.batch.create(staged, tag))

    def ended(self, name: str) -> RemoteJob:
        """The job *name* once it has ended, or as it stands after `patience`."""
        deadline = time.monotonic() + self.patience
        while not (job := self.batch.get(name)).state.terminal and time.monotonic() < deadline:
            time.sleep(_POLL if job.poll_after is None else min(_POLL, job.poll_after))
        return job

    def read(self, rows: Sequence[BatchRow], results: Iterable[RowResult]) -> Reading:
        """Collect the *results* of a job with *rows*, with the core's own collector."""
        book, shelf = JobBook(time.time), Shelf(self.checker)
        ledger = _ledger()
        with ledger.write() as connection:
            space = BoundSpace.register(connection, self.checker.space, 0.0)
            job = book.enter(connection, space.id, self.checker.provider, [row.key for row in rows])
        try:
            collected = Collector(
                ledger=ledger,
                book=book,
                job=job,
                cargo=shelf,
                correlation=self.batch.limits.correlation,
            ).collect(results)
        finally:
            # A row is in flight in one job at a time, and these may be read again.
            with ledger.write() as connection:
                book.close_rows(connection, job)
        return Reading(collected, shelf.vectors, shelf.refusals)


@functools.cache
def _ledger() -> Ledger:
    """A ledger in memory for all tests of this process; they share no row of it."""
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    atexit.register(engine.dispose)
    metadata.create_all(engine)
    return Ledger(engine, "memory", Sqlite(Path("memory")))
