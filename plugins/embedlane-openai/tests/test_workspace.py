"""Both lanes through the library's front door, against the emulator."""

import json

import numpy as np
import openai
import pytest

from embedlane.errors import ConfigError, ProviderError, SpaceMismatchError
from embedlane.models.card import Lane

MODEL = "openai:text-embedding-3-small"
TEXTS = {
    "cat": "a cat sleeps on the warm windowsill",
    "bank": "the central bank raised its interest rate",
    "soup": "simmer the tomato soup for twenty minutes",
    "match": "the home team scored in the last minute",
}


@pytest.fixture
def filled(workspaces):
    """A function that makes a workspace with an index of some texts."""

    def make(model=MODEL, dimensions=512, more="", **settings):
        workspace = workspaces(more, **settings)
        index = workspace.create_index("docs", model, dimensions=dimensions)
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


@pytest.mark.parametrize("texts_per_line", [1, 3])
@pytest.mark.parametrize("lane", ["sync", "batch"])
def test_an_index_is_embedded_and_searched(filled, openai_emulator, lane, texts_per_line):
    """Texts go out, unit vectors of 512 numbers come in, and the right item is found."""
    workspace, index = filled(texts_per_line=texts_per_line)
    hours = Hours(workspace, openai_emulator)
    index.embed(lane, wait=False)
    hours.work()
    assert index.tally().stored == 4
    assert index.search("a cat on the windowsill", k=1)[0].id == "cat"
    if lane == "batch":
        (charge,) = openai_emulator.bill.charges("batch")
        assert charge.sent == (4 if texts_per_line == 1 else 2)


def test_both_lanes_write_one_space(filled, openai_emulator):
    """An item of either lane is found by its own text, with unit length."""
    workspace, index = filled()
    hours = Hours(workspace, openai_emulator)
    index.embed("sync", limit=2)
    index.embed("batch", wait=False)
    hours.work()
    for item, text in TEXTS.items():
        hit = index.search(text, k=1)[0]
        assert (hit.id, hit.score) == (item, pytest.approx(1.0, abs=1e-5))
    with workspace.embedder(MODEL, 512) as embedder:
        assert np.linalg.norm(embedder.embed_query("x")) == pytest.approx(1.0, abs=1e-6)


def test_two_models_of_one_provider_are_two_spaces(filled):
    """The same size does not make them one."""
    workspace, _ = filled()
    with pytest.raises(SpaceMismatchError):
        workspace.index("docs", model="openai:text-embedding-ada-002")


def test_a_lost_reply_costs_one_job(filled, openai_emulator):
    """A job whose create was answered by nothing is found by its tag, adopted and collected."""
    openai_emulator.faults.add("lost-reply", operation="batches.create", times=1)
    workspace, index = filled()
    hours = Hours(workspace, openai_emulator)
    index.embed("batch", wait=False)
    hours.work(hours=0.1)
    assert list(openai_emulator.bill.creates().values()) == [1]
    assert index.tally().stored == 4


def test_a_create_that_never_arrived_is_sent_again(filled, openai_emulator):
    """Not listed within the lag, so not created; the second create is the only one on the bill."""
    openai_emulator.faults.add("reset", operation="batches.create", times=1)
    workspace, index = filled()
    hours = Hours(workspace, openai_emulator)
    index.embed("batch", wait=False)
    hours.work()
    assert list(openai_emulator.bill.creates().values()) == [1]
    assert index.tally().stored == 4


@pytest.mark.parametrize(
    "kind", ["missing-rows", "malformed-rows", "nan", "zero", "wrong-dimensions", "corrupt-lines"]
)
def test_rows_that_come_back_wrong_are_never_stored(filled, openai_emulator, kind):
    """Good rows of the job are stored; the others are told of, and sent again."""
    openai_emulator.faults.add(kind, fraction=0.5, seed=3, times=1)
    workspace, index = filled(texts_per_line=2)
    hours = Hours(workspace, openai_emulator)
    index.embed("batch", wait=False)
    (job,) = hours.work()
    assert job.final
    tally = index.tally()
    assert tally.stored < 4
    assert tally.stored + tally.pending == 4
    index.embed("batch", wait=False)
    hours.work()
    assert index.tally().stored == 4


