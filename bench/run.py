"""Measure embedlane beside what a user would write or pick instead. Prints; asserts nothing.

make bench                          everything but the million
.venv/bin/python bench/run.py --million    with one million items, which takes some minutes
"""

from __future__ import annotations

import hashlib
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import numpy as np
from timing import compare, peak_megabytes, process

from embedlane import Index, Workspace
from embedlane.providers.builtin.hash import hash_vector
from embedlane.text.hashing import content_hash
from embedlane.vectors.archive import Archive

#: About 1 kB, so that figures can be read as MB as well.
FILLER = "the quick brown fox jumps over the lazy dog while the band plays on " * 14
_fresh = count()


def items(number: int) -> Iterator[tuple[str, str]]:
    """*number* items of about 1 kB that no earlier call has given."""
    series = next(_fresh)
    for serial in range(number):
        yield f"{series}/{serial}", f"{series} {serial} {FILLER}"


def start_up() -> None:
    """Whole processes that do next to nothing."""
    compare(
        "Starting up (whole process)",
        "starts",
        1,
        {
            "import embedlane": process("-c", "import embedlane"),
            "from embedlane import Workspace": process("-c", "from embedlane import Workspace"),
            "embedlane --help": process("-m", "embedlane.cli.main", "--help"),
            "python -c pass": process("-c", "pass"),
            "import sqlalchemy": process("-c", "import sqlalchemy"),
        },
    )


def adding(folder: Path, number: int = 20_000) -> None:
    """Adding items, beside a script of one's own that only hashes and inserts."""
    with Workspace.open(folder) as workspace:
        index = workspace.create_index("adding", "local:hash", dimensions=64)
        own = sqlite3.connect(folder / "own.db")
        own.execute("CREATE TABLE items (id TEXT PRIMARY KEY, hash TEXT, text TEXT)")
        own.execute("CREATE INDEX by_hash ON items (hash)")

        def script() -> None:
            rows = ((i, hashlib.sha256(t.encode()).hexdigest(), t) for i, t in items(number))
            with own:
                own.executemany("INSERT INTO items VALUES (?, ?, ?)", rows)

        compare(
            f"Adding {number:,} new items of 1 kB",
            "items",
            number,
            {"Index.add": lambda: index.add(items(number)), "a script: sha256 and sqlite3": script},
        )
        known = list(items(number))
        index.add(known)
        compare(
            "Adding the same again", "items", number, {"Index.add, all unchanged": lambda: index.add(known)}
        )
        own.close()


def embedding(folder: Path, number: int = 5_000) -> None:
    """Both lanes on the hash model, beside calling the model's function in a loop."""
    with Workspace.open(folder) as workspace:
        index = workspace.create_index("embedding", "local:hash", dimensions=256)

        def lane(name: str) -> None:
            index.add(items(number))
            assert index.embed(name).complete

        def loop() -> None:
            for _, text in items(number):
                hash_vector(text, 256)

        compare(
            f"Adding and embedding {number:,} new items of 1 kB, hash model, 256 dimensions",
            "texts",
            number,
            {
                "sync lane": lambda: lane("sync"),
                "batch lane, from plan to stored": lambda: lane("batch"),
                "hash_vector in a loop, kept nowhere": loop,
            },
        )


def searching(folder: Path, number: int = 100_000, dimensions: int = 768) -> None:
    """Exact search, beside the bare product of matrix and vector."""
    random = np.random.default_rng(7)
    matrix = random.standard_normal((number, dimensions)).astype(np.float32)
    matrix /= np.linalg.norm(matrix, axis=1)[:, None]
    query = matrix[0].copy()
    with Workspace.open(folder) as workspace:
        index = workspace.create_index("searching", "local:hash", dimensions=dimensions)
        index.add((str(serial), f"text {serial}") for serial in range(number))
        _store(workspace, index, matrix)
        index.search("warm up")
        compare(
            f"Ten nearest of {number:,} × {dimensions}, once loaded",
            "queries",
            1,
            {
                "Index.search": lambda: index.search("some query"),
                "numpy: matrix @ query, argpartition": lambda: np.argpartition(-(matrix @ query), 10)[:10],
            },
        )
    command = ("-m", "embedlane.cli.main", "search", "searching", "some query", "--json")
    ledger = f"--ledger={folder / '.embedlane/lane.db'}"
    compare(
        f"The same, as a whole process of `embedlane search`, {number:,} × {dimensions}",
        "queries",
        1,
        {"embedlane search": process(*command[:2], ledger, *command[2:])},
    )


def _store(workspace: Workspace, index: Index, matrix: np.ndarray) -> None:
    """Put made-up vectors into the archive, so that a large index costs no embedding."""
    page = 5000
    bound = next(record.bound for record in workspace.indexes() if record.name == index.name)
    for start in range(0, len(matrix), page):
        hashes = [content_hash(f"text {serial}") for serial in range(start, start + page)]
        with workspace.ledger.write() as connection:
            Archive(bound).store(connection, hashes, matrix[start : start + page])


MEMORY = """
import sys, tempfile
from embedlane import Workspace
number, lane = int(sys.argv[1]), sys.argv[2]
text = "x" * 1000
with tempfile.TemporaryDirectory() as folder, Workspace.open(folder) as workspace:
    index = workspace.create_index("memory", "local:hash", dimensions=64)
    index.add((str(serial), f"{serial} {text}") for serial in range(number))
    if lane != "add":
        index.embed(lane)
"""


def memory(numbers: tuple[int, ...]) -> None:
    """Peak memory of whole processes."""
    print("\nPeak memory of a process that adds items of 1 kB, and embeds them (hash, 64 dimensions)")
    for number in numbers:
        for lane in ("add", "sync", "batch"):
            print(f"  {number:>9,} items, {lane:5} {peak_megabytes(MEMORY, str(number), lane):8.0f} MB")


def main() -> None:
    """Run all measurements."""
    start_up()
    for case in (adding, embedding, searching):
        with tempfile.TemporaryDirectory(prefix="embedlane-bench-") as folder:
            case(Path(folder))
    memory((1_000, 100_000, 1_000_000) if "--million" in sys.argv else (1_000, 100_000))


if __name__ == "__main__":
    main()
