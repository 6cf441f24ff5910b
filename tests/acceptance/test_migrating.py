"""A retiring model is left under live queries, writes and kills: nothing fails, mixes, or is paid twice."""

from __future__ import annotations

import contextlib
import random
import subprocess
import sys
import sysconfig
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import func, select

from embedlane import Workspace
from embedlane.errors import RefusedError
from embedlane.ledger.schema import job_events, spaces, vectors
from embedlane.text.hashing import content_hash
from embedlane.vectors.archive import STORED

OLD, NEW, SIZE = "google:text-embedding-004", "google:gemini-embedding-001", 768
LIBRARY = Path(sysconfig.get_path("stdlib"))
PACKAGES = ("concurrent", "json", "logging")
#: Six weeks before text-embedding-004 retired.
THEN = datetime(2025, 12, 1, tzinfo=UTC)
QUERIES = ("wait for a future with a timeout", "parse a document", "log a message", "skip a test", "encode")

#: The workspaces' clocks run so much faster than the world's: what is polled for is waited for in their time.
SPEED = 20

_MIGRATE = """
import sys, time
speed, began, then = map(float, sys.argv[4:7])
slowly = time.sleep
time.sleep = lambda seconds: slowly(seconds / speed)
from embedlane import Workspace
from embedlane.errors import RefusedError
with Workspace.open(sys.argv[1]) as workspace:
    workspace.clock = lambda: then + (time.time() - began) * speed
    migration = workspace.migration("stdlib")
    print("begun", flush=True)
    while True:
        migration.start(sys.argv[2], int(sys.argv[3]), wait=True)
        print("built", flush=True)
        try:
            migration.swap()
        except RefusedError:  # something was written meanwhile
            continue
        break
"""


@pytest.fixture
def stdlib(tmp_path, gemini_emulator, monkeypatch):
    """A workspace of the past, whose index ``stdlib`` is embedded by the model that retires."""
    began = time.time()
    gemini_emulator.clock.turn_to(THEN)
    gemini_emulator.configure(pending=0, running=0)
    monkeypatch.setenv("KEY_OF_THE_TEST", "any-key-will-do")
    monkeypatch.setenv("EMBEDLANE_PLUGINS", "gemini")
    (tmp_path / "embedlane.toml").write_text(
        '[providers.gemini]\napi_key_env = "KEY_OF_THE_TEST"\nmax_rows_per_job = 40\n'
        f'base_url = "{gemini_emulator.url}"\n'
    )
    with Workspace.open(tmp_path) as workspace:
        workspace.clock = lambda: THEN.timestamp() + (time.time() - began) * SPEED
        index = workspace.create_index("stdlib", OLD)
        index.add_paths([LIBRARY / name for name in PACKAGES], root=LIBRARY)
        index.embed("sync")
        yield workspace, began


class Reader(threading.Thread):
    """Asks without pause, and keeps what it is answered."""

    def __init__(self, index):
        super().__init__()
        self.index, self.answers, self.failures, self.stop = index, [], [], threading.Event()

    def run(self):  # noqa: D102
        while not self.stop.is_set():
            query = random.choice(QUERIES)
            try:
                self.answers.append((query, self.index.search(query, k=5)))
            except Exception as error:
                self.failures.append(error)
            # The service and the writer are in this process, too.
            time.sleep(0.005)


class Writer(threading.Thread):
    """Adds, updates and removes items, and embeds them for those who read now."""

    def __init__(self, index):
        super().__init__()
        self.index, self.items, self.failures, self.stop = index, {}, [], threading.Event()

    def run(self):  # noqa: D102
        step = 0
        while not self.stop.is_set():
            step += 1
            self.items = {f"w{n}": f"a note {n} of {n // 2 * step}" for n in range(step, step + 12)}
            try:
                self.index.add(self.items.items(), source="writer", prune=True)
                self.index.embed("sync")
            except Exception as error:
                self.failures.append(error)
            self.stop.wait(0.2)


