"""The database of a spool: jobs and the rows they have finished.

Theory of operation. One SQLite file in WAL mode, so that a poll never waits for a reader. Progress is one
transaction: the finished rows, and the place in the input up to which they reach, which moves by
compare-and-set. A process that is killed leaves both or neither, and two that work at once can't both commit.

That they don't even try is the business of the *turn*: a lock on a second, empty database, held for one slice
of work. The operating system lets go of it when its holder dies, so it needs no expiry and no clock, and the
main file stays free for a create or a cancel in the meantime.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
import tenacity

from embedlane.errors import LedgerError, TransientError
from embedlane.providers.values import Refusal, RemoteState, Vector

if TYPE_CHECKING:
    from collections.abc import Iterator


_VERSION = 1
_BUSY_SECONDS = 30.0
_PAGE = 256
#: Little-endian, so that the file reads the same everywhere.
_FLOAT32 = np.dtype("<f4")
_OPEN = "('pending', 'running')"

_SCHEMA = (
    """
    CREATE TABLE IF NOT EXISTS jobs (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        tag TEXT NOT NULL,
        space TEXT NOT NULL,              -- only an embedder of this space may work on the job
        input TEXT NOT NULL,              -- the handle of the staged file
        total INTEGER NOT NULL,           -- rows in it
        created REAL NOT NULL,            -- seconds since 1970
        state TEXT NOT NULL DEFAULT 'pending'
            CHECK (state IN ('pending', 'running', 'succeeded', 'failed', 'cancelled', 'expired')),
        reached INTEGER NOT NULL DEFAULT 0,  -- bytes of the input that are finished
        line INTEGER NOT NULL DEFAULT 0,     -- lines of the input that are finished
        done INTEGER NOT NULL DEFAULT 0,
        failed INTEGER NOT NULL DEFAULT 0,
        tokens INTEGER NOT NULL DEFAULT 0,
        error TEXT NOT NULL DEFAULT '',
        CHECK (line = done + failed AND line <= total),
        CHECK (state != 'succeeded' OR line = total)
    )
    """,
    "CREATE INDEX IF NOT EXISTS jobs_by_tag ON jobs (tag)",
    """
    CREATE TABLE IF NOT EXISTS results (
        job INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
        line INTEGER NOT NULL,
        key TEXT NOT NULL,
        vector BLOB,                      -- float32; NULL for a refusal
        code TEXT,
        message TEXT,
        PRIMARY KEY (job, line),
        CHECK ((vector IS NULL) = (code IS NOT NULL))
    ) WITHOUT ROWID
    """,
)


@attrs.frozen(kw_only=True)
class SpoolJob:
    """A row of the jobs table."""

    #: The database's own number; 0 before the row is inserted.
    id: int = 0
    #: What `BatchEmbedder.get` asks for.
    name: str
    #: The core's name for it.
    tag: str
    #: Fingerprint of the space that its vectors are wanted in.
    space: str
    #: Handle of the staged file.
    input: str
    #: Rows in the file.
    total: int
    #: Seconds since 1970.
    created: float
    #: Where it stands.
    state: RemoteState = attrs.field(default=RemoteState.PENDING, converter=RemoteState)
    #: Bytes of the file that are finished.
    reached: int = 0
    #: Lines of the file that are finished.
    line: int = 0
    #: Rows with a vector.
    done: int = 0
    #: Rows that were refused.
    failed: int = 0
    #: Tokens so far.
    tokens: int = 0
    #: Why it failed.
    error: str = ""


@attrs.frozen
class Progress:
    """What one batch of rows came to."""

    #: Byte of the input after the last row.
    end: int
    #: A vector or a refusal for each row, in order.
    results: Sequence[Vector | Refusal]
    #: Tokens of all rows.
    tokens: int


@attrs.frozen
class Store:
    """The database in a folder. Holds no connection between calls, so threads and forks may share it."""

    #: The spool's folder; made when first used.
    folder: Path

    def add(self, job: SpoolJob) -> None:
        """Insert a job that is pending; it is on the disk when this returns."""
        with self._transaction() as connection:
            connection.execute(
                "INSERT INTO jobs (name, tag, space, input, total, created) "
                "VALUES (:name, :tag, :space, :input, :total, :created)",
                attrs.asdict(job),
            )

    def job(self, name: str) -> SpoolJob | None:
        """The job *name*, or None."""
        with self._connection() as connection:
            row = connection.execute("SELECT * FROM jobs WHERE name = ?", (name,)).fetchone()
        return None if row is None else SpoolJob(**row)

    def tagged(self, tag: str) -> list[SpoolJob]:
        """All jobs that carry *tag*, oldest first."""
        with self._connection() as connection:
            rows = connection.execute("SELECT * FROM jobs WHERE tag = ? ORDER BY id", (tag,))
            return [SpoolJob(**row) for row in rows]

    def inputs(self) -> set[str]:
        """The handles of all staged files that a job refers to."""
        with self._connection() as connection:
            return {row["input"] for row in connection.execute("SELECT input FROM jobs")}

    def end(self, name: str, state: RemoteState, error: str = "") -> None:
        """Set the final *state* of a job that has not ended."""
        with self._transaction() as connection:
            connection.execute(
                f"UPDATE jobs SET state = ?, error = ? WHERE name = ? AND state IN {_OPEN}",
                (state.value, error, name),
            )

    def expire(self, before: float) -> None:
        """Give up the jobs that were created before the time *before* and have not ended."""
        with self._connection() as connection:
            late = f"created < ? AND state IN {_OPEN}"
            # Reading first keeps the ordinary poll from writing, and so from waiting.
            if connection.execute(f"SELECT 1 FROM jobs WHERE {late}", (before,)).fetchone():
                connection.execute(f"UPDATE jobs SET state = 'expired' WHERE {late}", (before,))

    def advance(self, job: SpoolJob, progress: Progress) -> bool:
        """Store the rows after those that *job* has finished.

        Returns:
            False if the job has moved or ended in the meantime; nothing is stored then.
        """
        failed = sum(isinstance(result, Refusal) for result in progress.results)
        count = len(progress.results)
        # A commit that is lost with the power takes its progress with it; the rows are made again.
        with self._transaction(durable=False) as connection:
            moved = connection.execute(
                "UPDATE jobs SET reached = ?, line = line + ?, done = done + ?, failed = failed + ?, "
                "tokens = tokens + ?, state = CASE WHEN line + ? = total THEN 'succeeded' ELSE 'running' END "
                f"WHERE id = ? AND reached = ? AND state IN {_OPEN}",
                (progress.end, count, count - failed, failed, progress.tokens, count, job.id, job.reached),
            )
            if moved.rowcount != 1:
                return False
            connection.executemany(
                "INSERT INTO results (job, line, key, vector, code, message) VALUES (?, ?, ?, ?, ?, ?)",
                (
                    (job.id, line, *_columns(result))
                    for line, result in enumerate(progress.results, start=job.line)
                ),
            )
        return True

    def results(self, name: str) -> Iterator[Vector | Refusal]:
        """Stream the finished rows of the job *name* in the order of its input.

        Reads page by page, so that a reader that pauses holds neither a connection nor a snapshot.
        """
        after = -1
        while True:
            with self._connection() as connection:
                page = connection.execute(
                    "SELECT line, key, vector, code, message FROM results "
                    "WHERE job = (SELECT id FROM jobs WHERE name = ?) AND line > ? ORDER BY line LIMIT ?",
                    (name, after, _PAGE),
                ).fetchall()
            if not page:
                return
            yield from map(_result, page)
            after = page[-1]["line"]

    def remove(self, name: str) -> str | None:
        """Remove the job *name* and its rows.

        Returns:
            The handle of its input if no other job refers to it.
        """
        with self._transaction() as connection:
            job = connection.execute("SELECT input FROM jobs WHERE name = ?", (name,)).fetchone()
            if job is None:
                return None
            connection.execute("DELETE FROM jobs WHERE name = ?", (name,))
            other = connection.execute("SELECT 1 FROM jobs WHERE input = :input", job).fetchone()
        return None if other else str(job["input"])

    @contextmanager
    def turn(self) -> Iterator[bool]:
        """Try to become the only one who works; says whether it came to that. Never waits."""
        with self._opened("turn.db", 0.0) as lock:
            try:
                lock.execute("BEGIN EXCLUSIVE")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    raise
            yield lock.in_transaction

    @contextmanager
    def _transaction(self, *, durable: bool = True) -> Iterator[sqlite3.Connection]:
        with self._connection() as connection:
            connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            connection.execute("BEGIN IMMEDIATE")
            yield connection  # an error leaves here, and closing the connection rolls back
            connection.execute("COMMIT")

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        with self._opened("spool.db", _BUSY_SECONDS) as connection:
            connection.row_factory = _as_dict
            _prepare(connection, self.folder)
            yield connection

    @contextmanager
    def _opened(self, file: str, patience: float) -> Iterator[sqlite3.Connection]:
        """Open a database, without Python's own transactions, and translate what goes wrong with it."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TransientError(f"The spool in {self.folder} can't be made: {error}.") from error
        path = self.folder / file
        try:
            with closing(sqlite3.connect(path, timeout=patience, isolation_level=None)) as connection:
                yield connection
        except sqlite3.OperationalError as error:
            raise TransientError(f"The spool in {self.folder} can't be used now: {error}.") from error
        except sqlite3.Error as error:
            raise LedgerError(
                f"The spool in {self.folder} is broken: {error}.",
                "Remove the folder; jobs in it are lost, and what they hold is pending again.",
            ) from error


