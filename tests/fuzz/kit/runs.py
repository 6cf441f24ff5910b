"""Runs: a folder with work to do, processes that do it and are killed, and what is there in the end."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import attrs
from dialects import DIALECTS
from fuzz_service import Host
from remains import Remains
from scenarios import SCENARIOS, Scenario
from shared_clock import SharedClock

from embedlane.workspace.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dialects import Dialect

ROWS = 12
_SERVER = Path(__file__).with_name("forkserver.py")
_FOREIGN = ("EMBEDLANE_", "GOOGLE_", "GEMINI_", "OPENAI_")


@attrs.frozen(kw_only=True)
class Point:
    """What is done in a run: where, under which faults, and where its processes are killed."""

    #: The provider.
    dialect: str
    #: The faults.
    scenario: str
    #: For each process but the last the boundary that it is killed at, if it comes that far.
    kills: tuple[int, ...] = ()


@attrs.frozen(kw_only=True)
class Report:
    """What a run came to."""

    #: What was done.
    point: Point
    #: The boundaries that each process crossed; the last of a killed one is where it was killed.
    crossed: tuple[tuple[str, ...], ...]
    #: What is there in the end.
    remains: Remains

    @property
    def killed(self) -> Counter[str]:
        """How many processes were killed, by the kind of boundary."""
        pairs = zip(self.point.kills, self.crossed, strict=False)
        return Counter(crossed[-1] for kill, crossed in pairs if len(crossed) == kill)


@attrs.define
class Runner:
    """Does runs, one after the other: a server for the providers and a process that forks workers."""

    #: A folder to work in, of nobody else.
    root: Path
    _clock: SharedClock
    _host: Host
    _forks: subprocess.Popen[str]

    @classmethod
    def start(cls, root: Path) -> Self:
        """Start both in the folder *root*."""
        clock = SharedClock.of(root / "clock")
        keys = {dialect.variable: "AIza-not-a-key" for dialect in DIALECTS.values()}
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
        forks = subprocess.Popen(
            [sys.executable, str(_SERVER), str(root / "clock")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=kept | keys,
        )
        return cls(root, clock, Host(clock), forks)

    def run(self, point: Point) -> Report:
        """Do *point*: start, be killed, start again, until nothing is left to do.

        Raises:
            AssertionError: If a process ends in another way than by its kill or with all work done.
        """
        dialect, scenario = DIALECTS[point.dialect], SCENARIOS[point.scenario]
        self._clock.reset()
        with (
            self._folder(dialect, scenario) as folder,
            self._host.serving(dialect, scenario) as emulator,
        ):
            crossed = [self._process(dialect, folder, kill) for kill in (*point.kills, None)]
            remains = Remains.of(folder, dialect, emulator)
        return Report(point=point, crossed=tuple(crossed), remains=remains)

    def close(self) -> None:
        """End all that was started."""
        assert self._forks.stdin is not None
        assert self._forks.stdout is not None
        self._forks.stdin.close()
        self._forks.wait()
        self._forks.stdout.close()
        self._host.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _process(self, dialect: Dialect, folder: Path, kill: int | None) -> tuple[str, ...]:
        """Run one process, and return the boundaries that it crossed."""
        request = {"place": str(folder), "transport": dialect.transport, "kill_at": kill}
        status = self._ask(request | {"model": dialect.model})
        self._host.settle()
        log = folder / "boundaries"
        crossed = tuple(log.read_text().splitlines())
        log.unlink()
        expected = -9 if len(crossed) == kill else 0
        assert status == expected, f"status {status} at {crossed[-3:]}:\n{(folder / 'errors').read_text()}"
        return crossed

    def _ask(self, request: dict[str, Any]) -> int:
        assert self._forks.stdin is not None
        assert self._forks.stdout is not None
        self._forks.stdin.write(f"{json.dumps(request)}\n")
        self._forks.stdin.flush()
        return int(self._forks.stdout.readline())

    @contextlib.contextmanager
    def _folder(self, dialect: Dialect, scenario: Scenario) -> Iterator[Path]:
        """A folder with pending rows, always in the same place and as new."""
        folder = self.root / f"{dialect.name}-{scenario.rows_per_job}-{scenario.canaries}"
        template = folder.with_suffix(".template")
        if not template.exists():
            self._make(template, dialect, scenario)
            with self._folder(dialect, scenario), self._host.serving(dialect, Scenario("rehearsal")):
                assert self._ask({"place": str(folder), "model": dialect.model}) == 0
        shutil.copytree(template, folder)
        try:
            yield folder
        finally:
            shutil.rmtree(folder)

    def _make(self, folder: Path, dialect: Dialect, scenario: Scenario) -> None:
        folder.mkdir()
        (folder / "embedlane.toml").write_text(
            f'plugins = ["{dialect.provider}"]\ncanaries = {str(scenario.canaries).lower()}\n'
            f"[providers.{dialect.provider}]\n"
            f'base_url = "{self._host.url}{dialect.path}"\nmax_rows_per_job = {scenario.rows_per_job}\n'
        )
        texts = [f"This is text number {number}." for number in range(ROWS)]
        if dialect.generates:
            rows = [
                {"key": f"item {number}", "request": {"contents": [{"parts": [{"text": text}]}]}}
                for number, text in enumerate(texts)
            ]
            # What is to be done is entered by the processes that are killed.
            (folder / "requests.jsonl").write_text("\n".join(map(json.dumps, rows)))
            return
        with Workspace.open(folder) as workspace:
            workspace.clock = self._clock.now
            index = workspace.create_index("docs", dialect.model, dimensions=dialect.dimensions)
            index.add((f"item {number}", text) for number, text in enumerate(texts))
