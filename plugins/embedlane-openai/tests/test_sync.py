"""The sync lane over real HTTP: what is asked, and what is made of the answer."""

import asyncio
import threading

import numpy as np
import pytest

from embedlane.errors import ConfigError, ResponseError, TransientError
from embedlane.models.card import Role

OPENAI = "openai:text-embedding-3-small"
OWN = "acme:words"


def test_a_call_is_one_request(sync, scripted, answers, vectors):
    """Texts go out as a list, vectors come back in their order, with the tokens that are billed."""
    server = scripted((200, answers(vectors(2, size=512), vectors(1, size=512), indexes=[1, 0])))
    raw = sync(base_url=server.url).embed(["one", "two"], Role.DOCUMENT)
    assert raw.vectors[:, 0].tolist() == [1.0, 2.0]
    assert raw.vectors.dtype == np.float32
    assert raw.tokens == 7
    (request,) = server.requests
    assert (request.method, request.path) == ("POST", "/v1/embeddings")
    assert request.json == {
        "model": "text-embedding-3-small",
        "input": ["one", "two"],
        "encoding_format": "base64",
        "dimensions": 512,
    }


def test_digits_are_read_whatever_was_asked_for(sync, scripted, answers, vectors):
    """Some servers pass over the encoding; the SDK itself would make nonsense of it."""
    server = scripted((200, answers(vectors(0.5, 0.25), encoded=False)))
    raw = sync(model=OWN, dimensions=16, base_url=server.url).embed(["one"], Role.QUERY)
    assert raw.vectors[0, :3].tolist() == [0.5, 0.25, 0.0]


def test_the_sdk_does_not_retry(sync, scripted):
    """The core does, and counts."""
    server = scripted((500, {"error": {"message": "busy"}}))
    with pytest.raises(TransientError, match="OpenAI answered 500"):
        sync(base_url=server.url).embed(["one"], Role.DOCUMENT)
    assert len(server.requests) == 1


def test_a_redirect_is_not_followed(sync, scripted):
    """The key goes nowhere else, and nothing is sent twice."""
    server = scripted((307, b"", {"location": "http://127.0.0.1:9/v1/embeddings"}))
    with pytest.raises(ConfigError, match="307") as error:
        sync(base_url=server.url).embed(["one"], Role.DOCUMENT)
    assert "base_url" in error.value.hint


def test_a_key_is_sent_to_openai_with_who_pays(sync, scripted, answers, vectors, key, monkeypatch):
    """The setting wins over the environment, which wins over nothing."""
    monkeypatch.setenv("OPENAI_ORG_ID", "org-of-environment")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-of-environment")
    server = scripted((200, answers(vectors(1, size=512))))
    sync(base_url=server.url, organization="org-mine").embed(["one"], Role.DOCUMENT)
    headers = server.requests[0].headers
    assert headers["authorization"] == f"Bearer {key}"
    assert headers["openai-organization"] == "org-mine"
    assert headers["openai-project"] == "proj-of-environment"


