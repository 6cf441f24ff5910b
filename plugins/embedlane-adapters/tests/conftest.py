"""What the tests share: a folder to work in, and a provider that tells how it is called."""

import sys
from textwrap import dedent

import pytest

from embedlane_adapters import _source

#: A model with roles: `local:hash`, with texts inside templates.
ROLES = """
[[models]]
id = "local:hash"
override = true
lanes = ["sync", "batch"]
dimensions = { native = 256, smallest = 8, largest = 4096 }
tasks = { mechanism = "prefix", document = "passage: {text}", query = "query: {text}" }
"""

#: Its `embed` waits until three calls are under way at once, or fails.
MEETING = """
import threading

import numpy as np

from embedlane.plugin import Dimensions, InputLimits, ModelCard, RawEmbeddings, Route, hookimpl

calls, meeting = [], threading.Barrier(3)


@hookimpl
def embedlane_models():
    sizes, limits = Dimensions(native=4), InputLimits(inputs_per_request=1000)
    return [ModelCard(id="test:meeting", lanes={"sync"}, dimensions=sizes, limits=limits)]


@hookimpl
def embedlane_routes():
    return [Route(provider="meeting", models=["test:meeting"], lane="sync", factory=f"{__name__}:Embedder")]


class Embedder:
    def __init__(self, context):
        calls.append("open")

    def embed(self, inputs, role):
        calls.append((len(inputs), str(role)))
        if inputs[0] == "meet":
            meeting.wait(20)
        return RawEmbeddings(vectors=np.ones((len(inputs), 4)))

    def close(self):
        calls.append("close")
"""


def pytest_configure(config):
    """Know the markers of those of LangChain's standard tests that are only imported here."""
    for marker in ("benchmark", "vcr"):
        config.addinivalue_line("markers", f"{marker}: used by langchain-tests")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working directory, without settings of the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EMBEDLANE_CONFIG", raising=False)
    return tmp_path


@pytest.fixture
def configure(folder):
    """A function that writes embedlane.toml into the working directory, or a folder below it."""

    def write(text, place="."):
        path = folder / place / "embedlane.toml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def role_card():
    """A configuration in which `local:hash` embeds queries and documents differently."""
    return ROLES


@pytest.fixture
def roles(configure, role_card):
    """The working directory has that configuration."""
    configure(role_card)


@pytest.fixture
def anyio_backend():
    """Coroutine tests run on asyncio."""
    return "asyncio"


@pytest.fixture
def plain(folder):
    """A function from a text to its vector by `local:hash`, without any role."""
    source = _source.Source.find("local:hash", config=_empty(folder))
    yield lambda text: source.documents([text])[0]
    source.close()


def _empty(folder):
    path = folder / "empty.toml"
    path.touch()
    return path


@pytest.fixture
def meeting(folder, monkeypatch):
    """An installed plugin with the model `test:meeting`; gives its module."""
    name = "embedlane_meeting"
    metadata = folder / f"{name}-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: embedlane-meeting\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text(f"[embedlane]\nmeeting = {name}\n")
    (folder / f"{name}.py").write_text(dedent(MEETING))
    monkeypatch.syspath_prepend(folder)
    yield __import__(name)
    del sys.modules[name]
