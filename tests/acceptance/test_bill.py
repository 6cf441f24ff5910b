"""The ledger's bill beside the service's own."""

from __future__ import annotations

import pytest

from embedlane import Workspace

_SERVICES = {
    "gemini": ("google:gemini-embedding-001", "url"),
    "openai": ("openai:text-embedding-3-small", "base_url"),
}
_TEXTS = [(str(number), f"text number {number} " + "word " * (number % 9)) for number in range(40)]


@pytest.fixture(params=_SERVICES)
def service(request, tmp_path, monkeypatch):
    """An emulated service, and a workspace whose index ``docs`` is embedded by it."""
    model, attribute = _SERVICES[request.param]
    emulator = request.getfixturevalue(f"{request.param}_emulator")
    monkeypatch.setenv("KEY_OF_THE_TEST", "any-key-will-do")
    monkeypatch.setenv("EMBEDLANE_PLUGINS", request.param)
    (tmp_path / "embedlane.toml").write_text(
        # Rows on the bill are contents then, and no canaries; `test_drift` has those.
        f'canaries = false\n[indexes.docs]\nmodel = "{model}"\ndimensions = 256\n'
        f"[providers.{request.param}]\n"
        f'base_url = "{getattr(emulator, attribute)}"\napi_key_env = "KEY_OF_THE_TEST"\n'
    )
    with Workspace.open(tmp_path) as workspace:
        workspace.index("docs").add(_TEXTS)
        yield emulator, workspace


def _work(workspace, emulator):
    """Drive all jobs to their end, an hour after the other."""
    for _ in range(40):
        if all(report.job.final for report in workspace.jobs()):
            return
        workspace.work(once=True)
        earlier = workspace.clock
        workspace.clock = lambda earlier=earlier: earlier() + 3600
        emulator.clock.advance(3600)
    pytest.fail("a job does not end")


def _compare(workspace, emulator):
    """Each lane's rows, tokens and dollars are those that the service has billed."""
    lanes = {each.lane: each.cost for each in workspace.costs("docs").lanes}
    for lane in ("sync", "batch"):
        theirs = emulator.bill.total(lane)
        ours = lanes.get(lane)
        assert (ours.rows if ours else 0, ours.tokens if ours else 0) == (theirs.rows, theirs.tokens)
        if ours:
            assert ours.billed == pytest.approx(theirs.dollars)
            assert ours.estimated_tokens == 0


def test_the_ledger_has_what_the_service_billed(service):
    """To the token, in both lanes; what was planned of the rows is what the plan said."""
    emulator, workspace = service
    index = workspace.index("docs")
    planned = index.plan().tokens
    index.embed("sync", limit=15)
    index.embed("batch", wait=False)
    _work(workspace, emulator)
    assert index.tally().stored == 40
    _compare(workspace, emulator)
    assert workspace.costs().total.planned_tokens == planned


@pytest.mark.parametrize("service", ["openai"], indirect=True)
def test_a_cancelled_job_is_billed_what_it_did(service):
    """Rows that were done before it stopped cost money; the others are pending, and cost it when they are.

    Google's service bills a cancelled job, too, but never says what.
    """
    emulator, workspace = service
    index = workspace.index("docs")
    emulator.configure(pending=0, running=3600)
    index.embed("batch", wait=False)
    emulator.clock.advance(1800)
    workspace.cancel_job(1)
    _work(workspace, emulator)
    assert 0 < index.tally().stored < 40
    _compare(workspace, emulator)
    index.embed("batch", wait=False)
    _work(workspace, emulator)
    assert index.tally().stored == 40
    _compare(workspace, emulator)
