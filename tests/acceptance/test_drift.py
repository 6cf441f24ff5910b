"""A model that answers differently under the same name, over the wire: nothing of its answers is stored."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from embedlane import Workspace
from embedlane.errors import DriftError
from embedlane.jobs.states import JobState
from embedlane.ledger.schema import canaries, vectors

MODELS = {"openai": "openai:text-embedding-3-small", "gemini": "google:gemini-embedding-001"}
FIRST = [(str(number), f"term{number} of the first corpus") for number in range(20)]
LATER = [(f"later {number}", f"term{number} came later") for number in range(20)]


@pytest.fixture(params=["openai", "gemini"])
def service(request, tmp_path, monkeypatch):
    """A provider's id, and its emulator; a configuration that names it."""
    emulator = request.getfixturevalue(f"{request.param}_emulator")
    monkeypatch.setenv("KEY_OF_THE_TEST", "any-key-will-do")
    # Jobs are done when they are first asked for.
    emulator.configure(pending=0, running=0, **({"finalizing": 0} if request.param == "openai" else {}))
    url = emulator.base_url if request.param == "openai" else emulator.url
    lines = [f'[routes."{MODELS[request.param]}"]', f'sync = "{request.param}"']
    lines += ["[indexes.docs]", f'model = "{MODELS[request.param]}"', "dimensions = 256"]
    lines += [f"[providers.{request.param}]", f'base_url = "{url}"', 'api_key_env = "KEY_OF_THE_TEST"']
    lines += ["max_rows_per_job = 12"]
    (tmp_path / "embedlane.toml").write_text("\n".join(lines))
    return request.param, emulator


@pytest.fixture
def workspace(service, tmp_path):
    """A workspace with an index that is half embedded, by a model that is still itself."""
    with Workspace.open(tmp_path) as opened:
        index = opened.index("docs")
        index.add(FIRST)
        assert index.embed("batch").complete
        index.add(LATER)
        yield opened


def _stored(workspace):
    with workspace.ledger.read() as connection:
        return connection.scalar(select(func.count()).select_from(vectors))


def _sent(emulator):
    return sum(emulator.bill.total(lane).rows for lane in ("sync", "batch"))


@pytest.mark.parametrize("lane", ["sync", "batch"])
def test_nothing_of_a_drifted_answer_is_stored(workspace, service, lane):
    """Both lanes end with the reason, the jobs fail, and what is refused next is not even sent."""
    _, emulator = service
    emulator.faults.add("drift", angle=0.3)
    with pytest.raises(DriftError, match=r"6 of 6 canaries .* \(cosine 0\.955\d, below 0\.99\)"):
        workspace.index("docs").embed(lane)
    assert _stored(workspace) == len(FIRST)
    jobs = [report.job for report in workspace.jobs()][2:]
    assert {job.state for job in jobs} <= {JobState.FAILED, JobState.ENDED}
    failed = [job for job in jobs if job.state is JobState.FAILED]
    assert ["cosine" in job.reason for job in failed] == [True] * (lane == "batch")
    sent = _sent(emulator)
    for again in ("sync", "batch"):
        with pytest.raises(DriftError, match="has drifted"):
            workspace.index("docs").embed(again)
    assert _sent(emulator) == sent
    assert _stored(workspace) == len(FIRST)


def test_a_check_that_finds_the_old_model_lets_writes_go_on(workspace, service):
    """While the model is another one, the check says so; when it is itself again, all is embedded."""
    _, emulator = service
    emulator.faults.add("drift", angle=0.3)
    index = workspace.index("docs")
    with pytest.raises(DriftError):
        index.embed("sync")
    drifted = index.check()
    assert {check.verdict.value for check in drifted.canaries} == {"drifted"}
    assert [check.cosine for check in drifted.canaries] == [pytest.approx(0.9553, abs=1e-3)] * 6
    assert drifted.drift
    emulator.faults.clear()
    settled = index.check()
    assert {check.verdict.value for check in settled.canaries} == {"same"}
    assert (settled.drift, settled.released) == ("", True)
    assert index.embed("batch").complete


def test_a_drift_of_nearly_nothing_is_none(workspace, service):
    """What rounding and routes do to a vector is far below the threshold."""
    _, emulator = service
    emulator.faults.add("drift", angle=0.01)
    assert workspace.index("docs").embed("sync").complete


def test_one_pass_over_the_corpus_is_billed_and_a_few_canaries(workspace, service):
    """Six rows go with each job and each run; the ledger has the provider's own number of tokens."""
    name, emulator = service
    workspace.index("docs").embed("sync")
    assert emulator.bill.total("batch").rows == len(FIRST) + 2 * 6
    assert emulator.bill.total("sync").rows == len(LATER) + 6
    with workspace.ledger.read() as connection:
        given = connection.execute(select(canaries.c.provider, canaries.c.lane)).all()
    assert given == [(name, "batch")] * 6
    cost = workspace.costs("docs").total
    assert cost.rows == len(FIRST) + len(LATER)
    assert cost.estimated_tokens == 0
    assert cost.tokens == sum(emulator.bill.total(lane).tokens for lane in ("sync", "batch"))


def test_a_second_route_must_give_the_vectors_of_the_first(tmp_path, service, request):
    """A server that serves something else under the model's name is found out before it is believed."""
    name, emulator = service
    if name != "openai":
        pytest.skip("one protocol is enough")
    config = (tmp_path / "embedlane.toml").read_text().replace('sync = "openai"', 'sync = "other"')
    url = emulator.base_url
    config += f'\n[providers.other]\nkind = "openai"\nbase_url = "{url}"\napi_key_env = "KEY_OF_THE_TEST"\n'
    config = config.replace(f'[routes."{MODELS[name]}"]', f'[routes."{MODELS[name]}"]\nbatch = "openai"')
    (tmp_path / "embedlane.toml").write_text(config)
    with Workspace.open(tmp_path) as opened:
        index = opened.index("docs")
        index.add(FIRST)
        index.embed("batch")
        index.add(LATER)
        emulator.faults.add("drift", angle=0.3)
        with pytest.raises(
            DriftError, match=r"sync lane of other answers .* than the batch lane of openai did"
        ):
            index.embed("sync")
        assert _stored(opened) == len(FIRST)