@contextlib.contextmanager
def _migrating(workspace, began):
    """Run the migration in a process of its own."""
    arguments = (workspace.config.root, NEW, SIZE, SPEED, began, THEN.timestamp())
    command = [sys.executable, "-c", _MIGRATE, *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "begun\n", process.stderr.read()
        yield process


def _events(workspace):
    """How much has happened to jobs so far."""
    with workspace.ledger.read() as connection:
        return connection.scalar(select(func.count()).select_from(job_events))


def _wait_for_events(workspace, process, number):
    """Wait until so much has happened to jobs: a kill then hits something that is at stake."""
    while _events(workspace) < number and process.poll() is None:
        time.sleep(0.005)


def _stored(workspace):
    """For each model, its vectors by content hash."""
    query = select(spaces.c.canonical, vectors.c.content_hash, vectors.c.vector).join(
        spaces, spaces.c.id == vectors.c.space_id
    )
    found = {OLD: {}, NEW: {}}
    with workspace.ledger.read() as connection:
        for canonical, content, vector in connection.execute(query):
            model = OLD if OLD in canonical else NEW
            found[model][content] = np.frombuffer(vector, dtype=STORED)
    return found


def _spaces_of(answer, queries, stored):
    """The models in whose space every score of *answer* is the exact cosine."""
    query, hits = answer
    return {
        model
        for model, known in stored.items()
        if all(
            (vector := known.get(content_hash(hit.text))) is not None
            and abs(float(vector @ queries[model][query]) - hit.score) < 1e-5
            for hit in hits
        )
    }


def test_a_retiring_model_is_left_under_load_and_kills(stdlib, gemini_emulator):
    """Zero failed queries, zero mixed answers, zero lost items; the bill is one pass at batch price."""
    chance, (workspace, began) = random.Random(6), stdlib
    index = workspace.index("stdlib")
    reader, writer = Reader(workspace.index("stdlib")), Writer(workspace.index("stdlib"))
    with contextlib.ExitStack() as stack:
        for thread in (reader, writer):
            thread.start()
            stack.callback(thread.join)
            stack.callback(thread.stop.set)
        for _ in range(3):
            with _migrating(workspace, began) as process:
                _wait_for_events(workspace, process, _events(workspace) + chance.randint(1, 9))
                process.kill()
        with _migrating(workspace, began) as process:
            assert process.stdout.readline() == "built\n"
            writer.stop.set()
            writer.join()
            assert process.wait(60) == 0
        asked = len(reader.answers)
        while len(reader.answers) < asked + 5 and not reader.failures:
            time.sleep(0.01)
    assert (reader.failures, writer.failures) == ([], [])

    stored = _stored(workspace)
    embedders = {model: workspace.embedder(model, SIZE) for model in (OLD, NEW)}
    queries = {model: {q: each.embed_query(q) for q in QUERIES} for model, each in embedders.items()}
    for each in embedders.values():
        each.close()
    told = [_spaces_of(answer, queries, stored) for answer in reader.answers]
    assert all(told), "an answer is of neither space"
    assert {OLD} in told
    assert told[-1] == {NEW}

    assert str(index.space.model) == NEW
    assert index.tally().stored == index.tally().wanted
    notes = {hit.id: hit.text for hit in index.search("a note", k=10_000) if hit.id.startswith("w")}
    assert notes == writer.items

    bill = gemini_emulator.bill
    batch = [charge for charge in bill.charges("batch") if charge.rows]
    assert {(charge.model, charge.price) for charge in batch} == {("gemini-embedding-001", 0.075)}
    canaries = sum(report.job.canaries for report in workspace.jobs())
    assert sum(charge.rows for charge in batch) == len(stored[NEW]) + canaries
    assert set(bill.creates().values()) == {1}
    documents = sum(c.rows for c in bill.charges("sync") if c.model == "text-embedding-004")
    assert documents >= len(stored[OLD])


def test_a_swap_waits_for_what_was_written_last(stdlib):
    """An item that comes in after the build is missing from it; going on with the migration embeds it."""
    workspace, _ = stdlib
    index, migration = workspace.index("stdlib"), workspace.migration("stdlib")
    migration.start(NEW, SIZE)
    index.add([("late", "a late note")])
    with pytest.raises(RefusedError, match="lacks 1 of"):
        migration.swap()
    migration.start(NEW, SIZE)
    migration.swap()
    assert index.search("a late note", k=1)[0].id == "late"
