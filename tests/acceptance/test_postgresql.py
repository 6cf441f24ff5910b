"""The same commands, with the ledger on a server."""

import attrs
import pytest


@pytest.fixture
def server(shell, pg_empty):
    """A shell whose ledger is a database with nothing in it."""
    return attrs.evolve(shell, variables={**shell.variables, "EMBEDLANE_LEDGER": pg_empty.address})


def test_the_whole_path_on_a_server(server):
    """From nothing to hits through both lanes; the folder gets the configuration and the batch files only."""
    assert server.run("init").status == 0
    server.write_items(["cats sleep", "dogs run and bark", "birds sing", "cats sleep"])
    made = server.run("index", "create", "docs", "--model", "local:hash", "--json")
    assert made.status == 0, made.err
    added = server.run("add", "docs", "items.jsonl", "--jsonl", "--json").json
    assert (added["changes"]["added"], added["tally"]["pending"]) == (4, 3)

    assert server.run("embed", "docs", "--limit", "1", "--json").json["tally"]["pending"] == 2
    submitted = server.run("embed", "docs", "--lane", "batch")
    assert submitted.status == 0, submitted.err
    assert server.run("jobs", "list", "--json").json["jobs"][0]["job"]["state"] == "submitted"
    worked = server.run("work", "--json")
    assert worked.status == 0, worked.err
    assert worked.json["jobs"][0]["rows"] == {"open": 0, "stored": 2, "refused": 0, "missing": 0}

    hits = server.run("search", "docs", "dogs bark", "-k", "1", "--json").json["hits"]
    assert hits[0]["text"] == "dogs run and bark"
    assert sorted(path.name for path in server.folder.iterdir()) == [
        ".embedlane",
        "embedlane.toml",
        "items.jsonl",
    ]
    assert {path.name for path in (server.folder / ".embedlane").iterdir()} == {"jobs", "providers"}


def test_machines_share_a_server(server, tmp_path_factory):
    """What one has added another embeds and a third searches; each has a folder of its own."""
    second, third = (attrs.evolve(server, folder=tmp_path_factory.mktemp("machine")) for _ in range(2))
    server.write_items(["cats sleep", "dogs run"])
    server.run("index", "create", "docs", "--model", "local:hash")
    assert server.run("add", "docs", "items.jsonl", "--jsonl").status == 0
    assert second.run("embed", "docs", "--json").json["sync"]["stored"] == 2
    assert third.run("search", "docs", "dogs run", "-k", "1", "--json").json["hits"][0]["id"] == "1"


def test_a_server_that_is_not_there(shell):
    """Status 2, the next step, and no password."""
    ended = shell.run("--ledger", "postgresql://me:secret@127.0.0.1:1/db", "index", "list", "--json")
    assert ended.status == 2
    assert ended.json["error"]["type"] == "LedgerError"
    assert "postgresql://me:***@127.0.0.1:1/db can't be reached" in ended.json["error"]["message"]
    assert "hint: Check host and port" in ended.err
    assert "secret" not in ended.out + ended.err
