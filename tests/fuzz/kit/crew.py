"""A process that keeps some ``embedlane work`` at work, and kills one of them at random, again and again.

It imports what a worker needs, and each worker is a fork of it: a process of its own, with its own
connections, that runs the real command and dies of a real SIGKILL. Time runs faster in all of them, so that a
lease or a pause of minutes takes a second. It answers with a line of JSON.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import importlib
import json
import os
import pkgutil
import random
import signal
import ssl
import sys
import time
from collections import Counter
from functools import cache
from pathlib import Path

import attrs
from fast_clock import FastClock

#: Seconds after which a worker ends itself, so that nobody has to watch it.
_PATIENCE = 600
#: How many workers may end before their time until there is no sense in going on.
_FAILURES = 30


@attrs.define
class Crew:
    """The workers, and what became of those that were."""

    #: The folder of the workspace.
    folder: Path
    #: Where each of them writes what it prints.
    log: int
    #: Numbers of the processes.
    workers: set[int] = attrs.field(factory=set)
    started: int = 0
    killed: int = 0
    #: How often a worker ended with which status.
    ended: Counter[int] = attrs.field(factory=Counter)

    def said(self) -> int:
        """How many lines they have printed: one for each change of a job."""
        return (self.folder / "log").read_bytes().count(b"\n")

    def start(self) -> None:
        """Start a worker."""
        child = os.fork()
        if not child:
            _work(self.log)
        self.workers.add(child)
        self.started += 1

    def kill(self, worker: int) -> None:
        """End a worker at whatever it is doing."""
        os.kill(worker, signal.SIGKILL)
        os.waitpid(worker, 0)
        self.workers.discard(worker)
        self.killed += 1

    def reap(self) -> None:
        """Note who has ended by itself."""
        for worker in list(self.workers):
            found, status = os.waitpid(worker, os.WNOHANG)
            if found:
                self.workers.discard(worker)
                self.ended[os.waitstatus_to_exitcode(status)] += 1


def main() -> None:
    """Work until a worker says that nothing is left, and then once more without a kill."""
    asked = _arguments()
    chance, sleep = random.Random(asked.seed), time.sleep
    # It compares the machine's clock with the server's, which does not run faster.
    importlib.import_module("embedlane.ledger.postgresql")
    FastClock(start=asked.start, speed=asked.speed).wind()
    log = os.open(asked.folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    _prepare(asked.folder, asked.plugin, log)
    crew = Crew(asked.folder, log)
    try:
        while not crew.ended[0] and crew.ended.total() < _FAILURES:
            while len(crew.workers) < asked.workers:
                crew.start()
            # Not after a time, for machines differ, but after so much work.
            target = crew.said() + 1 + chance.expovariate(1 / asked.apart)
            while crew.said() < target and len(crew.workers) == asked.workers:
                sleep(0.005)
                crew.reap()
            sleep(chance.random() * 0.05)
            crew.reap()
            if crew.killed < asked.kills and crew.workers and not crew.ended[0]:
                crew.kill(chance.choice(sorted(crew.workers)))
    finally:
        for worker in sorted(crew.workers):
            crew.kill(worker)
    crew.start()
    while crew.workers:
        sleep(0.02)
        crew.reap()
    report = {"started": crew.started, "killed": crew.killed, "ended": dict(crew.ended)}
    sys.stdout.write(f"{json.dumps(report)}\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--plugin", required=True)
    parser.add_argument("--workers", type=int, required=True)
    parser.add_argument("--kills", type=int, required=True)
    parser.add_argument("--apart", type=float, required=True, help="steps between two kills, on average")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--start", type=float, required=True)
    parser.add_argument("--speed", type=float, required=True)
    return parser.parse_args()


def _prepare(folder: Path, plugin: str, log: int) -> None:
    """Import what a worker imports, and do once what it does before its work."""
    os.chdir(folder)
    # Reading the certificates is most of opening a client, and nobody here needs them.
    ssl.create_default_context = cache(ssl.create_default_context)
    ssl.create_default_context()
    for module in pkgutil.iter_modules(importlib.import_module(plugin).__path__, f"{plugin}."):
        importlib.import_module(module.name)
    run = importlib.import_module("embedlane.cli.main").main
    importlib.import_module("embedlane.cli.commands.work")
    with open(log, "w", closefd=False) as quiet, contextlib.redirect_stdout(quiet):
        run(["jobs", "list"])
    gc.collect()
    gc.freeze()


def _work(log: int) -> None:
    """Be a worker, to the end."""
    status = 70
    try:
        signal.alarm(_PATIENCE)
        os.dup2(log, 1)
        os.dup2(log, 2)
        status = sys.modules["embedlane.cli.main"].main(["work"])
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    main()
