"""Opening the ledger, and its two kinds of transaction."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import attrs
import orjson
import tenacity
from sqlalchemy import URL, Engine, create_engine, event, inspect, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.pool import QueuePool

from embedlane.errors import LedgerError
from embedlane.ledger import schema

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

#: Milliseconds that a transaction waits for another process's.
BUSY_TIMEOUT = 30_000

_PRAGMAS = (
    # Large pages suit vectors of kilobytes: a third of the time for a million rows of 1 kB.
    "PRAGMA page_size = 16384",
    # The intent to create a job must outlive a power cut, or it may be paid for twice.
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA temp_store = MEMORY",
    # In KiB. Hashes fall all over their indexes: with SQLite's own 2 MB, adding takes half as long again.
    "PRAGMA cache_size = -32768",
    # No mmap_size: it loads no matrix faster, looks like memory that grows with the corpus, and turns a
    # failing disk into a crash.
)


@attrs.frozen
class Ledger:
    """The durable record of indexes, items, vectors, jobs and events."""

    #: SQLAlchemy's engine.
    engine: Engine
    #: What people call the place: a path or an address.
    place: str

    @classmethod
    def open(cls, path: Path, *, busy_timeout: int = BUSY_TIMEOUT) -> Self:
        """Open the SQLite file *path*, making or upgrading it where needed.

        Args:
            path: The file.
            busy_timeout: Milliseconds that a transaction waits for another process's.

        Raises:
            LedgerError: If it can't be used: not a ledger, newer than this release, busy, or out of space.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LedgerError(
                f"The folder of the ledger {path} can't be made: {error.strerror}.",
                "Name a place that can be written to as `ledger` in the configuration.",
            ) from error
        ledger = cls(_engine(path, busy_timeout), str(path))
        ledger._bring_up_to_date()
        return ledger

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one state of the ledger and writes nothing."""
        with _explained(self.place), self.engine.connect() as connection, connection.begin():
            yield connection

    @contextlib.contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that holds the write lock from its start, so that what it reads stays true."""
        with (
            _explained(self.place),
            self.engine.connect().execution_options(embedlane_write=True) as connection,
            connection.begin(),
        ):
            yield connection

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    def _bring_up_to_date(self) -> None:
        with self.read() as connection:
            found = _revision(connection, self.place)
        if found != schema.HEAD:
            # Imported here because it takes longer than most commands, and is needed once per release.
            from embedlane.ledger.migrations.upgrade import upgrade  # noqa: PLC0415

            with self.write() as connection:
                upgrade(connection, self.place)


def _engine(path: Path, busy_timeout: int) -> Engine:
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        poolclass=QueuePool,
        connect_args={"check_same_thread": False, "timeout": busy_timeout / 1000},
        # Not the standard library's: it would write "\\u00e9" for "é", which older SQLite does not find.
        json_serializer=lambda value: orjson.dumps(value).decode(),
        json_deserializer=orjson.loads,
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: object) -> None:
        # The driver would begin transactions by its own rules; _begin below does it by ours.
        connection.isolation_level = None
        for pragma in _PRAGMAS:
            connection.execute(pragma).close()
        _write_ahead(connection, busy_timeout)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("embedlane_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _write_ahead(connection: sqlite3.Connection, busy_timeout: int) -> None:
    """Turn write-ahead logging on. SQLite does not wait for the lock that a new file needs for it."""
    for attempt in tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(sqlite3.OperationalError),
        stop=tenacity.stop_after_delay(busy_timeout / 1000),
        wait=tenacity.wait_random(0.01, 0.1),
        reraise=True,
    ):
        with attempt:
            connection.execute("PRAGMA journal_mode = WAL").close()


def _revision(connection: Connection, place: str) -> str | None:
    tables = inspect(connection).get_table_names()
    if not tables:
        return None
    if "alembic_version" not in tables or "spaces" not in tables:
        raise LedgerError(
            f"{place} is a database, but not a ledger of embedlane (its tables: {', '.join(tables[:5])}).",
            "Name another file as `ledger` in the configuration.",
        )
    revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return revision


@contextlib.contextmanager
def _explained(place: str) -> Iterator[None]:
    """Say what a database error means for the person who sees it."""
    try:
        yield
    except IntegrityError:
        raise
    except DBAPIError as error:
        raise _explanation(place, str(error.orig)) from error
    except sqlite3.Error as error:
        raise _explanation(place, str(error)) from error


_MEANINGS = (
    (
        ("not a database", "malformed", "disk image"),
        "is damaged or not a database",
        "Restore it from a backup, or move it away, then add and embed again.",
    ),
    (
        ("locked", "busy"),
        "is held by another process",
        "Wait for the other embedlane to finish, and run the same command again; nothing was lost.",
    ),
    (
        ("full", "disk i/o"),
        "can't grow: the disk is full or fails",
        "Free some space and run the same command again; all that was committed is safe.",
    ),
    (
        ("readonly", "unable to open", "permission"),
        "can't be opened for writing",
        "Check the permissions of the file and its folder, or name another file as `ledger`.",
    ),
)


def _explanation(place: str, words: str) -> LedgerError:
    for signs, meaning, advice in _MEANINGS:
        if any(sign in words.lower() for sign in signs):
            return LedgerError(f"The ledger {place} {meaning} ({words}).", advice)
    return LedgerError(f"The ledger {place} refused an operation ({words}).", "Run `embedlane doctor`.")
