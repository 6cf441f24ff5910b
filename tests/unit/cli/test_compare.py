"""``embedlane compare``: what is typed, and what is printed."""

from __future__ import annotations

import json
import sys

import pytest

from embedlane.cli.spreading import spread

_PLACES = ("attic", "barn", "cellar", "dock", "garden", "harbour", "kitchen", "library", "market", "office")


@pytest.fixture
def towns(folder, lane):
    """A folder with the index ``towns`` of 30 items and queries for them."""
    kinds = ("a cold {} at night", "the {} by day", "where the {} is")
    items = [{"id": f"{place}-{n}", "text": kinds[n].format(place)} for place in _PLACES for n in range(3)]
    (folder / "t.jsonl").write_text("\n".join(map(json.dumps, items)))
    asked = [
        {"id": f"q-{item['id']}", "text": item["text"], "relevant": {item["id"]: 1}} for item in items[:24]
    ]
    (folder / "q.jsonl").write_text("\n".join(map(json.dumps, asked)))
    assert lane("index", "create", "towns", "--model", "local:hash", "--dimensions", "64").status == 0
    assert lane("add", "towns", "t.jsonl", "--jsonl").status == 0
    return folder


def test_several_values_in_a_row_are_several_values():
    """Up to the next option; ``--`` ends it, and so does an option that takes one value."""
    assert spread(["docs", "--models", "a", "b", "--seed", "3", "--models=c"], {"--models"}) == [
        *("docs", "--models", "a", "--models", "b", "--seed", "3", "--models=c"),
    ]
    assert spread(["--models", "a", "--", "b"], {"--models"}) == ["--models", "a", "--", "b"]


def test_a_comparison_says_what_it_will_cost_and_ends_with_the_verdict(towns, lane):
    """Tables of quality, cost and sizes on stdout; what it costs, before it starts, on stderr."""
    answer = lane("compare", "towns", "--dimensions", "512", "8", "--queries", "q.jsonl")
    assert answer.status == 0
    assert answer.err.splitlines()[0] == "90 vectors to embed, 24 queries in each of 3 spaces: free."
    lines = answer.out.splitlines()
    assert lines[0] == "30 of 30 items of 'towns' ranked for 24 queries, read from q.jsonl. Seed 0."
    assert "nDCG@10 − BASELINE (97.5 %)" in lines[2]
    assert lines[3].startswith("local:hash @ 64 (in use)")
    assert any(line.startswith("MODEL") and "QUALITY (nDCG@10)" in line for line in lines)
    assert lines[-1].startswith(("Stay with local:hash @ 64", "Switch to", "Undecided"))
    again = lane("compare", "towns", "--dimensions", "512", "8", "--queries", "q.jsonl", "-q")
    assert "vectors to embed" not in again.err


def test_per_query_shows_the_best_hits_and_their_change(towns, lane):
    """A row for each query, with the similarity for each candidate and the difference in per cent."""
    answer = lane("compare", "towns", "--dimensions", "512", "--queries", "q.jsonl", "--per-query")
    rows = [line for line in answer.out.splitlines() if line.startswith("a cold attic at night")]
    assert len(rows) == 1
    assert rows[0].split("  ")[-1].strip().endswith(" %")


def test_the_plan_sends_nothing(towns, lane):
    """It names candidates and what each would cost; as JSON, too."""
    typed = ("compare", "towns", "--dimensions", "512", "--queries", "q.jsonl", "--plan")
    answer = lane(*typed)
    assert answer.out.startswith("Candidates: local:hash @ 64, local:hash @ 512.\n")
    assert answer.out.endswith("In all: free.\n")
    plan = lane(*typed, "--json").json
    assert [(embed["space"]["dimensions"], embed["rows"]) for embed in plan["embeds"]] == [
        (64, 30),
        (512, 30),
    ]
    assert lane("cost", "towns", "--json").json["total"]["rows"] == 0


def test_json_has_all_that_was_found(towns, lane):
    """One document, with intervals, differences, queries and the verdict."""
    found = lane(
        "compare", "towns", "--dimensions", "512", "--queries", "q.jsonl", "--json", "--seed", "5"
    ).json
    assert (found["seed"], found["queries"], found["baseline"]) == (5, 24, "local:hash @ 64")
    assert set(found["candidates"][0]["metrics"]["ndcg@10"]) == {"mean", "low", "high"}
    assert found["differences"][0]["candidate"] == "local:hash @ 512"
    assert len(found["per_query"]) == 24
    assert found["verdict"]["choice"] in ("switch", "stay", "undecided")


@pytest.mark.parametrize(
    ("typed", "status", "error"),
    [
        (["--models", "local:hush"], 2, "There is no model 'local:hush'."),
        (["--dimensions", "many"], 2, "'many' is not a valid integer"),
        (["--dimensions", "64", "--queries", "q.jsonl"], 3, "There is nothing to compare"),
        (["--dimensions", "512", "--queries", "none.jsonl"], 2, "none.jsonl can't be read"),
        (["--dimensions", "512", "--qrels", "q.jsonl"], 2, "There are judgments, but no queries."),
        (["--dimensions", "512"], 2, "No queries can be derived from index 'towns'"),
        (
            ["--dimensions", "512", "--queries", "q.jsonl", "--report", "no/x.html"],
            2,
            "There is no folder no",
        ),
    ],
)
def test_what_can_not_be_right_is_refused_with_a_hint(towns, lane, typed, status, error):
    """By its exit status and a sentence."""
    answer = lane("compare", "towns", *typed)
    assert answer.status == status
    assert error in answer.err
    assert "hint: " in answer.err


def test_a_report_without_its_extra_says_how_to_install_it(towns, lane, monkeypatch):
    """Before anything is embedded for it."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    answer = lane("compare", "towns", "--dimensions", "512", "--queries", "q.jsonl", "--report", "r.html")
    assert answer.status == 2
    assert "error: A report needs matplotlib." in answer.err
    assert "pip install 'embedlane[report]'" in answer.err
    assert not (towns / "r.html").exists()
