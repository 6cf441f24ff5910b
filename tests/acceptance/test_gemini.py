"""Both Gemini SDKs in one process, over the wire, and what a first batch client learnt the hard way."""

from __future__ import annotations

import json

import numpy as np
import pytest

from embedlane import Workspace

MODEL = "google:gemini-embedding-001"
#: Texts with known vectors that go with each job.
CANARIES = 6
SDKS = {"EMBEDLANE_PLUGINS": "gemini,gemini-legacy"}
#: Eight words each, in combinations that no two share.
TEXTS = [" ".join(f"term{(n + 1) * step % 997}" for step in range(1, 9)) for n in range(120)]


@pytest.fixture
def configured(tmp_path, gemini_emulator, monkeypatch):
    """A function that opens a workspace whose routes are chosen by configuration."""
    monkeypatch.setenv("KEY_OF_THE_TEST", "any-key-will-do")
    opened = []

    def configured(sync="gemini-legacy", batch="gemini"):
        providers = "".join(
            f'[providers.{name}]\nbase_url = "{gemini_emulator.url}"\napi_key_env = "KEY_OF_THE_TEST"\n'
            for name in ("gemini", "gemini-legacy")
        )
        (tmp_path / "embedlane.toml").write_text(
            f'[indexes.docs]\nmodel = "{MODEL}"\ndimensions = 768\n'
            f'[routes."{MODEL}"]\nsync = "{sync}"\nbatch = "{batch}"\n{providers}'
        )
        opened.append(Workspace.open(tmp_path))
        return opened[-1]

    yield configured
    for workspace in opened:
        workspace.close()


def test_both_sdks_write_one_space(configured):
    """Vectors of the legacy SDK and of the new one agree, for documents and for queries."""
    with configured(sync="gemini-legacy").embedder(MODEL, 768) as legacy:
        old = legacy.embed_documents(TEXTS[:5]), legacy.embed_query("caching")
    with configured(sync="gemini").embedder(MODEL, 768) as current:
        new = current.embed_documents(TEXTS[:5]), current.embed_query("caching")
    for mine, theirs in zip(old, new, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-6)


@pytest.mark.parametrize("sync", ["gemini-legacy", "gemini"])
def test_a_row_of_either_lane_is_found_through_either_sdk(configured, gemini_emulator, sync):
    """One half through the legacy SDK's sync lane, the other through batch: one index, one bill for each."""
    index = configured(sync=sync).index("docs")
    index.add((str(number), text) for number, text in enumerate(TEXTS))
    assert index.embed("sync", limit=60).sync.stored == 60
    assert index.embed("batch").complete
    for number in (0, 1, 60, 119):
        assert index.search(TEXTS[number], k=1)[0].id == str(number)
    assert gemini_emulator.bill.total("batch").rows == 60 + CANARIES
    assert list(gemini_emulator.bill.creates().values()) == [1]


def test_a_model_without_a_batch_lane_is_refused_before_any_call(configured, gemini_emulator, shell):
    """text-embedding-004 never had one, and is retired: status 3, with the way out, and nothing is billed."""
    configured()
    ended = shell.run("index", "create", "old", "--model", "google:text-embedding-004", **SDKS)
    assert ended.status == 3
    assert "google:gemini-embedding-001" in ended.err
    assert gemini_emulator.bill.total().rows == 0


def test_lines_have_the_form_that_the_service_takes(configured, gemini_emulator, tmp_path):
    """Singular content, parameters beside it, and our key: what the service stored is what we wrote."""
    workspace = configured()
    index = workspace.index("docs")
    index.add([("a", "one"), ("b", "two")])
    gemini_emulator.configure(pending=3600)
    index.embed("batch", wait=False)
    [file] = (tmp_path / ".embedlane" / "jobs").glob("*.jsonl")
    texts = set()
    for line in file.read_text().splitlines():
        request = json.loads(line)["request"]
        assert set(request) == {"content", "taskType", "outputDimensionality"} or set(request) == {
            "content",
            "task_type",
            "output_dimensionality",
        }
        texts.add(request["content"]["parts"][0]["text"])
    assert {"one", "two"} < texts


def test_the_doctor_compares_the_registry_with_the_service(configured, shell):
    """Key, service and model are looked at through both SDKs."""
    configured().index("docs")
    ended = shell.run("doctor", **SDKS, KEY_OF_THE_TEST="any-key-will-do")
    assert ended.status == 0, ended.out + ended.err
    assert "gemini-legacy" in ended.out
