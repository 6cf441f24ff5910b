"""What all adapters share, told of the source of their vectors."""

import ast
import asyncio
import copy
import gc
import importlib
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import embedlane_adapters
from embedlane.errors import CapabilityError, MissingDependencyError, SpaceMismatchError, UnknownNameError
from embedlane_adapters._source import Source

FOLDER = Path(embedlane_adapters.__file__).parent
#: Each adapter with the module of its library.
HOSTS = {
    "chroma": "chromadb",
    "haystack": "haystack",
    "langchain": "langchain_core",
    "llamaindex": "llama_index",
    "llm": "llm",
}


def test_vectors_are_python_floats_of_unit_length(folder):
    """What JSON and other libraries take as a list of floats, in the order of the texts."""
    source = Source.find("local:hash", 16)
    vectors = source.documents(["a", "b"])
    assert [len(vector) for vector in vectors] == [16, 16]
    assert {type(number) for vector in vectors for number in vector} == {float}
    assert sum(number**2 for number in vectors[0]) == pytest.approx(1)
    assert source.documents(["b"]) == vectors[1:]
    assert source.documents([]) == []


def test_queries_are_embedded_as_queries(roles, plain):
    """The role reaches the model, in both ways of waiting."""
    source = Source.find("local:hash")
    assert source.query("x") == asyncio.run(source.aquery("x")) == plain("query: x")
    assert source.documents(["x"]) == asyncio.run(source.adocuments(["x"])) == [plain("passage: x")]


@pytest.mark.parametrize("place", ["elsewhere", "elsewhere/embedlane.toml"])
def test_the_configuration_can_be_named(configure, role_card, plain, place):
    """By a folder or a file; the working directory's does not count then."""
    configure("plugins = 3  # malformed")
    configure(role_card, "elsewhere")
    assert Source.find("local:hash", config=place).query("x") == plain("query: x")


def test_the_configuration_chooses_the_route(meeting, configure):
    """A provider that does not serve the model is refused when it is opened."""
    configure('[routes."test:meeting"]\nsync = "other"')
    source = Source.find("test:meeting")
    with pytest.raises(CapabilityError, match="'other' does not serve test:meeting"):
        source.documents(["x"])


def test_unknown_models_and_sizes_are_refused_at_once(folder):
    """Before anything is embedded, with what is near."""
    with pytest.raises(UnknownNameError, match="Did you mean 'local:hash'"):
        Source.find("local:hush")
    with pytest.raises(CapabilityError, match=r"can't give 3 dimensions.*Nearest is"):
        Source.find("local:hash", 3)


def test_another_space_is_refused(folder):
    """By its fingerprint, with both named."""
    space = Source.find("local:hash", 16).space
    assert Source.find("local:hash", 16, fingerprint=space.fingerprint).space == space
    with pytest.raises(SpaceMismatchError, match=rf"{space.fingerprint}, but local:hash @ 32 \(\w+\) is"):
        Source.find("local:hash", 32, fingerprint=space.fingerprint)


@pytest.mark.parametrize("twin", [copy.deepcopy, lambda source: pickle.loads(pickle.dumps(source))])
def test_a_copy_opens_the_provider_for_itself(meeting, twin):
    """It has the model and its settings, and none of the connections."""
    source = Source.find("test:meeting")
    source.documents(["x"])
    other = twin(source)
    source.close()
    other.documents(["x"])
    assert other.space == source.space
    assert meeting.calls == ["open", (1, "document"), "close", "open", (1, "document")]


def test_what_was_pickled_is_refused_where_the_space_is_another(folder, configure, role_card):
    """A card that has changed between the two processes is a new space."""
    data = pickle.dumps(Source.find("local:hash"))
    configure(role_card)
    with pytest.raises(SpaceMismatchError, match="embed again"):
        pickle.loads(data)


def test_a_provider_is_opened_once_and_closed_once(meeting):
    """Threads that come at the same time share it; after `close` it is opened again."""
    source = Source.find("test:meeting")
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(source.documents, [["meet"]] * 3))
    assert meeting.calls.count("open") == 1
    source.close()
    source.close()
    assert meeting.calls.count("close") == 1
    source.query("x")
    assert meeting.calls[-2:] == ["open", (1, "query")]


def test_a_provider_is_closed_with_its_source(meeting):
    """Nobody has to call `close`."""
    source = Source.find("test:meeting")
    source.query("x")
    del source
    gc.collect()
    assert meeting.calls == ["open", (1, "query"), "close"]


def test_coroutines_wait_at_the_same_time(meeting):
    """Three calls are under way at once, or none of them ends."""
    source = Source.find("test:meeting")

    async def embed():
        return await asyncio.gather(*(source.adocuments(["meet"]) for _ in range(3)))

    assert asyncio.run(embed()) == [[[0.5] * 4]] * 3


def test_nothing_is_imported_before_it_is_needed(folder):
    """Loading it costs llm nothing, and looking a model up imports no SDK."""
    code = (
        "import sys\n"
        "from embedlane_adapters._source import Source\n"
        "print(*{'embedlane.workspace', 'numpy', 'sqlalchemy'} & set(sys.modules))\n"
        "Source.find('google:gemini-embedding-001')\n"
        f"print(*{ {*HOSTS.values(), 'google.genai'}!r} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("\n\n", "")


@pytest.mark.parametrize(("module", "host"), HOSTS.items())
def test_a_module_imports_its_own_library_only(module, host):
    """So that one library's users need none of the others."""
    tree = ast.parse((FOLDER / f"{module}.py").read_text(encoding="utf-8"))
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for name in ((alias.name for alias in node.names) if isinstance(node, ast.Import) else (node.module,))
    }
    assert imported & set(HOSTS.values()) == {host}


@pytest.mark.parametrize(("module", "host"), [pair for pair in HOSTS.items() if pair[0] != "llm"])
def test_a_missing_library_is_named_with_its_extra(module, host, monkeypatch):
    """The command that installs it stands in the error."""
    monkeypatch.delitem(sys.modules, f"embedlane_adapters.{module}", raising=False)
    for name in [name for name in sys.modules if name == host or name.startswith(f"{host}.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, host, None)
    with pytest.raises(MissingDependencyError, match=rf"{host}.*embedlane-adapters\[{module}\]"):
        importlib.import_module(f"embedlane_adapters.{module}")
