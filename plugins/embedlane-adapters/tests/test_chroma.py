"""Chroma: its embedding function, in collections on disk."""

import copy
import importlib
import pickle

import numpy as np
import pytest

from embedlane.errors import SpaceMismatchError, UsageError


@pytest.fixture
def chroma():
    """Chroma's functions; imported when a test needs them, for that takes more than a second."""
    return importlib.import_module("chromadb.utils.embedding_functions")


@pytest.fixture
def adapter(chroma):
    """The module under test, as it is in a process that has made no function yet."""
    module = importlib.import_module("embedlane_adapters.chroma")
    forget(chroma, module)
    return module


@pytest.fixture
def make(adapter):
    """The class under test."""
    return adapter.EmbedlaneEmbeddingFunction


@pytest.fixture
def client(folder):
    """A client of a database on disk."""
    with importlib.import_module("chromadb").PersistentClient(str(folder / "chroma")) as client:
        yield client


def forget(chroma, adapter):
    """Undo what making a function leaves behind: start a process, in effect."""
    adapter._made.clear()
    for name in [name for name in chroma.known_embedding_functions if name.startswith("embedlane")]:
        del chroma.known_embedding_functions[name]


@pytest.fixture
def collection(client, make):
    """A collection with two documents, made with `local:hash`."""
    function = make("local:hash")
    collection = client.create_collection("docs", embedding_function=function)
    collection.add(ids=["a", "b"], documents=["vectors never mix", "jobs survive a crash"])
    return collection


def test_a_collection_finds_by_meaning(collection):
    """Chroma embeds what is added and what is asked, and measures by the cosine."""
    found = collection.query(query_texts=["crash", "mix"], n_results=1)
    assert found["ids"] == [["b"], ["a"]]
    assert collection.configuration_json["hnsw"]["space"] == "cosine"


def test_documents_and_queries_get_their_roles(client, make, roles, plain):
    """What is added is embedded as a document, what is asked as a query."""
    function = make("local:hash")
    collection = client.create_collection("roles", embedding_function=function)
    collection.add(ids=["a"], documents=["x"])
    [stored] = collection.get(include=["embeddings"])["embeddings"]
    assert stored.tolist() == plain("passage: x")
    [[distance]] = collection.query(query_texts=["x"])["distances"]
    assert distance == pytest.approx(1 - np.dot(stored, plain("query: x")), abs=1e-6)
    assert [vector.tolist() for vector in function.embed_query(["x", "y"])] == [
        plain("query: x"),
        plain("query: y"),
    ]
    assert {vector.dtype for vector in function(["x"])} == {np.dtype(np.float32)}


@pytest.mark.parametrize("method", ["get_collection", "get_or_create_collection"])
def test_a_function_of_another_space_is_refused(client, collection, make, configure, role_card, method):
    """Of another size, and of the same size with a changed card; the right one is taken."""
    reopen = getattr(client, method)
    assert reopen("docs", embedding_function=make("local:hash")).count() == 2
    with pytest.raises(
        ValueError, match=r"new: embedlane/local:hash@128/.* persisted: embedlane/local:hash@256/"
    ):
        reopen("docs", embedding_function=make("local:hash", dimensions=128))
    configure(role_card)
    with pytest.raises(ValueError, match="Embedding function conflict"):
        reopen("docs", embedding_function=make("local:hash"))


def test_a_collection_can_not_be_given_another_space(collection, make):
    """A change of its configuration is refused, and by our own check with both side by side."""
    same, other = make("local:hash"), make("local:hash", dimensions=8)
    collection.modify(configuration={"embedding_function": same})
    with pytest.raises(ValueError, match="Cannot update embedding function"):
        collection.modify(configuration={"embedding_function": other})
    other.validate_config_update(same.get_config(), same.get_config())
    with pytest.raises(SpaceMismatchError, match=r"≠ dimensions\s+256\s+8\n"):
        other.validate_config_update(same.get_config(), other.get_config())


def test_what_is_stored_is_the_space(collection, make):
    """No path and no secret: how the model is reached is the business of who opens the collection."""
    stored = collection.configuration_json["embedding_function"]
    function = make("local:hash")
    assert stored == {"type": "known", "name": function.name(), "config": function.get_config()}
    assert stored["config"] == {"space": function.space.canonical, "fingerprint": "96018028f38d"}
    function.validate_config(stored["config"])


def test_a_collection_is_opened_with_its_own_model(client, collection, chroma, adapter):
    """Also in a process that does not know which model that is."""
    forget(chroma, adapter)
    with pytest.raises(ValueError, match=r"Embedding function embedlane/local:hash@256/.* not found"):
        client.get_collection("docs").query(query_texts=["crash"])
    collection = adapter.open_collection(client, "docs")
    assert collection.query(query_texts=["crash"], n_results=1)["ids"] == [["b"]]
    assert client.get_collection("docs").query(query_texts=["mix"], n_results=1)["ids"] == [["a"]]


def test_chroma_makes_a_function_from_what_is_stored(chroma, make, meeting):
    """By its name; the provider is opened once, although Chroma asks for a function with each call."""
    function = make("test:meeting")
    stored = {"name": function.name(), "config": function.get_config()}
    for _ in range(3):
        assert chroma.config_to_embedding_function(stored)(["x"])[0].tolist() == [0.5] * 4
    assert meeting.calls.count("open") == 1
    function.close()
    assert meeting.calls[-1] == "close"
    assert not function.is_legacy()


def test_a_collection_of_a_changed_card_is_refused(client, collection, chroma, adapter, configure, role_card):
    """With both spaces side by side."""
    forget(chroma, adapter)
    configure(role_card)
    with pytest.raises(SpaceMismatchError, match=r"≠ tasks\s+none\s+prefix"):
        adapter.open_collection(client, "docs")


def test_a_collection_of_another_function_is_refused(client, chroma, adapter):
    """There is no model of embedlane to open it with."""
    client.create_collection("foreign", embedding_function=chroma.DefaultEmbeddingFunction())
    with pytest.raises(UsageError, match="'foreign' was not made with a function of embedlane"):
        adapter.open_collection(client, "foreign")


@pytest.mark.parametrize("config", [{}, {"space": "{}"}, {"space": '{"model":"local:hash"}'}])
def test_what_another_release_stored_is_refused(make, folder, config):
    """Instead of being read as a space that it is not."""
    with pytest.raises(UsageError, match="not what this release of embedlane stores"):
        make.build_from_config(config)
    with pytest.raises(UsageError):
        make.validate_config(config)


@pytest.mark.parametrize("twin", [copy.deepcopy, lambda function: pickle.loads(pickle.dumps(function))])
def test_a_copy_is_the_same_function(make, folder, twin):
    """It has the name by which Chroma tells spaces apart."""
    function = make("local:hash", dimensions=16)
    assert twin(function).name() == function.name()
    assert twin(function)(["x"])[0].tolist() == function(["x"])[0].tolist()
