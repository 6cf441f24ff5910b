"""Through the core's front door, over HTTP, with the real SDKs and the emulator."""

import time

import attrs
import google.generativeai as genai
import numpy as np
import pytest
from google.genai import Client, types

from embedlane.errors import CapabilityError, CredentialError, ResponseError, TransientError
from embedlane.models.card import Role
from embedlane.providers.caller import Retries
from embedlane.workspace.workspace import Workspace
from embedlane_gemini_legacy import _errors

ONE, TWO = "google:gemini-embedding-001", "google:gemini-embedding-2"
RPC = "type.googleapis.com/google.rpc"
TEXTS = ["a cat sat on the mat", "how to bake bread at home", "the derivative of a function"]


def impatient(embedder):
    """*embedder*, trying again as often as ever, but at once."""
    return attrs.evolve(embedder, caller=attrs.evolve(embedder.caller, retries=Retries(first_pause=0.0)))


@pytest.fixture
def workspace(tmp_path, gemini_emulator, monkeypatch):
    """A function that opens a workspace whose Gemini models go through the legacy SDK to the emulator."""
    for name in ("GEMINI_API_KEY", "GOOGLE_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GEMINI_API_KEY", "a-key")
    opened = []

    def make(**settings):
        table = "".join(
            f"{key} = {value!r}\n"
            for key, value in {"timeout": 10, "base_url": gemini_emulator.url, **settings}.items()
        )
        routes = "".join(f'[routes."{model}"]\nsync = "gemini-legacy"\n' for model in (ONE, TWO))
        path = tmp_path / "embedlane.toml"
        # Without canaries, so that what is billed can be counted in texts.
        path.write_text(f"canaries = false\n[providers.gemini-legacy]\n{table}{routes}")
        opened.append(Workspace.open(path))
        return opened[-1]

    yield make
    for each in opened:
        each.close()


def test_vectors_are_those_of_the_sdk_called_directly(workspace, gemini_emulator):
    """The route adds nothing and takes nothing away but the length."""
    with workspace().embedder(ONE) as embedder:
        ours = embedder.embed_documents(TEXTS)
    genai.configure(api_key="b", transport="rest", client_options={"api_endpoint": gemini_emulator.url})
    answer = genai.embed_content("models/gemini-embedding-001", TEXTS, task_type="retrieval_document")
    np.testing.assert_allclose(ours, answer["embedding"], atol=1e-6)


@pytest.mark.parametrize(("model", "task"), [(ONE, "RETRIEVAL_DOCUMENT"), (TWO, None)])
def test_both_sdks_in_one_process_write_one_space(workspace, gemini_emulator, model, task):
    """A vector through the new SDK is the vector through the old one."""
    with workspace().embedder(model, 768) as embedder:
        ours = embedder.embed_documents(TEXTS)
        rendered = [embedder.space.render(text, Role.DOCUMENT) for text in TEXTS]
    client = Client(api_key="b", http_options=types.HttpOptions(base_url=gemini_emulator.url))
    answer = client.models.embed_content(
        model=model.partition(":")[2],
        contents=[types.Content(parts=[types.Part(text=text)]) for text in rendered],
        config=types.EmbedContentConfig(task_type=task, output_dimensionality=768),
    )
    theirs = np.array([each.values for each in answer.embeddings])
    np.testing.assert_allclose(ours, theirs / np.linalg.norm(theirs, axis=1, keepdims=True), atol=1e-5)
    client.close()


@pytest.mark.parametrize("model", [ONE, TWO])
@pytest.mark.parametrize("size", [128, 768, 3072])
def test_vectors_have_unit_length_at_every_size(workspace, model, size):
    """One vector for each text, of the size that was asked for, also where texts could be merged."""
    with workspace().embedder(model, size) as embedder:
        vectors = embedder.embed_documents(TEXTS)
    assert vectors.shape == (3, size)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("model", [ONE, TWO])
def test_the_role_changes_the_vector(workspace, model):
    """A query is not embedded as a document."""
    with workspace().embedder(model, 768) as embedder:
        query, document = embedder.embed_query(TEXTS[0]), embedder.embed_documents([TEXTS[0]])[0]
    assert not np.allclose(query, document, atol=1e-4)


def test_calls_hold_a_hundred_texts_at_most(workspace, gemini_emulator):
    """250 texts are three calls, billed once each."""
    with workspace().embedder(ONE, 128) as embedder:
        vectors = embedder.embed_documents([f"text number {n}" for n in range(250)])
    assert len(vectors) == 250
    billed = gemini_emulator.bill.total("sync")
    assert (billed.requests, billed.rows) == (3, 250)


