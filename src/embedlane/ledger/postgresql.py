"""PostgreSQL: one server, for the processes of many machines.

The tables lie in the first schema of the connection's search path, beside those of others. A writer locks
the table that holds the ledger's version, so that ledgers in two schemas of a database never wait for each
other.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import attrs
import orjson
from sqlalchemy import URL, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import ArgumentError

from embedlane.errors import LedgerError, MissingDependencyError
from embedlane.ledger.explaining import FREE_SPACE, FULL, HELD, WAIT, Meaning, explanation
from embedlane.ledger.schema import VERSION_TABLE, metadata
from embedlane.ledger.server import Server

if TYPE_CHECKING:
    from sqlalchemy import Connection

#: What a connection is opened with where the address says nothing else: who it is, and that a peer that is
#: gone without a word is given up after a minute or so, not after hours.
_DEFAULTS = MappingProxyType(
    {
        "application_name": "embedlane",
        "connect_timeout": "10",
        "keepalives_idle": "30",
        "keepalives_interval": "10",
        "keepalives_count": "3",
        "tcp_user_timeout": "60000",
    }
)
#: What those who make a ledger in a database lock: any number that nobody else uses.
_MAKING = 0x656D6265646C6E65
#: Seconds by which this machine's clock may differ from the server's. Deadlines, leases and the time that a
#: provider's list may lag are written by one machine and judged by another.
CLOCKS_DIFFER = 60.0

#: By SQLSTATE; or by libpq's words where there is none, for no connection could be made.
_MEANINGS = (
    Meaning((), HELD, WAIT, codes=("55P03", "40P01")),
    Meaning((), FULL, FREE_SPACE, codes=("53100", "58030")),
    Meaning(
        ("permission denied",),
        "lacks a permission that embedlane needs",
        "Let its user make tables: GRANT USAGE, CREATE ON SCHEMA … TO …; or make a schema that is its own.",
        codes=("42501", "3F000"),
    ),
    Meaning(
        ("password", "pg_hba.conf", 'role "'),
        "does not let this user in",
        "Correct the user in `ledger`, and give the password in PGPASSWORD or ~/.pgpass.",
        codes=("28",),
    ),
    Meaning(
        ('database "',),
        "is not there",
        "Make the database, `createdb NAME` say, or correct its name in `ledger`.",
        codes=("3D000",),
    ),
    Meaning((), "can only be read", "Name the primary server in `ledger`, not a standby.", codes=("25006",)),
    Meaning(
        ("too many clients", "starting up", "shutting down"),
        "takes no connection at the moment",
        "Run the same command again in a while; nothing was lost.",
        codes=("53300", "57P03"),
    ),
    Meaning(
        ("connection to server", "connection timeout", "could not translate", "failed to resolve"),
        "can't be reached",
        "Check host and port in `ledger`, and that the server runs and lets this machine in.",
        codes=("08",),
    ),
    Meaning(
        ("invalid",),
        "has an address that libpq can't use",
        "Correct `ledger` in the configuration: postgresql://user@host:5432/database.",
    ),
)
#: An open connection broke.
_LOST = Meaning(
    ("",),
    "was cut off in the middle",
    "All that was committed is safe, and nothing else is there; run the same command again.",
    codes=("",),
)


@attrs.frozen
class Postgresql:
    """A ledger in a database of a server."""

    #: Options of a connection that only reads: it sees one state from its first statement on.
    reading: ClassVar[Mapping[str, Any]] = MappingProxyType(
        {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    )

    #: Its address.
    server: Server
    #: Seconds since 1970.
    clock: Callable[[], float] = time.time

    def engine(self, patience: int) -> Engine:
        """Make SQLAlchemy's engine; *patience* is in milliseconds. Nothing is connected yet.

        Raises:
            LedgerError: If the address is none.
            MissingDependencyError: If psycopg is not installed.
        """
        try:
            engine = create_engine(
                self._url(),
                # A worker sleeps for minutes between two transactions, and servers are restarted.
                pool_pre_ping=True,
                json_serializer=lambda value: orjson.dumps(value).decode(),
                json_deserializer=orjson.loads,
            )
        except ImportError as error:
            raise MissingDependencyError(
                f"The ledger {self.server} needs psycopg, which can't be imported ({error}).",
                "Install it: pip install 'embedlane[postgresql]'.",
            ) from error

        @event.listens_for(engine, "begin")
        def _begin(connection: Connection) -> None:
            locks = connection.get_execution_options().get("embedlane_lock")
            if locks:
                connection.exec_driver_sql(f"SET LOCAL lock_timeout = {int(patience)}")
                connection.exec_driver_sql(
                    f"SELECT pg_advisory_xact_lock({_MAKING})"
                    if locks == "making"
                    else f"LOCK TABLE {VERSION_TABLE} IN EXCLUSIVE MODE"
                )

        return engine

    def examine(self, connection: Connection, *, new: bool) -> None:
        """Refuse a database in which embedlane would go wrong.

        Raises:
            LedgerError: If its clock is not ours; or if it is to become a ledger, and its encoding can't hold
                all texts, or tables of others are in the way.
        """
        theirs = float(connection.scalar(text("SELECT extract(epoch FROM clock_timestamp())")) or 0)
        ahead = self.clock() - theirs
        if abs(ahead) > CLOCKS_DIFFER:
            way = "ahead of" if ahead > 0 else "behind"
            raise LedgerError(
                f"The clock of this machine is {abs(ahead):.0f} s {way} that of the ledger {self.server}; "
                "workers on several machines would misjudge each other's deadlines.",
                "Set the clocks of both, by NTP say.",
            )
        if new:
            self._require_room(connection)

    def explain(self, error: Exception) -> LedgerError:
        """What *error*, SQLAlchemy's or the driver's, means."""
        cause = getattr(error, "orig", None) or error
        code = getattr(cause, "sqlstate", None) or ""
        lost = getattr(error, "connection_invalidated", False)
        return explanation(str(self.server), str(cause), code, (_LOST,) if lost else _MEANINGS)

    def _url(self) -> URL:
        try:
            url = make_url(self.server.address)
        except (ArgumentError, ValueError):
            # Without its words, which may hold a part of the password.
            raise LedgerError(
                f"The ledger {self.server} has an address that can't be read.",
                "Write it as postgresql://user@host:5432/database.",
            ) from None
        return url.set(drivername="postgresql+psycopg", query={**_DEFAULTS, **url.query})

    def _require_room(self, connection: Connection) -> None:
        encoding = connection.scalar(text("SHOW server_encoding"))
        if encoding != "UTF8":
            raise LedgerError(
                f"The database of the ledger {self.server} has the encoding {encoding}, not UTF8.",
                "Make another one: CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0.",
            )
        schema = connection.scalar(text("SELECT current_schema()"))
        taken = sorted({*inspect(connection).get_table_names(schema=schema)} & {*metadata.tables})
        if taken:
            raise LedgerError(
                f"The schema '{schema}' of the ledger {self.server} has tables of others under names that "
                f"embedlane needs: {', '.join(taken)}.",
                "Give embedlane a schema of its own: CREATE SCHEMA embedlane; and write "
                "?options=-csearch_path%3Dembedlane at the end of `ledger`.",
            )
