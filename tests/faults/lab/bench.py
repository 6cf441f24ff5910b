"""Where faults are tried: a served emulator, a workspace over it, and a clock that is turned, not waited for.

Theory of operation. What takes long to make is made once for each service: the server, the workspace with its
ledger, the SDK's clients. A case gets a new emulator at the same address, and the ledger as it was before the
first case. Commands are those of the command line, run in this process.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from unittest import mock

import attrs
from sqlalchemy import event

from embedlane.cli import opening
from embedlane.cli.main import main
from embedlane.providers.halt import Halt
from embedlane.vectors.pending import Tally
from embedlane.workspace.workspace import Workspace
from embedlane_emulator.server import Server, Switchboard

if TYPE_CHECKING:
    from lab.services import Service

    from embedlane.workspace.generation_set import GenerationSet
    from embedlane_emulator.emulator import Emulator

#: What is embedded: so many texts, in two jobs.
ROWS = 8
_ROWS_PER_JOB = 4
#: When every case begins: a day in September 2026.
_START = datetime(2026, 9, 21, tzinfo=UTC)
#: Seconds that a job is pending and runs.
_PACE = {"pending": 5.0, "running": 15.0}
#: Variables that configure embedlane or an SDK.
_FOREIGN = ("EMBEDLANE_", "GOOGLE_", "GEMINI_", "OPENAI_")


@attrs.frozen
class Told:
    """What a command came to."""

    #: Its exit status.
    status: int
    #: What it printed.
    out: str
    #: What it said beside that.
    err: str


@attrs.frozen
class _Kept:
    """Stands in for the class `Workspace` where commands open one: always the same, which stays open."""

    workspace: Workspace

    @contextlib.contextmanager
    def open(self, **_: object) -> Iterator[Workspace]:
        """The workspace that is open already."""
        yield self.workspace


@attrs.frozen
class _Instead:
    """Stands in for an attribute of a class, whatever its objects are made with."""

    value: object

    def __get__(self, *_: object) -> object:
        return self.value

    def __set__(self, *_: object) -> None:
        return


@attrs.define
class Bench:
    """One service and a workspace with an index of `ROWS` pending rows."""

    service: Service
    folder: Path
    _gate: Switchboard
    _server: Server
    workspace: Workspace
    #: The ledger as every case finds it.
    _pristine: sqlite3.Connection
    #: The service of the moment.
    emulator: Emulator[Any]

    @classmethod
    def start(cls, service: Service, folder: Path, timeout: float, *, canaries: bool) -> Self:
        """Serve *service* and make the workspace in *folder*; clients wait *timeout* seconds for answers."""
        # With a handler there, commands add none, whose stream would be that of the first case.
        logging.getLogger().addHandler(logging.NullHandler())
        gate = Switchboard()
        server = Server(gate)
        (folder / "embedlane.toml").write_text(
            f'plugins = ["{service.provider}"]\ncanaries = {str(canaries).lower()}\n'
            f"[providers.{service.provider}]\n"
            f'base_url = "{server.url}{service.path}"\ntimeout = {timeout}\n'
            f"max_rows_per_job = {_ROWS_PER_JOB}\n"
        )
        with _environment(service):
            workspace = Workspace.open(folder)
            pristine, emulator = sqlite3.connect(":memory:"), service.emulator(url=server.url)
            bench = cls(service, folder, gate, server, workspace, pristine, emulator)
            bench._fill()
        return bench

    def _fill(self) -> None:
        """Make the ledger that every case begins with."""
        self._set_clock()
        self.workspace.clock = self.now
        texts = [f"This is text number {number}." for number in range(ROWS)]
        if self.service.generates:
            requests = [
                {"key": f"item {number}", "request": {"contents": [{"parts": [{"text": text}]}]}}
                for number, text in enumerate(texts)
            ]
            file = self.folder / "requests.jsonl"
            file.write_text("\n".join(map(json.dumps, requests)))
            self.workspace.generation.enter_file(file, self.service.model)
        else:
            index = self.workspace.create_index("docs", self.service.model, dimensions=128)
            index.add((f"item {number}", text) for number, text in enumerate(texts))
        event.listen(self.workspace.ledger.engine, "connect", _forget_the_disk)
        self.workspace.ledger.engine.dispose()
        with closing(sqlite3.connect(self.workspace.config.ledger)) as ledger:
            ledger.backup(self._pristine)

    def _set_clock(self) -> None:
        self.emulator.clock.freeze()
        self.emulator.clock.turn_to(_START)

    def now(self) -> float:
        """The time, for the service and for the workspace."""
        return self.emulator.clock.now()

    def wait(self, seconds: float) -> None:
        """Turn the clock."""
        self.emulator.clock.advance(max(0.0, seconds))

    @contextlib.contextmanager
    def prepared(self) -> Iterator[Self]:
        """Everything as it is before anything was done."""
        self.emulator.close()
        self.emulator = self.service.emulator(url=self._server.url)
        self.emulator.configure(**_PACE)
        self._set_clock()
        self._gate.app = self.emulator.app
        with closing(sqlite3.connect(self.workspace.config.ledger)) as ledger:
            self._pristine.backup(ledger)
        for name in ("jobs", "providers"):
            shutil.rmtree(self.workspace.config.ledger.parent / name, ignore_errors=True)
        with (
            _environment(self.service),
            mock.patch.object(opening, "Workspace", _Kept(self.workspace)),
            mock.patch.object(Halt, "sleep", _sleeping(self.wait)),
            mock.patch.object(self.service.sleeper, "sleep", _Instead(self.wait)),
        ):
            yield self

    def command(self, *words: str) -> Told:
        """Run ``embedlane`` with *words*."""
        # Like those of a process: they take text, and bytes below it.
        out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = main(["--config", str(self.folder / "embedlane.toml"), *words])
        out.seek(0)
        err.seek(0)
        return Told(status, out.read(), err.read())

    def send(self, lane: str) -> Told:
        """Send what is pending."""
        if self.service.generates:
            return self.command(
                "generate", "submit", str(self.folder / "requests.jsonl"), "--model", self.service.model
            )
        return self.command("embed", "docs", "--lane", lane)

    def send_refused_again(self) -> Told:
        """Make pending again what was refused for good."""
        if self.service.generates:
            return self.command("generate", "retry", self._set().name)
        return self.command("index", "retry", "docs", "--all")

    def tally(self) -> Tally:
        """Where the rows stand."""
        if not self.service.generates:
            return self.workspace.index("docs").tally()
        tally = self._set().tally()
        return Tally(
            wanted=tally.rows,
            stored=tally.answered,
            in_flight=tally.in_flight,
            refused=tally.refused,
            pending=tally.pending,
        )

    def stored(self) -> Mapping[str, bytes]:
        """Vectors by content hash, or responses by key."""
        found = self.query(
            "SELECT content_hash, vector FROM vectors "
            "UNION ALL SELECT key, response FROM requests WHERE response IS NOT NULL"
        )
        return dict(map(tuple, found))

    def _set(self) -> GenerationSet:
        (report,) = self.workspace.generation.all()
        return self.workspace.generation.open(report.name)

    def query(self, statement: str) -> list[sqlite3.Row]:
        """Ask the ledger."""
        with closing(sqlite3.connect(self.workspace.config.ledger)) as ledger:
            ledger.row_factory = sqlite3.Row
            return ledger.execute(statement).fetchall()

    def close(self) -> None:
        """Stop everything."""
        self.workspace.close()
        self.emulator.close()
        self._server.close()
        self._pristine.close()


def _sleeping(wait: Callable[[float], None]) -> Callable[[Halt, float], None]:
    """What `Halt.sleep` does when waiting is *wait*."""
    sleep = Halt.sleep

    def waiting(halt: Halt, seconds: float) -> None:
        wait(seconds)
        sleep(halt, 0.0)

    return waiting


def _forget_the_disk(connection: sqlite3.Connection, _record: object) -> None:
    """Wait for no disk: no case cuts the power."""
    connection.execute("PRAGMA synchronous = OFF")


@contextlib.contextmanager
def _environment(service: Service) -> Iterator[None]:
    """An environment that holds a key, and nothing else that configures."""
    with mock.patch.dict(os.environ):
        for name in [name for name in os.environ if name.startswith(_FOREIGN)]:
            del os.environ[name]
        os.environ[service.variable] = "AIza-not-a-key"
        yield
