"""llm: its command line as a process, and its models in this one."""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from embedlane.errors import CredentialError, UsageError


@pytest.fixture(autouse=True)
def user(folder, monkeypatch):
    """A folder of its own for llm, and no keys."""
    monkeypatch.setenv("LLM_USER_PATH", str(folder / "llm"))
    for name in ("GEMINI_API_KEY", "GOOGLE_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    return folder / "llm"


@pytest.fixture
def llm():
    """The library; imported when a test needs it, for that takes a second."""
    return importlib.import_module("llm")


@pytest.fixture
def type_llm():
    """A function that types a command of llm in this process."""
    cli = importlib.import_module("llm.cli").cli
    return lambda *words: CliRunner().invoke(cli, words)


@pytest.fixture
def make():
    """The class under test."""
    return importlib.import_module("embedlane_adapters.llm").EmbedlaneModel


def test_llm_embeds_with_a_model_of_embedlane(folder, plain):
    """The command line as it is installed finds the plugin and its models."""
    command = [Path(sys.executable).with_name("llm"), "embed", "-m", "embedlane/local:hash", "-c", "text"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert json.loads(done.stdout) == pytest.approx(plain("text"))


def test_all_models_with_a_sync_route_are_there(llm, configure, meeting):
    """At the native size, the recommended sizes, and those of configured indexes; none that was shut down."""
    configure('[indexes.docs]\nmodel = "local:hash"\ndimensions = 64\n[indexes.more]\nmodel = "local:hash"')
    ids = {model.model_id for model in llm.get_embedding_models()}
    assert {
        "embedlane/test:meeting",
        "embedlane/local:hash",
        "embedlane/local:hash@64",
        "embedlane/google:gemini-embedding-001",
        "embedlane/google:gemini-embedding-001@768",
    } <= ids
    assert not {"embedlane/google:gemini-embedding-001@3072", "embedlane/google:text-embedding-004"} & ids
    assert meeting.calls == []


def test_a_short_name_finds_the_same_model(llm, configure):
    """Without the prefix; a size stands after an @."""
    configure('[indexes.docs]\nmodel = "local:hash"\ndimensions = 64')
    model = llm.get_embedding_model("local:hash@64")
    assert model.model_id == "embedlane/local:hash@64"
    assert len(model.embed("x")) == 64


def test_a_collection_is_embedded_in_few_requests(llm, meeting, folder):
    """A hundred texts, which is what llm passes on, are one request."""
    collection = llm.Collection("docs", model=llm.get_embedding_model("test:meeting"))
    collection.embed_multi((str(number), f"text {number}") for number in range(150))
    assert collection.count() == 150
    assert meeting.calls == ["open", (100, "document"), (50, "document")]


def test_a_collection_finds_by_meaning(type_llm):
    """From the first text to a search, on the command line."""
    for name, text in {"a": "vectors never mix", "b": "jobs survive a crash"}.items():
        assert type_llm("embed", "docs", name, "-m", "local:hash", "-c", text).exit_code == 0
    assert json.loads(type_llm("similar", "docs", "-c", "crash", "-n", "1").output)["id"] == "b"


def test_errors_are_told_on_the_command_line(type_llm):
    """By llm, in one line with the next step, and not as a traceback."""
    answer = type_llm("embed", "-m", "google:gemini-embedding-001", "-c", "x")
    assert answer.exit_code == 1
    assert answer.output.startswith("Error: No key was found for provider 'gemini'. Set GOOGLE_API_KEY or")


def test_errors_are_embedlanes_own_in_a_program(make):
    """Who uses llm as a library can catch them."""
    with pytest.raises(CredentialError):
        make("google:gemini-embedding-001").embed("x")
    with pytest.raises(UsageError, match="Text 0 is empty"):
        make("local:hash").embed(" ")


def test_a_malformed_configuration_takes_no_other_models_away(llm, configure, capsys):
    """It is told on stderr, and llm goes on without embedlane's."""
    configure("indexes = 3")
    names = {model.model_id for model in llm.get_embedding_models()}
    assert "text-embedding-3-small" in names
    assert not {name for name in names if name.startswith("embedlane/")}
    assert capsys.readouterr().err.startswith("embedlane: ")