def test_the_pause_of_a_429_is_kept(workspace, service):
    """The call is tried again after the time that RetryInfo names, where it is not a whole day's quota."""
    service.will_fail(429, "RESOURCE_EXHAUSTED", "quota", {"@type": f"{RPC}.RetryInfo", "retryDelay": "0.3s"})
    with workspace(base_url=service.url).embedder(ONE, 128) as embedder:
        began = time.monotonic()
        embedder.embed_query("a")
    assert time.monotonic() - began >= 0.3
    assert len(service.requests) == 2


def test_a_quota_of_a_day_is_not_waited_for(workspace, service, monkeypatch):
    """The run ends at once and says when to go on, whatever pause the service names."""
    service.will_fail(
        429,
        "RESOURCE_EXHAUSTED",
        "quota",
        {"@type": f"{RPC}.QuotaFailure", "violations": [{"quotaId": "EmbedContentRequestsPerDay-FreeTier"}]},
        {"@type": f"{RPC}.RetryInfo", "retryDelay": "0.1s"},
    )
    # Half a day from now, whenever the test runs.
    monkeypatch.setattr(_errors, "_QUOTA_DAY_BEGINS", (time.time() + 43_200) % 86_400)
    opened = workspace(base_url=service.url)
    with (
        impatient(opened.embedder(ONE, 128)) as embedder,
        pytest.raises(TransientError, match="midnight in California"),
    ):
        embedder.embed_query("a")
    assert len(service.requests) == 1


@pytest.mark.parametrize("kind", ["unavailable", "internal", "reset", "quota"])
def test_what_passes_is_tried_again(workspace, gemini_emulator, kind):
    """The core repeats the call, the SDK does not."""
    gemini_emulator.faults.add(kind, times=1)
    with impatient(workspace().embedder(ONE, 128)) as embedder:
        assert embedder.embed_query("a").shape == (128,)
    assert gemini_emulator.bill.total("sync").rows == 1


def test_a_service_that_hangs_is_left_and_asked_again(workspace, gemini_emulator):
    """The timeout ends the call, and the next attempt is answered."""
    gemini_emulator.faults.add("hang", times=1, seconds=30)
    with impatient(workspace(timeout=0.3).embedder(ONE, 128)) as embedder:
        assert embedder.embed_query("a").shape == (128,)


def test_an_answer_that_is_no_json_is_asked_for_again(workspace, gemini_emulator):
    """The second answer is taken."""
    gemini_emulator.faults.add("garbage", times=1)
    with impatient(workspace().embedder(ONE, 128)) as embedder:
        assert embedder.embed_query("a").shape == (128,)


@pytest.mark.parametrize("kind", ["nan", "zero", "wrong-dimensions", "missing-rows", "malformed-rows"])
def test_an_answer_that_breaks_the_contract_is_not_taken(workspace, gemini_emulator, kind):
    """Whatever is wrong with the vectors, the core's checks find it."""
    gemini_emulator.faults.add(kind, fraction=1.0)
    with workspace().embedder(ONE, 128) as embedder, pytest.raises(ResponseError):
        embedder.embed_documents(TEXTS)


def test_a_bad_key_is_told_with_what_to_do(workspace, monkeypatch):
    """The service's 400 is an error of the setup."""
    monkeypatch.setenv("GEMINI_API_KEY", "invalid-key")
    with (
        workspace().embedder(ONE, 128) as embedder,
        pytest.raises(CredentialError, match="API key not valid") as caught,
    ):
        embedder.embed_query("a")
    assert "invalid-key" not in str(caught.value)


def test_a_model_that_was_shut_down_is_refused_before_anything_is_sent(workspace, gemini_emulator):
    """The card knows, and names the successor."""
    with pytest.raises(CapabilityError, match=r"was shut down on 2026-01-14.*gemini-embedding-001"):
        workspace().embedder("google:text-embedding-004")
    assert gemini_emulator.bill.total("sync").requests == 0


def test_an_index_is_embedded_and_searched(workspace, gemini_emulator, tmp_path):
    """The whole way: add, embed, search; what is stored is not sent again."""
    opened = workspace()
    index = opened.create_index("docs", ONE, dimensions=768)
    folder = tmp_path / "texts"
    folder.mkdir()
    for number, text in enumerate(TEXTS):
        (folder / f"{number}.txt").write_text(text)
    index.add_paths([folder])
    report = index.embed()
    assert report.sync.stored == 3
    assert index.embed().sync.stored == 0
    assert "bread" in index.search("baking bread", k=1)[0].text
    assert gemini_emulator.bill.total("sync").rows == 4
