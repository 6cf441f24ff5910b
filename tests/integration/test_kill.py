"""Killed at any instruction, started again, it goes on."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing

import numpy as np
import pytest

from embedlane.config.settings import load_config
from embedlane.jobs.states import JobState
from embedlane.providers.builtin.hash import hash_vector
from embedlane.text.hashing import content_hash
from embedlane.workspace.workspace import Workspace

_ITEMS = 1200

# One process imports everything; its children do the work, and are killed without a chance to clean up.
_KILLER = """
import json, os, random, signal, sys, time
from pathlib import Path
from embedlane.config.settings import load_config
from embedlane.workspace.workspace import Workspace
import alembic.command, embedlane.providers.builtin.hash, embedlane.ledger.migrations.upgrade

folder, lane, seed = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
chance = random.Random(seed)
config = load_config(folder, environment={"EMBEDLANE_PLUGINS": ""})
report = []
for attempt in range(10):
    child = os.fork()
    if not child:
        with Workspace.open(config=config) as workspace:
            workspace.index("docs").embed(lane)
        os._exit(0)
    # Longer each time, so that a slow machine gets to the provider, too.
    time.sleep(chance.uniform(0.02, 0.2) * (1 + attempt / 2))
    os.kill(child, signal.SIGKILL)
    report.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
print(json.dumps(report))
"""


@pytest.fixture
def folder(tmp_path):
    """A folder with an index and contents to embed in several jobs."""
    (tmp_path / "embedlane.toml").write_text("canaries = false\n[providers.hash]\nmax_rows_per_job = 200\n")
    with _open(tmp_path) as workspace:
        index = workspace.create_index("docs", "local:hash", dimensions=128)
        index.add((f"i{number}", _text(number)) for number in range(_ITEMS))
    return tmp_path


def _open(folder):
    return Workspace.open(config=load_config(folder, environment={"EMBEDLANE_PLUGINS": ""}))


def _text(number):
    return f"item {number} " + " ".join(f"word{number % prime}" for prime in range(2, 40))


def _kill(folder, lane, seed):
    run = subprocess.run(
        [sys.executable, "-c", _KILLER, str(folder), lane, str(seed)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def _spool_jobs(folder):
    """The tags of all jobs that the provider holds."""
    database = folder / ".embedlane" / "providers" / "hash" / "spool" / "spool.db"
    if not database.exists():  # every kill came before the first job
        return []
    with closing(sqlite3.connect(database)) as connection:
        return [tag for (tag,) in connection.execute("SELECT tag FROM jobs")]


def _assert_whole(folder):
    """Each content has exactly one vector, the right one."""
    with closing(sqlite3.connect(folder / ".embedlane" / "lane.db")) as connection:
        rows = connection.execute("SELECT content_hash, vector FROM vectors").fetchall()
    expected = {
        content_hash(_text(number)): hash_vector(_text(number), 128).tobytes() for number in range(_ITEMS)
    }
    assert len(rows) == _ITEMS
    # Normalised once more by the core, which may move the last bit.
    for content, vector in rows:
        np.testing.assert_allclose(
            np.frombuffer(vector, "<f4"), np.frombuffer(expected[content], "<f4"), atol=1e-6
        )


def _assert_billed(workspace):
    """Each vector is on the bill once, with the tokens that the provider counts: its words."""
    total = workspace.costs("docs").total
    assert total.rows == _ITEMS
    assert total.measured_tokens == sum(len(_text(number).split()) for number in range(_ITEMS))
    assert total.estimated_tokens == 0


@pytest.mark.parametrize("seed", [1, 2])
def test_a_killed_batch_run_goes_on(folder, seed):
    """After ten kills, one more run ends with every vector, no job created twice, and nothing left over."""
    assert _kill(folder, "batch", seed).count(-9) >= 1
    tags = _spool_jobs(folder)
    assert len(tags) == len(set(tags))
    with _open(folder) as workspace:
        report = workspace.index("docs").embed("batch")
        assert report.complete
        done = workspace.jobs()
        assert {job.job.state for job in done} == {JobState.STORED}
        assert sum(job.rows.stored for job in done) == _ITEMS
        _assert_billed(workspace)
        for job in done:
            events = [event.event for event in workspace.job_events(job.job.id)]
            assert events.count("ticket") == 1
            assert events.count("results stored") == 1
    _assert_whole(folder)
    # A job that was created twice would lie there unknown, for only jobs of the ledger are deleted.
    assert _spool_jobs(folder) == []


def test_a_killed_sync_run_goes_on(folder):
    """Claims of the dead are void at once; every text has its vector in the end."""
    assert -9 in _kill(folder, "sync", 3)
    with _open(folder) as workspace:
        report = workspace.index("docs").embed("sync")
        assert report.complete
        assert report.tally.stored == _ITEMS
        _assert_billed(workspace)
    _assert_whole(folder)
