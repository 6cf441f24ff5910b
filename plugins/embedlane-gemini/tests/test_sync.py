"""The sync lane against the emulator, through the unmodified SDK."""

import asyncio
import threading

import numpy as np
import pytest

from embedlane.errors import CapabilityError, CredentialError, ResponseError, TransientError
from embedlane.models.card import Role
from embedlane_gemini._sync import open_sync

ONE, TWO = "google:gemini-embedding-001", "google:gemini-embedding-2"
TEXTS = ["the cat sat on the mat", "interest rates rise", "a kitten on a rug"]


@pytest.mark.parametrize("model", [ONE, TWO])
@pytest.mark.parametrize("dimensions", [128, 768, 3072])
def test_each_text_gets_its_own_vector(sync, model, dimensions):
    """A list is not collapsed into one vector, and the size is the one that was asked for."""
    raw = sync(model=model, dimensions=dimensions).embed(TEXTS, Role.DOCUMENT)
    assert raw.vectors.shape == (3, dimensions)
    assert np.linalg.matrix_rank(raw.vectors) == 3
    assert raw.tokens > 0


def test_a_text_of_a_list_is_embedded_as_if_it_stood_alone(sync):
    """No text sees its neighbours."""
    embedder = sync(model=TWO)
    together = embedder.embed(TEXTS, Role.DOCUMENT).vectors
    alone = [embedder.embed([text], Role.DOCUMENT).vectors[0] for text in TEXTS]
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_the_role_is_a_task_type_where_the_model_has_one(sync):
    """gemini-embedding-001 embeds queries and documents differently, gemini-embedding-2 by the text alone."""
    for model, differs in ((ONE, True), (TWO, False)):
        embedder = sync(model=model)
        query, document = (embedder.embed(TEXTS[:1], role).vectors[0] for role in (Role.QUERY, Role.DOCUMENT))
        assert np.allclose(query, document, atol=1e-6) != differs


def test_a_hundred_texts_are_one_call(sync, gemini_emulator):
    """What the core cuts to the limit goes out as one request."""
    sync().embed([f"text {number}" for number in range(100)], Role.DOCUMENT)
    assert gemini_emulator.bill.total("sync").requests == 1
    assert gemini_emulator.bill.total("sync").rows == 100


@pytest.mark.parametrize("version", ["v1", "v1beta"])
def test_the_version_of_the_api_can_be_chosen(sync, version):
    """Both versions that the service has are spoken."""
    assert sync(api_version=version).embed(["a"], Role.DOCUMENT).vectors.shape == (1, 768)


def test_the_async_twin_gives_the_same_in_every_loop(sync):
    """Each event loop has connections of its own, closed with the loop."""
    embedder = sync()
    expected = embedder.embed(TEXTS, Role.QUERY).vectors

    async def several():
        return await asyncio.gather(*(embedder.aembed(TEXTS, Role.QUERY) for _ in range(5)))

    for _ in range(2):
        for raw in asyncio.run(several()):
            np.testing.assert_allclose(raw.vectors, expected, atol=1e-6)


def test_closing_reaches_a_loop_that_is_still_running(sync):
    """An embedder that is closed inside a loop leaves no connection behind."""
    embedder = sync()

    async def use():
        await embedder.aembed(TEXTS, Role.DOCUMENT)
        (held,) = embedder.loops._held.values()
        embedder.close()
        for _ in range(100):
            await asyncio.sleep(0)
        assert held.keeper.ag_frame is None

    asyncio.run(use())


def test_async_errors_are_translated(sync, gemini_emulator):
    """An exception of the SDK's async client is one of the core's, and bare."""
    gemini_emulator.faults.add("quota")
    with pytest.raises(TransientError, match="429 RESOURCE_EXHAUSTED") as caught:
        asyncio.run(sync().aembed(["a"], Role.DOCUMENT))
    assert caught.value.__context__ is None


