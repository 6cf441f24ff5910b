"""The stages of both lanes with the ledger in PostgreSQL, beside SQLite: rows per second, and ratios.

make bench-postgresql

The server is the tests': on this machine, over a socket, and unlike SQLite it does not wait for the disk.
Over a network each statement takes a round trip more. Providers answer at once: the ledger is measured.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import attrs
from scale import AtOnce

from embedlane import Workspace
from embedlane.config.settings import load_config
from embedlane.jobs.desk import BatchLane
from embedlane.jobs.planning import JobSize, plan_jobs
from embedlane.vectors.bound import BoundSpace
from embedlane.vectors.pending import Pending

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from pg_server import running

ROUNDS = 3
DIMENSIONS = 64


def texts(number: int, mark: str) -> list[tuple[str, str, dict[str, object]]]:
    """Items with metadata."""
    return [(str(n), f"{mark} {n}", {"n": n, "lang": "en" if n % 2 else "fr"}) for n in range(number)]


def stages(folder: Path, ledger: str, number: int) -> dict[str, float]:
    """Seconds that each stage takes."""
    seconds: dict[str, float] = {}

    def stage(name: str, deed: Callable[[], object]) -> None:
        began = time.perf_counter()
        deed()
        seconds[name] = time.perf_counter() - began

    config = load_config(folder, environment={"EMBEDLANE_PLUGINS": "", "EMBEDLANE_LEDGER": ledger})
    with Workspace.open(config=config) as workspace:
        index = workspace.create_index("bench", "local:hash", dimensions=DIMENSIONS)
        first, second = texts(number, "first"), texts(number, "second")
        stage("add: new", lambda: index.add(first))
        stage("add: unchanged", lambda: index.add(first))
        stage("embed: sync lane", index.embed)
        stage("add: changed", lambda: index.add(second))
        provider = AtOnce(folder)
        cargo = workspace.lanes.batch("hash", BoundSpace(1, index.space)).cargo
        manager = attrs.evolve(workspace.manager, open_lane=lambda _job: BatchLane(provider, cargo))
        planned = (workspace.ledger, manager.book, Pending(1, 1), 1, "hash")
        stage("batch lane: plan", lambda: plan_jobs(*planned, size=JobSize()))
        with workspace.ledger.read() as connection:
            jobs = manager.book.all(connection)
        for name in ("write", "stage", "submit", "poll", "collect"):
            stage(f"batch lane: {name}", lambda: jobs.__setitem__(slice(None), map(manager.step, jobs)))
        stage("search: first, loads all", lambda: index.search("second 47", k=1))
        stage("search: with a filter", lambda: index.search("second 47", k=1, where=["lang=en", "n<500"]))
        stage("count pending", index.tally)
        assert index.tally().stored == number, jobs
    return {
        name: taken for name, taken in seconds.items() if name.split()[-1] not in {"stage", "submit", "poll"}
    }


def main(number: int) -> None:
    """Take *number* rows through all stages, on both in turn."""
    found: dict[str, dict[str, list[float]]] = {}
    for _ in range(ROUNDS):
        for database in ("sqlite", "postgresql"):
            with tempfile.TemporaryDirectory(prefix="embedlane-bench-") as name:
                ledger = "lane.db" if database == "sqlite" else running().address(running().create())
                for stage, taken in stages(Path(name), ledger, number).items():
                    found.setdefault(stage, {}).setdefault(database, []).append(taken)
    print(f"{number:,} rows, {DIMENSIONS} dimensions; rows per second, median of {ROUNDS}")
    print(f"  {'':28} {'SQLite':>12} {'PostgreSQL':>12}   PostgreSQL takes")
    for stage, databases in found.items():
        lite, postgres = (statistics.median(databases[name]) for name in ("sqlite", "postgresql"))
        ratio = f"{postgres / lite:.2f} times as long"
        print(f"  {stage:28} {number / lite:>12,.0f} {number / postgres:>12,.0f}   {ratio}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50_000)
