"""A million rows through the batch lane: rows per second of each stage, and the peak of memory.

make bench-scale

The provider is made up and answers at once with vectors from a hash of the key: what is measured is the
core: planning, writing batch files, collecting, storing.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from hashlib import blake2b
from pathlib import Path

import attrs
import numpy as np
import orjson

from embedlane import Workspace
from embedlane.jobs.desk import BatchLane
from embedlane.jobs.planning import JobSize, plan_jobs
from embedlane.plugin import BatchLimits, RemoteJob, RemoteState, StagedInput, Vector
from embedlane.vectors.bound import BoundSpace
from embedlane.vectors.meter import Basis, Meter, MeteredRows
from embedlane.vectors.pending import Pending

DIMENSIONS = 64


@attrs.frozen
class AtOnce:
    """A batch provider that has done every job when it is asked."""

    folder: Path
    limits: BatchLimits = BatchLimits()

    def encode(self, rows):
        (row,) = rows
        return orjson.dumps({"key": row.key, "text": row.text})

    def stage(self, file, tag):
        (self.folder / tag).hardlink_to(file.path)
        return StagedInput(handle=tag, rows=file.rows)

    def create(self, staged, tag):
        return RemoteJob(name=tag, state=RemoteState.PENDING)

    def find(self, tag):
        return []

    def get(self, name):
        return RemoteJob(name=name, state=RemoteState.SUCCEEDED)

    def results(self, job) -> Iterator[Vector]:
        with (self.folder / job.name).open("rb") as lines:
            for line in lines:
                key = orjson.loads(line)["key"]
                numbers = np.frombuffer(blake2b(key.encode()).digest(), dtype=np.uint8) - 127.5
                yield Vector(key, numbers / np.linalg.norm(numbers))

    def cancel(self, name):
        pass

    def delete(self, name):
        (self.folder / name).unlink(missing_ok=True)

    def close(self):
        pass


def stage(name: str, rows: int, deed: Callable[[], object]) -> None:
    """Do it, and print how fast it was and what memory has peaked at so far."""
    began = time.perf_counter()
    deed()
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"  {name:32} {rows / seconds:>10,.0f} rows/s {seconds:8.1f} s   peak {peak:,.0f} MB", flush=True)


def main(number: int) -> None:
    """Take *number* rows through all stages."""
    print(f"{number:,} rows, {DIMENSIONS} dimensions, jobs of 50,000 rows")
    with tempfile.TemporaryDirectory(prefix="embedlane-scale-") as name, Workspace.open(Path(name)) as space:
        index = space.create_index("scale", "local:hash", dimensions=DIMENSIONS)
        provider, manager = AtOnce(Path(name)), space.manager
        bound = BoundSpace(1, index.space)
        manager = attrs.evolve(
            manager, open_lane=lambda job: BatchLane(provider, space.lanes.batch(job, bound).cargo)
        )
        stage("added", number, lambda: index.add((f"{serial}", f"text {serial}") for serial in range(number)))
        meter = Meter(basis=Basis.ESTIMATED, characters_per_token=4.0)
        pending = MeteredRows(Pending(1, 1), meter)
        stage(
            "planned",
            number,
            lambda: plan_jobs(space.ledger, manager.book, pending, 1, "hash", size=JobSize()),
        )
        with space.ledger.read() as connection:
            jobs = manager.book.all(connection)
        for state in ("written", "staged", "submitted", "ended", "stored"):
            stage(state, number, lambda: jobs.__setitem__(slice(None), map(manager.step, jobs)))
        stage("loaded for search, and searched", number, lambda: index.search("text 4711", k=1))
        assert index.tally().stored == number, jobs[0]


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
