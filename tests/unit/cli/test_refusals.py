"""Exit statuses and words of everything that is refused or broken."""

import json
import sqlite3

import pytest


@pytest.fixture
def fill(folder, lane):
    """Makes the index ``docs`` with an item for each text."""

    def make(texts, model="local:hash"):
        lines = (json.dumps({"id": str(place), "text": text}) for place, text in enumerate(texts))
        (folder / "items.jsonl").write_text("\n".join(lines))
        assert lane("index", "create", "docs", "--model", model).status == 0
        assert lane("add", "docs", "items.jsonl", "--jsonl").status == 0

    return make


def test_a_second_model_is_refused_with_both_spaces(folder, lane):
    """Status 3, and both spaces stand side by side with the command that resolves it."""
    lane("index", "create", "docs", "--model", "local:hash")
    ended = lane("index", "create", "docs", "--model", "openai:text-embedding-3-small", "--json")
    assert ended.status == 3
    error = ended.json["error"]
    assert error["type"] == "SpaceMismatchError"
    assert "local:hash" in error["message"]
    assert "openai:text-embedding-3-small" in error["message"]
    assert "embedlane index create docs-2" in error["hint"]
    assert "≠ dimensions" in ended.err


def test_a_configuration_that_names_another_model_is_refused(folder, lane, fill):
    """The file can't turn an index into another one either."""
    fill(["cats"])
    (folder / "embedlane.toml").write_text('[indexes.docs]\nmodel = "local:hash"\ndimensions = 64\n')
    for arguments in (("embed", "docs"), ("search", "docs", "cats"), ("add", "docs", "items.jsonl")):
        ended = lane(*arguments)
        assert ended.status == 3, arguments
        assert "≠ dimensions" in ended.err


def test_a_lane_without_a_provider_is_refused(folder, lane, fill):
    """Status 3 with the command that installs one."""
    fill(["cats"], model="google:gemini-embedding-001")
    ended = lane("embed", "docs")
    assert ended.status == 3
    assert "pip install" in ended.err


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('ledgr = "x"', "unknown key 'ledgr'"),
        ("ledger = 3", "ledger"),
        ("[indexes.docs]\nmodel = 'local:hash'\ndimensions = 'big'", "indexes.docs.dimensions"),
        ("[providers.hash", "embedlane.toml"),
    ],
)
def test_errors_of_the_configuration_name_file_and_key(folder, lane, content, expected):
    """Status 2, the file's path, and the key's."""
    path = folder / "embedlane.toml"
    path.write_text(content)
    ended = lane("index", "list", "--json")
    assert ended.status == 2
    assert ended.json["error"]["type"] == "ConfigError"
    assert str(path) in ended.json["error"]["message"]
    assert expected in ended.json["error"]["message"]


def test_a_corrupt_ledger_is_explained(folder, lane, fill):
    """Status 2, the file, and what to do; no traceback."""
    fill(["cats"])
    (folder / ".embedlane" / "lane.db").write_bytes(b"no database " * 4096)
    ended = lane("index", "list")
    assert ended.status == 2
    assert "lane.db" in ended.err
    assert "hint: Restore it from a backup" in ended.err
    assert "Traceback" not in ended.err


def test_a_foreign_database_is_left_alone(folder, lane):
    """Another program's SQLite file is named, not upgraded."""
    path = folder / "theirs.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    before = path.read_bytes()
    ended = lane("--ledger", "theirs.db", "index", "create", "docs", "--model", "local:hash")
    assert ended.status == 2
    assert "not a ledger" in ended.err
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("theirs",)]
    assert path.read_bytes()[100:] == before[100:]


def test_a_folder_that_cannot_be_written_to_is_explained(folder, lane):
    """Status 2 with the place and the setting, where the ledger's folder can't be made."""
    (folder / ".embedlane").write_text("a file where the folder should be")
    ended = lane("index", "create", "docs", "--model", "local:hash")
    assert ended.status == 2
    assert ".embedlane" in ended.err
    assert "hint: Name a place that can be written to as `ledger`" in ended.err


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        (("add", "nothing", "."), "embedlane index create nothing"),
        (("plan", "nothing"), "embedlane index create nothing"),
        (("embed", "docs", "--lane", "slow"), "embedlane embed --help"),
        (("search", "docs", "cats", "--where", "year"), "key=value"),
        (("jobs", "show", "1"), "embedlane jobs list"),
        (("models", "show", "local:hsh"), "local:hash"),
        (("index", "create", "bad name", "--model", "local:hash"), "letters"),
        (("--config", "missing.toml", "plugins"), "embedlane init"),
    ],
)
def test_wrong_input_says_what_to_do_next(folder, lane, fill, arguments, advice):
    """Status 2; the hint holds the next command or the way it is written."""
    if "docs" in arguments:
        fill(["cats"])
    ended = lane(*arguments, "--json")
    assert ended.status == 2
    assert advice in ended.json["error"]["hint"]
    assert ended.err.startswith("error: ")