def test_a_row_at_fault_in_a_shared_line_is_found_by_itself(filled, openai_emulator):
    """The line is refused as a whole; next time its rows go alone, and only one is refused for good."""
    openai_emulator.configure(input_tokens=50)
    workspace, index = filled(texts_per_line=16)
    index.add([("long", "much too long " * 30)])
    hours = Hours(workspace, openai_emulator)
    index.embed("batch", wait=False)
    hours.work()
    assert index.tally().stored == 0
    index.embed("batch", wait=False)
    hours.work()
    tally = index.tally()
    assert (tally.stored, tally.refused, tally.pending) == (4, 1, 0)


@pytest.mark.parametrize("kind", ["cancelled", "expired"])
def test_partial_results_are_kept_and_the_rest_is_never_refused(filled, openai_emulator, kind):
    """However often a job ends before its rows are looked at, they are pending again."""
    workspace, index = filled()
    hours = Hours(workspace, openai_emulator)
    for fraction in (0.5, 0.0, 0.0, 0.0):
        openai_emulator.faults.clear()
        openai_emulator.faults.add(kind, fraction=fraction)
        index.embed("batch", wait=False)
        hours.work()
        assert (index.tally().stored, index.tally().pending) == (2, 2)


def test_a_job_that_is_too_large_for_the_queue_says_so(filled, openai_emulator):
    """The service's words and the setting are in the job's events, and its rows are pending again."""
    openai_emulator.configure(enqueued_tokens=3)
    workspace, index = filled()
    hours = Hours(workspace, openai_emulator)
    index.embed("batch", wait=False)
    (job,) = hours.work()
    events = "\n".join(event.detail for event in workspace.job_events(job.id))
    assert "Enqueued token limit" in events
    assert "max_rows_per_job" in events
    assert index.tally().pending == 4


def test_files_are_removed_when_all_is_stored(filled, openai_emulator, key):
    """What was uploaded, and what came of it."""
    workspace, index = filled()
    hours = Hours(workspace, openai_emulator)
    index.embed("batch", wait=False)
    hours.work()
    workspace.work(once=True)
    with openai.OpenAI(api_key=key, base_url=openai_emulator.base_url) as client:
        assert client.files.list().data == []


def test_the_key_is_nowhere_on_disk(filled, openai_emulator, tmp_path, key):
    """Neither the ledger nor a batch file holds it, whatever went wrong on the way."""
    openai_emulator.faults.add("failed", reason="bad", times=1)
    workspace, index = filled()
    hours = Hours(workspace, openai_emulator)
    index.embed("batch", wait=False)
    hours.work()
    index.embed("sync")
    workspace.close()
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if key.encode() in path.read_bytes()]


def test_a_transient_failure_is_retried_by_the_core(filled, openai_emulator):
    """The SDK's retries are off; the core's are on."""
    fault = openai_emulator.faults.add("quota-retry", operation="embeddings.create", seconds=0.01, times=2)
    _, index = filled()
    index.embed("sync")
    assert openai_emulator.faults.fired(fault.id) == 2
    assert index.tally().stored == 4


def test_an_account_without_money_stops_the_run_at_once(filled, openai_emulator):
    """One request, no retries, and no text is blamed."""
    fault = openai_emulator.faults.add("quota", operation="embeddings.create")
    _, index = filled()
    with pytest.raises(ConfigError, match="quota"):
        index.embed("sync")
    assert openai_emulator.faults.fired(fault.id) == 1
    assert index.tally().pending == 4


def test_a_text_that_is_too_long_is_found_among_others(filled, openai_emulator):
    """The core halves the request; the rest is embedded."""
    openai_emulator.configure(input_tokens=50)
    _, index = filled()
    index.add([("long", "much too long " * 30)])
    index.embed("sync")
    assert (index.tally().stored, index.tally().refused) == (4, 1)


def test_requests_keep_to_the_limits_of_the_card(filled, openai_emulator):
    """2048 inputs in a request, and no more."""
    workspace, _ = filled()
    with workspace.embedder(MODEL, 512) as embedder:
        vectors = embedder.embed_documents([f"text number {number}" for number in range(2100)])
    assert vectors.shape == (2100, 512)
    assert sorted(charge.sent for charge in openai_emulator.bill.charges("sync")) == [52, 2048]


