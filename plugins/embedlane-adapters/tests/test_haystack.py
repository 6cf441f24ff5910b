"""Haystack: both components, alone and in pipelines."""

import asyncio
import importlib

import pytest

from embedlane.errors import SpaceMismatchError

META = {"model": "local:hash", "dimensions": 256, "fingerprint": "96018028f38d"}
TEXTS = ("vectors never mix", "jobs survive a crash")


@pytest.fixture
def haystack():
    """The library; imported when a test needs it, for that takes more than a second."""
    return importlib.import_module("haystack")


@pytest.fixture
def document(haystack):
    """Its class of documents."""
    return haystack.Document


@pytest.fixture
def for_queries():
    """The component for queries."""
    return importlib.import_module("embedlane_adapters.haystack").EmbedlaneTextEmbedder


@pytest.fixture
def for_documents():
    """The component for documents."""
    return importlib.import_module("embedlane_adapters.haystack").EmbedlaneDocumentEmbedder


def both(component, **inputs):
    """What a component answers in both ways, which must be the same."""
    answer = component.run(**inputs)
    assert asyncio.run(component.run_async(**inputs)) == answer
    return answer


def test_documents_get_their_embeddings(for_documents, document, folder, plain):
    """In copies: Haystack wants what goes into a component unchanged."""
    documents = [document(content="a"), document(content="b", meta={"n": 1})]
    answer = both(for_documents("local:hash"), documents=documents)
    assert [each.embedding for each in answer["documents"]] == [plain("a"), plain("b")]
    assert [each.id for each in answer["documents"]] == [each.id for each in documents]
    assert answer["documents"][1].meta == {"n": 1}
    assert [each.embedding for each in documents] == [None, None]
    assert answer["meta"] == META


def test_a_query_gets_its_embedding(for_queries, for_documents, document, roles, plain):
    """As a query, where documents are embedded as documents."""
    assert both(for_queries("local:hash"), text="x")["embedding"] == plain("query: x")
    [embedded] = both(for_documents("local:hash"), documents=[document(content="x")])["documents"]
    assert embedded.embedding == plain("passage: x")


def test_metadata_is_embedded_before_the_text(for_documents, document, folder, plain):
    """Of the fields that are asked for, those that a document has."""
    embedder = for_documents(
        "local:hash", meta_fields_to_embed=["title", "year", "none"], embedding_separator=" | "
    )
    documents = [
        document(content="text", meta={"year": 2026, "title": "T", "none": None}),
        document(content="text", meta={"other": "x"}),
        document(meta={"title": "T"}),
    ]
    answer = both(embedder, documents=documents)
    expected = [plain("T | 2026 | text"), plain("text"), plain("T | ")]
    assert [each.embedding for each in answer["documents"]] == expected


def test_no_documents_are_no_request(for_documents, meeting):
    """Nothing goes to the provider."""
    embedder = for_documents("test:meeting")
    assert both(embedder, documents=[])["documents"] == []
    assert meeting.calls == ["open"]


def test_a_pipeline_is_written_and_read(haystack, for_queries, for_documents, document, folder):
    """Its YAML has all that makes the components; what was read finds the same."""
    retrievers = importlib.import_module("haystack.components.retrievers.in_memory")
    stores = importlib.import_module("haystack.document_stores.in_memory")
    store = stores.InMemoryDocumentStore(embedding_similarity_function="dot_product")
    embedded = for_documents("local:hash").run([document(content=text) for text in TEXTS])["documents"]
    store.write_documents(embedded)
    pipeline = haystack.Pipeline()
    pipeline.add_component("embedder", for_queries("local:hash"))
    pipeline.add_component("retriever", retrievers.InMemoryEmbeddingRetriever(store, top_k=1))
    pipeline.connect("embedder.embedding", "retriever.query_embedding")
    read = haystack.Pipeline.loads(pipeline.dumps(), allowed_modules=["embedlane_adapters.haystack"])
    assert read.dumps() == pipeline.dumps()
    for each in (pipeline, read):
        answer = each.run({"embedder": {"text": "crash"}})
        assert answer["retriever"]["documents"][0].content == "jobs survive a crash"


@pytest.mark.parametrize("size", [None, 128])
def test_a_component_is_written_and_read(for_documents, configure, size):
    """With everything that it was made with."""
    config = str(configure("", "elsewhere"))
    embedder = for_documents(
        "local:hash", dimensions=size, config=config, meta_fields_to_embed=["a"], embedding_separator=" "
    )
    assert embedder.to_dict()["init_parameters"] == {
        "model": "local:hash",
        "dimensions": size,
        "config": config,
        "fingerprint": embedder.space.fingerprint,
        "meta_fields_to_embed": ["a"],
        "embedding_separator": " ",
    }
    assert for_documents.from_dict(embedder.to_dict()).to_dict() == embedder.to_dict()


def test_what_was_written_is_refused_where_the_space_is_another(for_queries, configure, role_card):
    """A pipeline does not read a store of the vectors that a card gave before it changed."""
    written = for_queries("local:hash").to_dict()
    configure(role_card)
    with pytest.raises(SpaceMismatchError, match="96018028f38d"):
        for_queries.from_dict(written)


def test_warming_up_opens_the_provider_once(for_queries, meeting):
    """In both ways; closing gives it back, and warming up opens it again."""
    embedder = for_queries("test:meeting")
    embedder.warm_up()
    embedder.warm_up()
    asyncio.run(embedder.warm_up_async())
    assert meeting.calls == ["open"]
    embedder.close()
    asyncio.run(embedder.warm_up_async())
    assert meeting.calls == ["open", "close", "open"]


def test_coroutines_are_not_the_sync_call_in_disguise(for_queries, for_documents, document, meeting):
    """Three calls are under way at once, or none of them ends."""
    queries, documents = for_queries("test:meeting"), for_documents("test:meeting")

    async def embed():
        await asyncio.gather(
            documents.run_async([document(content="meet")]), *(queries.run_async("meet") for _ in range(2))
        )

    asyncio.run(embed())