def test_threads_share_an_embedder(sync):
    """Each call gets its own answer."""
    embedder = sync()
    expected = {text: embedder.embed([text], Role.DOCUMENT).vectors[0] for text in TEXTS}
    wrong = []

    def work(text):
        found = [embedder.embed([text], Role.DOCUMENT).vectors[0] for _ in range(10)]
        wrong.extend(text for vector in found if not np.allclose(vector, expected[text], atol=1e-6))

    threads = [threading.Thread(target=work, args=(text,)) for text in TEXTS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.parametrize("kind", ["quota", "internal", "unavailable", "reset", "garbage", "lost-reply"])
def test_a_failure_is_one_request(sync, gemini_emulator, kind):
    """What may pass is transient, and the SDK repeats nothing by itself."""
    fault = gemini_emulator.faults.add(kind, operation="models.batchEmbedContents")
    with pytest.raises(TransientError):
        sync().embed(["a"], Role.DOCUMENT)
    assert gemini_emulator.faults.fired(fault.id) == 1


def test_a_service_that_hangs_is_given_up(sync, gemini_emulator):
    """The timeout bounds a call."""
    gemini_emulator.faults.add("hang", seconds=20)
    with pytest.raises(TransientError, match="ReadTimeout"):
        sync(timeout=0.2).embed(["a"], Role.DOCUMENT)


def test_the_wait_that_the_service_asks_for_comes_over_the_wire(sync, scripted):
    """RetryInfo in the answer's body is what the core waits for."""
    retry = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "2.5s"}
    error = {"code": 429, "message": "slow down", "status": "RESOURCE_EXHAUSTED", "details": [retry]}
    server = scripted((429, {"error": error}), (429, [{"error": error}]))
    for _ in range(2):
        with pytest.raises(TransientError, match="slow down") as caught:
            sync(base_url=server.url).embed(["a"], Role.DOCUMENT)
        assert caught.value.retry_after == 2.5


def test_what_is_sent_is_what_the_sdk_sends(sync, scripted):
    """Each text stands in its own request, in the names and with the headers of the SDK."""
    server = scripted((200, {"embeddings": [{"values": [1.0]}, {"values": [2.0]}]}))
    sync(base_url=server.url).embed(["a", "b"], Role.QUERY)
    (request,) = server.requests
    assert (request.method, request.path) == (
        "POST",
        "/v1beta/models/gemini-embedding-001:batchEmbedContents",
    )
    assert request.headers["x-goog-api-client"].startswith("google-genai-sdk/3.")
    assert request.json == {
        "requests": [
            {
                "model": "models/gemini-embedding-001",
                "content": {"parts": [{"text": text}]},
                "taskType": "RETRIEVAL_QUERY",
                "outputDimensionality": 768,
            }
            for text in "ab"
        ]
    }


def test_a_proxy_is_used(sync, scripted):
    """The request goes to the proxy, with the service's address in it."""
    server = scripted((200, {"embeddings": [{"values": [1.0]}]}))
    sync(base_url="http://gemini.invalid", proxy=server.url).embed(["a"], Role.DOCUMENT)
    assert server.requests[0].path.startswith("http://gemini.invalid/v1beta/models/")


@pytest.mark.parametrize("key", ["AIza with blank", "AIza\nnext", "clé"])
def test_a_key_that_fits_no_header(contexts, key):
    """It is refused before it is sent, and not shown."""
    with pytest.raises(CredentialError) as caught:
        open_sync(contexts(key=key))
    assert key not in str(caught.value)


def test_nothing_listens(sync):
    """A refused connection may pass."""
    with pytest.raises(TransientError, match="ConnectError"):
        sync(base_url="http://127.0.0.1:9").embed(["a"], Role.DOCUMENT)


def test_a_key_that_is_not_taken(sync, contexts):
    """The service says 400; it is the key all the same."""
    with pytest.raises(CredentialError, match="API key not valid"):
        sync(key="invalid-key").embed(["a"], Role.DOCUMENT)


def test_a_model_that_is_gone(sync):
    """A retired model is not the text's fault."""
    with pytest.raises(CapabilityError, match="text-embedding-004"):
        sync(model="google:text-embedding-004").embed(["a"], Role.DOCUMENT)


def test_an_answer_without_vectors(sync, gemini_emulator):
    """A row that lost its embedding breaks the contract of the call."""
    gemini_emulator.faults.add("malformed-rows", fraction=1.0)
    with pytest.raises(ResponseError, match="no vectors"):
        sync().embed(["a"], Role.DOCUMENT)


def test_vectors_of_unequal_sizes_are_left_to_the_core(sync, gemini_emulator):
    """What is no matrix is handed on as it came."""
    gemini_emulator.faults.add("wrong-dimensions", fraction=0.5)
    raw = sync().embed([f"text {number}" for number in range(20)], Role.DOCUMENT)
    assert {len(vector) for vector in raw.vectors} == {767, 768}
