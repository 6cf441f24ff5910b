"""``embedlane migrate`` as it is typed."""

from __future__ import annotations

import pytest

_TO = ("--to", "local:hash", "--dimensions", "64")


@pytest.fixture
def embedded(docs, lane):
    """The index ``docs``, embedded in 256 dimensions."""
    assert lane("embed", "docs").status == 0
    return docs


def test_a_migration_from_plan_to_end(embedded, lane):
    """Each step says what it did and what comes next."""
    plan = lane("migrate", "plan", "docs", *_TO)
    assert "≠ dimensions    256         64" in plan.out
    assert "3 contents pending" in plan.out
    assert "migrate start docs --to local:hash --dimensions 64" in plan.err
    started = lane("migrate", "start", "docs", *_TO)
    assert (started.status, "0 of 3 contents" in started.out) == (0, True)
    status = lane("migrate", "status", "docs")
    assert "building" in status.out
    assert "embedlane work" in status.err
    assert lane("migrate", "swap", "docs").status == 3
    assert lane("work").status == 0
    assert "migrate swap docs" in lane("migrate", "status", "docs").err
    swapped = lane("migrate", "swap", "docs")
    assert "answers from generation 2 now: local:hash @ 64" in swapped.out
    assert "migrate rollback docs" in swapped.err
    assert lane("search", "docs", "cats sleep", "-k", "1", "--json").json["hits"][0]["id"] == "a"
    assert "migrate swap docs" in lane("migrate", "rollback", "docs").err
    assert lane("migrate", "swap", "docs").status == 0
    refused = lane("migrate", "finish", "docs")
    assert (refused.status, "--yes" in refused.err) == (2, True)
    assert "3 vectors removed" in lane("migrate", "finish", "docs", "--yes").out
    assert "No migration is under way." in lane("migrate", "status", "docs").err


def test_a_plan_to_where_the_index_is_proposes_no_start(embedded, lane):
    """That would be refused."""
    size = str(lane("index", "show", "docs", "--json").json["space"]["dimensions"])
    plan = lane("migrate", "plan", "docs", "--to", "local:hash", "--dimensions", size)
    assert (plan.status, "is in that space already" in plan.out) == (0, True)
    assert "migrate start" not in plan.err


def test_a_migration_is_paused_resumed_and_given_up(embedded, lane):
    """A job that runs is named with what it means for the bill."""
    assert lane("migrate", "start", "docs", *_TO).status == 0
    paused = lane("migrate", "pause", "docs")
    assert "1 job (1) goes on" in paused.err
    assert lane("migrate", "start", "docs", *_TO).status == 3
    aborted = lane("migrate", "abort", "docs")
    assert "is given up" in aborted.out
    assert "job 1 is submitted at hash and will be billed" in aborted.err
    assert lane("migrate", "resume", "docs").status == 3


def test_every_deed_prints_one_document(embedded, lane):
    """With the generations, their spaces, and what is missing."""
    plan = lane("migrate", "plan", "docs", *_TO, "--json").json
    assert (plan["plan"]["rows"], plan["resize"]) == (3, False)
    start = lane("migrate", "start", "docs", *_TO, "--lane", "sync", "--json").json
    assert start["status"]["complete"]
    assert start["status"]["other"]["space"]["dimensions"] == 64
    assert lane("migrate", "pause", "docs", "--json").json["other"]["paused"]
    assert lane("migrate", "resume", "docs", "--json").json["status"]["missing"] == 0
    assert lane("migrate", "swap", "docs", "--json").json["missing"] == 0
    assert lane("migrate", "rollback", "docs", "--json").json["status"]["serving"]["number"] == 1
    assert lane("migrate", "swap", "docs", "--json").json["status"]["serving"]["number"] == 2
    assert lane("migrate", "finish", "docs", "--keep-vectors", "--json").json["removed"] == 0
    assert lane("migrate", "status", "docs", "--json").json["generations"][0]["state"] == "dropped"
    assert lane("migrate", "start", "docs", "--to", "local:hash", "--json").status == 0
    assert lane("migrate", "abort", "docs", "--json").json["status"]["other"] is None


def test_a_swap_says_what_to_write_into_the_configuration(folder, lane, caplog):
    """Opening the index goes on saying it, until it is written."""
    (folder / "embedlane.toml").write_text('[indexes.docs]\nmodel = "local:hash"\ndimensions = 128\n')
    (folder / "a.txt").write_text("a text")
    for command in (
        ("add", "docs", "a.txt"),
        ("embed", "docs"),
        ("migrate", "start", "docs", *_TO, "--wait"),
    ):
        assert lane(*command).status == 0
    wanted = '[indexes.docs]\nmodel = "local:hash"\ndimensions = 64'
    assert wanted in lane("migrate", "swap", "docs").err
    assert lane("search", "docs", "text").status == 0
    assert wanted in caplog.text
    assert "write:" not in lane("migrate", "rollback", "docs").err


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("start", "docs"), 2, "--to"),
        (("start", "docs", "--to", "local:hsah"), 2, "local:hash"),
        (("start", "nope", *_TO), 2, "no index 'nope'"),
        (("start", "docs", *_TO, "--gate", "good"), 2, "no gate"),
        (("start", "docs", *_TO, "--gate", "mrr > 0.5", "--queries", "nowhere.jsonl"), 2, "nowhere.jsonl"),
        (("start", "docs", *_TO, "--lane", "fast"), 2, "fast"),
        (("swap", "docs"), 3, "migrate plan docs --to MODEL"),
        (("swap", "docs", "--allow-missing", "-1"), 2, "--allow-missing"),
        (("finish", "docs", "--yes"), 3, "migrate status docs"),
    ],
)
def test_wrong_input_is_met_with_the_way_on(embedded, lane, arguments, status, words):
    """The exit status is that of the branch, and the hint a command or a name."""
    answer = lane("migrate", *arguments)
    assert answer.status == status
    assert words in answer.err
