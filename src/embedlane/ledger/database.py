"""Opening the ledger, and its two kinds of transaction."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

import attrs
from sqlalchemy import Engine, inspect, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from embedlane.ledger import schema
from embedlane.ledger.postgresql import Postgresql
from embedlane.ledger.server import Server
from embedlane.ledger.sqlite import Sqlite

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from embedlane.errors import LedgerError

#: Milliseconds that a transaction waits for another process's.
BUSY_TIMEOUT = 30_000


class Database(Protocol):
    """What a ledger can be in."""

    @property
    def reading(self) -> Mapping[str, Any]:
        """Options of a connection that only reads."""
        ...

    def engine(self, patience: int) -> Engine:
        """SQLAlchemy's engine, whose transactions lock as their option ``embedlane_lock`` says.

        Without the option they lock nothing. With ``writing`` they wait up to *patience* milliseconds for
        others to write; with ``making``, for others to make or upgrade the ledger.
        """
        ...

    def examine(self, connection: Connection, *, new: bool) -> None:
        """Raise a LedgerError if this can't be a ledger, or where it is *new*, can't become one."""
        ...

    def explain(self, error: Exception) -> LedgerError:
        """What an error of the database means."""
        ...


@attrs.frozen
class Ledger:
    """The durable record of indexes, items, vectors, jobs and events."""

    #: SQLAlchemy's engine.
    engine: Engine
    #: What people call the place: a path or an address.
    place: str
    _database: Database

    @classmethod
    def open(cls, place: Path | Server, *, busy_timeout: int = BUSY_TIMEOUT) -> Self:
        """Open the ledger at *place*, making or upgrading it where needed.

        Args:
            place: SQLite's file, or a database of a PostgreSQL server.
            busy_timeout: Milliseconds that a transaction waits for another process's.

        Raises:
            LedgerError: If it can't be used: not a ledger, newer than this release, busy, full, or not to be
                reached.
            MissingDependencyError: If the database's driver is not installed.
        """
        database: Database = Postgresql(place) if isinstance(place, Server) else Sqlite(place)
        ledger = cls(database.engine(busy_timeout), str(place), database)
        try:
            ledger._bring_up_to_date()
        except BaseException:
            ledger.close()
            raise
        return ledger

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one state of the ledger and writes nothing."""
        with self._begun(**self._database.reading) as connection:
            yield connection

    @contextlib.contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that holds the write lock from its start, so that what it reads stays true."""
        with self._begun(embedlane_lock="writing") as connection:
            yield connection

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    @contextlib.contextmanager
    def _begun(self, **options: Any) -> Iterator[Connection]:
        """A transaction; what the database says against it is explained."""
        try:
            with (
                self.engine.connect().execution_options(**options) as connection,
                connection.begin(),
            ):
                yield connection
        except IntegrityError:
            raise
        except (DBAPIError, sqlite3.Error) as error:
            raise self._database.explain(error) from error

    def _bring_up_to_date(self) -> None:
        with self.read() as connection:
            found = _revision(connection)
            self._database.examine(connection, new=found is None)
        if found != schema.HEAD:
            # Imported here because it takes longer than most commands, and is needed once per release.
            from embedlane.ledger.migrations.upgrade import upgrade  # noqa: PLC0415

            with self._begun(embedlane_lock="making") as connection:
                upgrade(connection, self.place)


def _revision(connection: Connection) -> str | None:
    """The migration that the ledger is at; None if there is none yet."""
    if not inspect(connection).has_table(schema.VERSION_TABLE):
        return None
    revision: str | None = connection.scalar(text(f"SELECT version_num FROM {schema.VERSION_TABLE}"))
    return revision