def test_wrong_answers_of_the_sync_lane_are_not_stored(filled, openai_emulator):
    """A vector that is one number short breaks the call, and the error names what to look at."""
    openai_emulator.faults.add("wrong-dimensions", fraction=1.0)
    _, index = filled()
    with pytest.raises(ProviderError, match="511"):
        index.embed("sync")
    assert index.tally().stored == 0


OWN = """
[[models]]
id = "acme:words"
lanes = {lanes}
{more}
[models.dimensions]
native = 64
smallest = 2
matryoshka = true
[models.limits]
inputs_per_request = 3

[providers.my-server]
kind = "openai-compatible"
models = ["acme:words"]
base_url = "{url}"
{settings}
"""


@pytest.fixture
def own(filled, openai_emulator):
    """A function that makes an index on a compatible server."""

    def make(size=64, lanes=("sync",), more="", settings="", **deviations):
        openai_emulator.configure(
            **{"models": {"words": 64}, "own_models": False, "keyless": True, "batches": False, **deviations}
        )
        text = OWN.format(lanes=json.dumps(lanes), more=more, url=openai_emulator.base_url, settings=settings)
        return filled("acme:words", size, more=text)

    return make


@pytest.mark.parametrize(
    ("deviations", "settings"),
    [
        ({}, {}),
        ({"max_inputs": 3}, {}),
        ({"base64": "floats"}, {}),
        ({"base64": "refuse"}, {"settings": 'encoding = "float"'}),
        ({"dimensions": "refuse", "errors": "flat"}, {}),
        ({"dimensions": "ignore"}, {"size": 16, "settings": "send_dimensions = false"}),
        ({"dimensions": "serve"}, {"size": 16}),
        ({"models": {"acme/words-v2": 64}}, {"settings": 'names = {"acme:words" = "acme/words-v2"}'}),
    ],
)
def test_a_compatible_server_serves_the_users_model(own, openai_emulator, deviations, settings):
    """Under the user's id and card, without a key, whatever the server can't."""
    workspace, index = own(**deviations, **settings)
    index.embed("sync")
    assert index.tally().stored == 4
    assert index.search(TEXTS["soup"], k=1)[0].id == "soup"
    assert max(charge.sent for charge in openai_emulator.bill.charges("sync")) <= 3
    (route,) = workspace.registry.routes("acme:words", Lane.SYNC)
    assert route.provider == "my-server"


def test_a_head_and_an_asked_for_size_are_one_space(own, filled, openai_emulator):
    """What the plugin cuts is what a server would have made smaller."""
    workspace, index = own(16, settings="send_dimensions = false", dimensions="serve")
    index.embed("sync")
    with workspace.embedder("acme:words", 16) as embedder:
        cut = embedder.embed_documents(["a word"])[0]
    with workspace.embedder("acme:words", 64) as embedder:
        whole = embedder.embed_documents(["a word"])[0]
    np.testing.assert_allclose(cut, whole[:16] / np.linalg.norm(whole[:16]), atol=1e-6)


def test_the_doctor_says_what_to_write_for_a_server(own):
    """In the user's table, for the model that an index uses."""
    workspace, _ = own(16, dimensions="ignore")
    (problem,) = [finding for finding in workspace.doctor() if finding.level == "problem"]
    assert problem.subject == "my-server, sync lane of acme:words"
    assert "passes over the parameter 'dimensions'" in problem.message
    assert "send_dimensions = false in [providers.my-server]" in problem.hint


def test_a_compatible_server_may_have_batches(own, openai_emulator):
    """If the card says so, and with the user's own name for the provider in the ledger."""
    workspace, index = own(lanes=("sync", "batch"), batches=True)
    hours = Hours(workspace, openai_emulator)
    index.embed("batch", wait=False)
    (job,) = hours.work()
    assert job.provider == "my-server"
    assert index.tally().stored == 4


def test_a_setting_of_ones_own_server_is_named_with_its_table(own):
    """The path is that of the user's table."""
    _, index = own(settings="texts_per_lien = 4")
    with pytest.raises(ConfigError, match=r"providers\.my-server\.texts_per_lien"):
        index.embed("sync")


def test_a_model_that_wants_to_be_told_the_role(own, openai_emulator):
    """As a parameter that the settings name; the server must know it."""
    tasks = '[models.tasks]\nmechanism = "param"\ndocument = "passage"\nquery = "query"'
    _, index = own(more=tasks, settings='task_parameter = "input_type"', strict=False)
    index.embed("sync")
    assert index.tally().stored == 4
