"""Both lanes through the library's front door, against the emulator."""

import numpy as np
import pytest

from embedlane.errors import ProviderError

MODEL = "google:gemini-embedding-001"
TEXTS = {
    "cat": "a cat sleeps on the warm windowsill",
    "bank": "the central bank raised its interest rate",
    "soup": "simmer the tomato soup for twenty minutes",
    "match": "the home team scored in the last minute",
}


@pytest.fixture
def filled(workspaces):
    """A function that makes a workspace with an index of some texts."""

    def make(model=MODEL, **settings):
        workspace = workspaces(**settings)
        index = workspace.create_index("docs", model, dimensions=768)
        index.add(list(TEXTS.items()))
        return workspace, index

    return make


class Hours:
    """A clock that can be put forward, so that no test waits for a job to be due."""

    def __init__(self, workspace, emulator):
        self.workspace, self.emulator = workspace, emulator
        self.ahead, self.real = 0.0, workspace.clock
        workspace.clock = lambda: self.real() + self.ahead

    def work(self, rounds=12, hours=1.0):
        """Drive all jobs, an hour after the other, until none is unfinished."""
        for _ in range(rounds):
            jobs = [job.job for job in self.workspace.jobs()]
            if jobs and all(job.final for job in jobs):
                break
            self.workspace.work(once=True)
            self.ahead += hours * 3600
            self.emulator.clock.advance(hours * 3600)
        return [job.job for job in self.workspace.jobs()]


@pytest.mark.parametrize("model", [MODEL, "google:gemini-embedding-2"])
@pytest.mark.parametrize("lane", ["sync", "batch"])
def test_an_index_is_embedded_and_searched(filled, gemini_emulator, model, lane):
    """Texts go out, unit vectors of 768 numbers come in, and the right item is found."""
    workspace, index = filled(model)
    hours = Hours(workspace, gemini_emulator)
    index.embed(lane, wait=False)
    hours.work()
    assert index.tally().stored == 4
    assert index.search("a cat on the windowsill", k=1)[0].id == "cat"
    total = gemini_emulator.bill.total(lane)
    assert total.rows == 4 + (lane == "sync")


def test_a_row_of_either_lane_is_found_by_its_own_text(filled, gemini_emulator):
    """The vectors of both lanes are of one space, with unit length."""
    workspace, index = filled()
    hours = Hours(workspace, gemini_emulator)
    index.embed("sync", limit=2)
    index.embed("batch", wait=False)
    hours.work()
    assert gemini_emulator.bill.total("sync").rows == gemini_emulator.bill.total("batch").rows == 2
    for item, text in TEXTS.items():
        hit = index.search(text, k=1)[0]
        assert hit.id == item
        assert hit.score > 0.5
    with workspace.embedder(MODEL, 768) as embedder:
        assert np.linalg.norm(embedder.embed_query("x")) == pytest.approx(1.0, abs=1e-6)


def test_a_lost_reply_costs_one_job(filled, gemini_emulator):
    """A job whose create was answered by nothing is found by its tag, adopted and collected."""
    gemini_emulator.faults.add("lost-reply", operation="models.asyncBatchEmbedContent", times=1)
    workspace, index = filled()
    hours = Hours(workspace, gemini_emulator)
    index.embed("batch", wait=False)
    hours.work(hours=0.1)
    assert list(gemini_emulator.bill.creates().values()) == [1]
    assert gemini_emulator.bill.total("batch").rows == 4
    assert index.tally().stored == 4


def test_a_create_that_never_arrived_is_sent_again(filled, gemini_emulator):
    """Not listed within the lag, so not created; the second create is the only one on the bill."""
    gemini_emulator.faults.add("reset", operation="models.asyncBatchEmbedContent", times=1)
    workspace, index = filled()
    hours = Hours(workspace, gemini_emulator)
    index.embed("batch", wait=False)
    hours.work()
    assert sum(gemini_emulator.bill.creates().values()) == 1
    assert index.tally().stored == 4


@pytest.mark.parametrize(
    "kind", ["missing-rows", "malformed-rows", "nan", "zero", "wrong-dimensions", "corrupt-lines"]
)
def test_rows_that_come_back_wrong_are_never_stored(filled, gemini_emulator, kind):
    """Good rows of the job are stored; the others are told of, and pending or refused."""
    gemini_emulator.faults.add(kind, fraction=0.5, seed=3, times=1)
    workspace, index = filled()
    hours = Hours(workspace, gemini_emulator)
    index.embed("batch", wait=False)
    (job,) = hours.work()
    assert job.final
    tally = index.tally()
    assert tally.stored < 4
    assert tally.wanted == 4


def test_a_failed_job_tells_why(filled, gemini_emulator):
    """The service's own words are in the job's events, and its rows are pending again."""
    gemini_emulator.faults.add("failed", reason="the input is cursed", times=1)
    workspace, index = filled()
    hours = Hours(workspace, gemini_emulator)
    index.embed("batch", wait=False)
    (job,) = hours.work()
    events = "\n".join(event.detail for event in workspace.job_events(job.id))
    assert "the input is cursed" in events
    assert index.tally().pending == 4


def test_the_key_is_nowhere_on_disk(filled, gemini_emulator, tmp_path, key):
    """Neither the ledger nor a batch file holds it, whatever went wrong on the way."""
    gemini_emulator.faults.add("failed", reason="bad", times=1)
    workspace, index = filled()
    hours = Hours(workspace, gemini_emulator)
    index.embed("batch", wait=False)
    hours.work()
    index.embed("sync")
    workspace.close()
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if key.encode() in path.read_bytes()]


def test_a_transient_failure_is_retried_by_the_core(filled, gemini_emulator):
    """The SDK's retries are off; the core's are on."""
    fault = gemini_emulator.faults.add("unavailable", operation="models.batchEmbedContents", times=2)
    workspace, index = filled()
    index.embed("sync")
    assert gemini_emulator.faults.fired(fault.id) == 2
    assert index.tally().stored == 4
    assert workspace.jobs() == []


def test_wrong_answers_of_the_sync_lane_are_not_stored(filled, gemini_emulator):
    """A vector that is one number short breaks the call."""
    gemini_emulator.faults.add("wrong-dimensions", fraction=1.0)
    _, index = filled()
    with pytest.raises(ProviderError, match="767"):
        index.embed("sync")
    assert index.tally().stored == 0
