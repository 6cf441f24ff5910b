"""SQLite: one file, for the processes of one machine."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import attrs
import orjson
import tenacity
from sqlalchemy import URL, Engine, create_engine, event, inspect
from sqlalchemy.pool import QueuePool

from embedlane.errors import LedgerError
from embedlane.ledger.explaining import FREE_SPACE, FULL, HELD, WAIT, Meaning, explanation

if TYPE_CHECKING:
    from sqlalchemy import Connection

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

_MEANINGS = (
    Meaning(
        ("not a database", "malformed", "disk image"),
        "is damaged or not a database",
        "Restore it from a backup, or move it away, then add and embed again.",
    ),
    Meaning(("locked", "busy"), HELD, WAIT),
    Meaning(("full", "disk i/o"), FULL, FREE_SPACE),
    Meaning(
        ("readonly", "unable to open", "permission"),
        "can't be opened for writing",
        "Check the permissions of the file and its folder, or name another file as `ledger`.",
    ),
)


@attrs.frozen
class Sqlite:
    """A ledger in a file."""

    #: Options of a connection that only reads.
    reading: ClassVar[Mapping[str, Any]] = MappingProxyType({})

    #: The file.
    path: Path

    def engine(self, patience: int) -> Engine:
        """Make the folder and SQLAlchemy's engine; *patience* is in milliseconds.

        Raises:
            LedgerError: If the folder can't be made.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LedgerError(
                f"The folder of the ledger {self.path} can't be made: {error.strerror}.",
                "Name a place that can be written to as `ledger` in the configuration.",
            ) from error
        engine = create_engine(
            URL.create("sqlite", database=str(self.path)),
            poolclass=QueuePool,
            connect_args={"check_same_thread": False, "timeout": patience / 1000},
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
            _write_ahead(connection, patience)

        @event.listens_for(engine, "begin")
        def _begin(connection: Connection) -> None:
            locks = connection.get_execution_options().get("embedlane_lock")
            connection.exec_driver_sql("BEGIN IMMEDIATE" if locks else "BEGIN")

        return engine

    def examine(self, connection: Connection, *, new: bool) -> None:
        """Refuse the database of another program.

        Raises:
            LedgerError: With the names of its tables.
        """
        tables = inspect(connection).get_table_names() if new else []
        if tables:
            raise LedgerError(
                f"{self.path} is a database, but not a ledger of embedlane "
                f"(its tables: {', '.join(tables[:5])}).",
                "Name another file as `ledger` in the configuration.",
            )

    def explain(self, error: Exception) -> LedgerError:
        """What *error*, SQLAlchemy's or SQLite's, means."""
        return explanation(str(self.path), str(getattr(error, "orig", error)), "", _MEANINGS)


def _write_ahead(connection: sqlite3.Connection, patience: int) -> None:
    """Turn write-ahead logging on. SQLite does not wait for the lock that a new file needs for it."""
    for attempt in tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(sqlite3.OperationalError),
        stop=tenacity.stop_after_delay(patience / 1000),
        wait=tenacity.wait_random(0.01, 0.1),
        reraise=True,
    ):
        with attempt:
            connection.execute("PRAGMA journal_mode = WAL").close()
