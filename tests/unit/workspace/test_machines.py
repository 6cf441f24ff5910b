"""Two machines, which are two folders, with one ledger on a server."""

from __future__ import annotations

import pytest

from embedlane.config.settings import load_config
from embedlane.jobs.planning import JobSize, plan_jobs
from embedlane.jobs.states import JobState
from embedlane.vectors.pending import Pending
from embedlane.workspace.workspace import Workspace


@pytest.fixture
def machines(pg_place, tmp_path):
    """Two workspaces."""
    opened = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        variables = {"EMBEDLANE_PLUGINS": "", "EMBEDLANE_LEDGER": pg_place.address}
        opened.append(Workspace.open(config=load_config(tmp_path / name, environment=variables)))
    yield opened
    for each in opened:
        each.close()


@pytest.fixture
def job(machines):
    """A job that the first machine has planned."""
    one, _ = machines
    one.create_index("docs", "local:hash", dimensions=8).add([("a", "first"), ("b", "second")])
    (job,) = plan_jobs(one.ledger, one.manager.book, Pending(1, 1), 1, "hash", size=JobSize())
    return job


def test_a_job_goes_on_where_its_file_is_not(machines, job):
    """One machine writes the batch file; the other writes it again, and takes the job to its end."""
    one, other = machines
    job = one.manager.step(job)
    assert job.state is JobState.WRITTEN
    (done,) = other.work()
    assert done.state is JobState.STORED
    assert one.index("docs").tally().stored == 2
    assert one.index("docs").search("first", k=1)[0].id == "a"


def test_a_local_job_of_another_machine_is_given_up(machines, job):
    """Nobody else can ask for it; what it held is pending again, and costs nothing."""
    one, other = machines
    one.manager.step(one.manager.step(one.manager.step(job)))
    (done,) = other.work()
    assert (done.state, done.reason) == (JobState.FAILED, "the provider no longer has it")
    assert other.index("docs").tally().pending == 2
    assert other.index("docs").embed("batch").tally.stored == 2