@tenacity.retry(
    retry=tenacity.retry_if_exception_type(sqlite3.OperationalError),
    stop=tenacity.stop_after_delay(_BUSY_SECONDS),
    wait=tenacity.wait_random(0.01, 0.1),
    reraise=True,
)
def _write_ahead(connection: sqlite3.Connection) -> None:
    """Turn write-ahead logging on. SQLite does not wait for the lock that a new file needs for it."""
    connection.execute("PRAGMA journal_mode = WAL")


def _prepare(connection: sqlite3.Connection, folder: Path) -> None:
    """Make the tables where they are missing."""
    connection.execute("PRAGMA foreign_keys = ON")
    version = connection.execute("PRAGMA user_version").fetchone()["user_version"]
    if version > _VERSION:
        raise LedgerError(
            f"The spool in {folder} was written by a newer embedlane.", "Upgrade it, or remove the folder."
        )
    if version < _VERSION:
        _write_ahead(connection)
        connection.execute("BEGIN IMMEDIATE")
        for statement in _SCHEMA:
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {_VERSION}")
        connection.execute("COMMIT")


def _as_dict(cursor: sqlite3.Cursor, row: tuple[object, ...]) -> dict[str, object]:
    return {column[0]: value for column, value in zip(cursor.description, row, strict=True)}


def _result(row: dict[str, Any]) -> Vector | Refusal:
    if row["vector"] is None:
        return Refusal(row["key"], row["code"], row["message"])
    return Vector(row["key"], np.frombuffer(row["vector"], dtype=_FLOAT32))


def _columns(result: Vector | Refusal) -> tuple[str, bytes | None, str | None, str | None]:
    if isinstance(result, Refusal):
        return result.key, None, result.code, result.message
    return result.key, np.asarray(result.values, dtype=_FLOAT32).tobytes(), None, None
