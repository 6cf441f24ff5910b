"""LlamaIndex: its embedding class, and an index of its."""

import asyncio
import copy
import importlib
import pickle

import pytest

from embedlane.errors import SpaceMismatchError, UnknownNameError, UsageError


@pytest.fixture
def core():
    """The library; imported when a test needs it, for that takes seconds."""
    return importlib.import_module("llama_index.core")


@pytest.fixture
def make():
    """The class under test."""
    return importlib.import_module("embedlane_adapters.llamaindex").EmbedlaneEmbedding


def test_texts_and_queries_get_their_roles(make, roles, plain):
    """In each of the calls that LlamaIndex has for them."""
    embedding = make(model_name="local:hash")
    passage, query = plain("passage: x"), plain("query: x")
    assert embedding.get_text_embedding("x") == passage
    assert embedding.get_text_embedding_batch(["x", "x"]) == [passage, passage]
    assert embedding.get_query_embedding("x") == query

    async def embed():
        assert await embedding.aget_text_embedding("x") == passage
        assert await embedding.aget_text_embedding_batch(["x", "x"]) == [passage, passage]
        assert await embedding.aget_query_embedding("x") == query

    asyncio.run(embed())


def test_an_index_finds_by_meaning(make, core, folder):
    """A vector index embeds its nodes and what it is asked."""
    nodes = [core.schema.TextNode(text=text) for text in ("vectors never mix", "jobs survive a crash")]
    index = core.VectorStoreIndex(nodes, embed_model=make(model_name="local:hash"))
    [best] = index.as_retriever(similarity_top_k=1).retrieve("crash")
    assert best.text == "jobs survive a crash"


def test_coroutines_are_not_the_sync_call_in_disguise(make, meeting):
    """Three calls are under way at once, or none of them ends."""
    embedding = make(model_name="test:meeting")

    async def embed():
        await asyncio.gather(
            embedding.aget_text_embedding("meet"),
            embedding.aget_text_embedding_batch(["meet"]),
            embedding.aget_query_embedding("meet"),
        )

    asyncio.run(embed())


def test_requests_are_cut_by_the_models_limits(make, meeting):
    """LlamaIndex passes on as much as it can at once, for embedlane knows what a request may hold."""
    embedding = make(model_name="test:meeting")
    embedding.get_text_embedding_batch(["x"] * 1000)
    assert meeting.calls == ["open", (1000, "document")]


@pytest.mark.parametrize(
    "twin",
    [
        lambda embedding: type(embedding).from_dict(embedding.to_dict()),
        lambda embedding: type(embedding).from_json(embedding.to_json()),
        lambda embedding: pickle.loads(pickle.dumps(embedding)),
        copy.deepcopy,
    ],
)
def test_what_is_written_is_read_as_the_same(make, folder, twin):
    """Model, size and space come back, and an open provider does not stand in the way."""
    embedding = make(model_name="local:hash", dimensions=32)
    vector = embedding.get_text_embedding("x")
    other = twin(embedding)
    embedding.close()
    assert other.get_text_embedding("x") == vector
    assert (other.space, other.dimensions, other.config) == (embedding.space, 32, None)


def test_what_was_written_is_refused_where_the_space_is_another(make, folder, configure, role_card):
    """The fingerprint is among the fields, so that also LlamaIndex's ingestion cache tells spaces apart."""
    written = make(model_name="local:hash").to_dict()
    assert written["fingerprint"] == "96018028f38d"
    configure(role_card)
    with pytest.raises(SpaceMismatchError, match="96018028f38d"):
        make.from_dict(written)


def test_errors_are_embedlanes_own(make, folder):
    """Pydantic does not wrap them."""
    with pytest.raises(UnknownNameError, match="Did you mean 'local:hash'"):
        make(model_name="local:hush")


def test_the_cache_by_text_is_refused(make, folder):
    """It would hand a document's vector to a query, and one model's vectors to another."""
    cache = importlib.import_module("llama_index.core.storage.kvstore").SimpleKVStore()
    with pytest.raises(UsageError, match="by the text alone"):
        make(model_name="local:hash", embeddings_cache=cache)


def test_the_space_can_not_be_changed_afterwards(make, folder):
    """A field that would change vectors is frozen."""
    embedding = make(model_name="local:hash")
    for field, value in {"model_name": "test:other", "dimensions": 8, "config": "elsewhere"}.items():
        with pytest.raises(ValueError, match="frozen"):
            setattr(embedding, field, value)