def test_a_server_gets_nothing_that_is_meant_for_openai(sync, scripted, answers, vectors, monkeypatch):
    """Neither its key nor its account, which lie in the environment for the SDK to find."""
    for name in ("OPENAI_API_KEY", "OPENAI_ADMIN_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        monkeypatch.setenv(name, f"secret-{name}")
    server = scripted((200, answers(vectors(1))))
    sync(model=OWN, dimensions=16, base_url=server.url, key="").embed(["one"], Role.DOCUMENT)
    assert "secret" not in repr(server.requests[0].headers)


def test_a_server_gets_its_own_key(sync, scripted, answers, vectors):
    """If the configuration names one."""
    server = scripted((200, answers(vectors(1))))
    sync(model=OWN, dimensions=16, base_url=server.url, key="mine").embed(["one"], Role.DOCUMENT)
    assert server.requests[0].headers["authorization"] == "Bearer mine"


def test_a_server_may_call_the_model_something_else(sync, scripted, answers, vectors):
    """The user's id stays what the index is bound to."""
    server = scripted((200, answers(vectors(1))))
    names = {OWN: "BAAI/words"}
    sync(model=OWN, dimensions=16, base_url=server.url, names=names).embed(["one"], Role.DOCUMENT)
    assert server.requests[0].json["model"] == "BAAI/words"


def test_the_role_goes_where_the_settings_say(sync, scripted, answers, vectors):
    """For servers whose models take it as a parameter."""
    server = scripted((200, answers(vectors(1))))
    tasks = {"mechanism": "param", "document": "passage", "query": "query"}
    embedder = sync(model=OWN, dimensions=16, tasks=tasks, base_url=server.url, task_parameter="input_type")
    embedder.embed(["one"], Role.QUERY)
    assert server.requests[0].json["input_type"] == "query"


def test_heads_are_kept_of_a_server_that_knows_no_sizes(sync, scripted, answers, vectors):
    """It is asked for nothing, and a smaller vector of unit length is made of what comes."""
    server = scripted((200, answers(vectors(3, 4, 12))))
    raw = sync(model=OWN, dimensions=2, base_url=server.url, send_dimensions=False).embed(
        ["a"], Role.DOCUMENT
    )
    assert "dimensions" not in server.requests[0].json
    np.testing.assert_allclose(raw.vectors, [[0.6, 0.8]], rtol=1e-6)


def test_a_server_that_passes_over_the_size_is_found_out(sync, scripted, answers, vectors):
    """The error names the setting that helps."""
    server = scripted((200, answers(vectors(1))))
    with pytest.raises(ResponseError, match=r"asked for 8 dimensions .* answered with 16") as error:
        sync(model=OWN, dimensions=8, base_url=server.url).embed(["one"], Role.DOCUMENT)
    assert "send_dimensions = false in [providers.my-server]" in error.value.hint


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, b"<html>busy</html>", TransientError),
        (200, b"[]", TransientError),
        (200, {"data": "x"}, ResponseError),
        (200, {"data": [{"index": 0, "embedding": "?"}]}, ResponseError),
    ],
)
def test_an_answer_without_vectors(sync, scripted, status, body, expected):
    """What is no JSON may pass; JSON of another shape will not."""
    with pytest.raises(expected, match="embed a text"):
        sync(base_url=scripted((status, body)).url).embed(["one"], Role.DOCUMENT)


def test_vectors_of_several_sizes_are_left_to_the_core(sync, scripted, answers, vectors):
    """It names the one that is at fault."""
    server = scripted((200, answers(vectors(1), vectors(1, size=15))))
    raw = sync(model=OWN, dimensions=16, base_url=server.url).embed(["a", "b"], Role.DOCUMENT)
    assert [len(row) for row in raw.vectors] == [16, 15]


def test_async_calls_wait_together(sync, scripted, answers, vectors):
    """Two calls are under way at once on one loop, each loop has its own connections, all are closed."""
    server = scripted((200, answers(vectors(1))))
    meeting, give = threading.Barrier(2, timeout=5), server.next

    def give_when_both_are_here():
        meeting.wait()
        return give()

    server.next = give_when_both_are_here
    embedder = sync(model=OWN, dimensions=16, base_url=server.url)

    async def two():
        return await asyncio.gather(*(embedder.aembed([text], Role.DOCUMENT) for text in ("a", "b")))

    for _ in range(2):
        assert [raw.vectors.shape for raw in asyncio.run(two())] == [(1, 16), (1, 16)]


def test_an_async_call_fails_like_any_other(sync, scripted):
    """With the same errors."""
    embedder = sync(base_url=scripted((429, {"error": {"message": "slow"}}, {"retry-after": "3"})).url)
    with pytest.raises(TransientError) as error:
        asyncio.run(embedder.aembed(["one"], Role.DOCUMENT))
    assert error.value.retry_after == 3.0


def test_closing_closes_the_clients_of_running_loops(sync, scripted, answers, vectors):
    """A loop that goes on has no open connection left."""
    embedder = sync(model=OWN, dimensions=16, base_url=scripted((200, answers(vectors(1)))).url)

    async def closed_under_way():
        await embedder.aembed(["a"], Role.DOCUMENT)
        client = await embedder.loops.client()
        await asyncio.to_thread(embedder.close)
        for _ in range(100):
            if client.is_closed():
                break
            await asyncio.sleep(0.01)
        return client.is_closed()

    assert asyncio.run(closed_under_way())


def test_a_proxy_that_cannot_be_used_is_a_setting(sync):
    """SOCKS needs a package that is not here."""
    with pytest.raises(ConfigError, match=r"providers\.openai\.proxy") as error:
        sync(proxy="socks5://127.0.0.1:9")
    assert "socks" in error.value.hint
