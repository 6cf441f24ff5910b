"""The boundaries of the batch lane in this process: each is written down, and at one of them it kills itself.

A boundary is a moment at which the world outside of the process has changed, or is about to: a transaction
of the ledger, a request on its way out or its answer on its way in, a change of a file. Between two of them
nothing happens that outlives the process, so that a kill at each boundary is a kill at any instruction.
"""

from __future__ import annotations

import builtins
import io
import os
import signal
from functools import partial, wraps
from types import ModuleType
from typing import Any

import attrs
from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine.default import DefaultDialect

#: What HTTP transports tell of a request, in our words. Between "sent" and "answered" the service is at work.
_TRACED = {
    "connection.connect_tcp.complete": "connected",
    "http11.send_request_headers.started": "request begins",
    "http11.send_request_headers.complete": "headers sent",
    "http11.send_request_body.complete": "sent",
    "http11.receive_response_headers.complete": "answered",
    "http11.receive_response_body.complete": "answer read",
}
#: Functions of `os` that change files; `pathlib` and `tempfile` use them, too.
_DEEDS = {"replace": "rename", "rename": "rename", "unlink": "remove", "remove": "remove", "fsync": "fsync"}


@attrs.define
class Boundaries:
    """Counts boundaries, and ends the process at one of them."""

    #: A file, opened for appending, that gets a line for each boundary.
    log: int
    #: The boundary to be killed at, from 1; None for none.
    kill_at: int | None
    _count: int = 0

    def cross(self, kind: str) -> None:
        """Write a boundary of *kind* down; be killed, if this is the one."""
        self._count += 1
        os.write(self.log, f"{kind}\n".encode())
        if self._count == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(self, *transports: ModuleType) -> None:
        """Cross a boundary wherever this process meets the world outside, until it ends.

        Args:
            transports: Modules of HTTP clients: ``httpx`` and its relatives.
        """
        self._watch_transactions()
        self._watch_files()
        for module in transports:
            self._watch_requests(module.HTTPTransport)

    def _watch_transactions(self) -> None:
        """Transactions that write; those that only read leave nothing behind."""
        writing: list[Connection] = []

        def begun(connection: Connection) -> None:
            if connection.get_execution_options().get("embedlane_write"):
                writing.append(connection)
                self.cross("transaction begun")

        def committing(connection: Connection) -> None:
            if connection in writing:
                self.cross("commit begins")

        def commit(dialect: DefaultDialect, connection: Any) -> None:
            committed(dialect, connection)
            if writing:
                writing.clear()
                self.cross("committed")

        event.listen(Engine, "begin", begun)
        event.listen(Engine, "commit", committing)
        event.listen(Engine, "rollback", lambda _connection: writing.clear())
        # There is no event after a commit.
        committed, DefaultDialect.do_commit = DefaultDialect.do_commit, commit

    def _watch_files(self) -> None:
        for name, kind in _DEEDS.items():
            setattr(os, name, self._around(getattr(os, name), kind))
        builtins.open = io.open = partial(self._open, io.open)

    def _around(self, deed: Any, kind: str) -> Any:
        @wraps(deed)
        def watched(*args: Any, **options: Any) -> Any:
            self.cross(f"{kind} begins")
            done = deed(*args, **options)
            self.cross(f"{kind} done")
            return done

        return watched

    def _open(self, opened: Any, file: Any, mode: str = "r", *args: Any, **options: Any) -> Any:
        if not set(mode) & set("wax+"):
            return opened(file, mode, *args, **options)
        self.cross("open to write")
        if mode != "wb":
            stream = opened(file, mode, *args, **options)
        else:
            stream = io.BufferedWriter(_Watched(file, self))
        self.cross("opened to write")
        return stream

    def _watch_requests(self, transport: Any) -> None:
        handle = transport.handle_request

        def told(name: str, _info: object) -> None:
            if name in _TRACED:
                self.cross(_TRACED[name])

        @wraps(handle)
        def watched(self: Any, request: Any) -> Any:
            request.extensions = {**request.extensions, "trace": told}
            return handle(self, request)

        transport.handle_request = watched


class _Watched(io.FileIO):
    """A file whose writes are boundaries, one for each call of the system."""

    def __init__(self, file: Any, boundaries: Boundaries) -> None:
        super().__init__(file, "w")
        self._boundaries = boundaries

    def write(self, data: Any, /) -> int:
        """Write *data*."""
        self._boundaries.cross("write begins")
        written = super().write(data)
        self._boundaries.cross("written")
        return written
