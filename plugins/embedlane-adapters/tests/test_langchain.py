"""LangChain: its own standard tests, and a vector store of its."""

import asyncio
import pickle

import pytest
from langchain_core.vectorstores import InMemoryVectorStore
from langchain_tests.integration_tests.embeddings import EmbeddingsIntegrationTests
from langchain_tests.unit_tests.embeddings import EmbeddingsUnitTests

from embedlane.errors import SpaceMismatchError
from embedlane_adapters.langchain import EmbedlaneEmbeddings


class _Hash:
    """What LangChain's standard tests ask for."""

    @property
    def embeddings_class(self):
        return EmbedlaneEmbeddings

    @property
    def embedding_model_params(self):
        return {"model": "local:hash", "dimensions": 64}


class TestUnit(_Hash, EmbeddingsUnitTests):
    """LangChain's standard unit tests."""


@pytest.mark.anyio
class TestIntegration(_Hash, EmbeddingsIntegrationTests):
    """LangChain's standard integration tests, which only another model would need a network for."""


def test_a_store_finds_by_meaning_of_the_role(roles, plain):
    """A vector store embeds its documents as documents, and what it is asked as a query."""
    embeddings = EmbedlaneEmbeddings("local:hash")
    store = InMemoryVectorStore.from_texts(["vectors never mix", "jobs survive a crash"], embeddings)
    [best] = store.similarity_search("crash", k=1)
    assert best.page_content == "jobs survive a crash"
    assert store.store[best.id]["vector"] == plain("passage: jobs survive a crash")
    assert embeddings.embed_query("crash") == plain("query: crash")


def test_many_texts_are_cut_to_the_models_limits(meeting):
    """A list is as many requests as the card asks for, however it is waited for."""
    embeddings = EmbedlaneEmbeddings("test:meeting")
    assert len(embeddings.embed_documents(["x"] * 1500)) == 1500
    assert len(asyncio.run(embeddings.aembed_documents(["x"] * 1500))) == 1500
    sizes = sorted(size for size, _ in meeting.calls[1:])
    assert sizes == [500, 500, 1000, 1000]


def test_coroutines_are_not_the_sync_call_in_disguise(meeting):
    """Three calls are under way at once, or none of them ends."""
    embeddings = EmbedlaneEmbeddings("test:meeting")

    async def embed():
        await asyncio.gather(
            embeddings.aembed_documents(["meet"]), *(embeddings.aembed_query("meet") for _ in range(2))
        )

    asyncio.run(embed())


def test_pickled_embeddings_are_the_same(folder):
    """A worker gets the model, its size and its space."""
    embeddings = EmbedlaneEmbeddings("local:hash", dimensions=32)
    other = pickle.loads(pickle.dumps(embeddings))
    embeddings.close()
    assert other.embed_query("x") == embeddings.embed_query("x")
    assert repr(other) == f"EmbedlaneEmbeddings(local:hash @ 32 ({embeddings.space.fingerprint}))"


def test_a_store_of_another_space_is_refused(folder):
    """Who keeps the fingerprint beside a store can't open it with another model."""
    kept = EmbedlaneEmbeddings("local:hash").space.fingerprint
    EmbedlaneEmbeddings("local:hash", dimensions=256, fingerprint=kept)
    with pytest.raises(SpaceMismatchError, match=kept):
        EmbedlaneEmbeddings("local:hash", dimensions=128, fingerprint=kept)
