"""Plan, budget and bill on the command line."""

from __future__ import annotations

import json

import pytest

#: The hash model at a price; it takes its words for tokens. Without canaries, so that each sum can be seen.
_PRICED = """
canaries = false
[[models]]
id = "local:hash"
override = true
lanes = ["sync", "batch"]
normalisation = "always"
characters_per_token = 1.0
[models.dimensions]
native = 8
[models.price]
sync = 1000.0
batch = 100.0
"""


@pytest.fixture
def priced(folder, lane):
    """The index ``docs`` with three contents of ten characters, a cent each in the sync lane."""
    (folder / "embedlane.toml").write_text(_PRICED)
    texts = {"a": "cats sleep", "b": "dogs bark!", "c": "birds sing"}
    lines = [json.dumps({"id": name, "text": text}) for name, text in texts.items()]
    (folder / "d.jsonl").write_text("\n".join(lines))
    assert lane("index", "create", "docs", "--model", "local:hash").status == 0
    assert lane("add", "docs", "d.jsonl", "--jsonl").status == 0
    return folder


def test_a_plan_says_how_it_found_the_tokens(priced, lane):
    """The rule stands in words above the lanes, and what it is in each of them."""
    out = lane("plan", "docs").out.splitlines()
    assert (
        out[0] == "3 contents pending, 30 tokens (estimated: 1 characters per token, from the model's card)."
    )
    assert out[1].split() == ["LANE", "PROVIDER", "TOKENS", "COST", "TIME", "OBSTACLE"]
    assert out[2].split()[:5] == ["sync", "hash", "30", "estimated", "$0.03"]
    lanes = lane("plan", "docs", "--json").json["lanes"]
    assert [(each["tokens"], each["basis"]) for each in lanes] == [(30, "estimated")] * 2


def test_a_budget_below_the_plan_ends_with_3(priced, lane):
    """Nothing is sent; the message has both amounts, the hint what fits."""
    answer = lane("embed", "docs", "--budget", "0.02", "--json")
    assert answer.status == 3
    assert "planned at $0.03 (30 tokens, estimated); the budget is $0.02" in answer.err
    assert "hint: --limit 2 fits; --lane batch is planned at $0.003, which fits." in answer.err
    assert answer.json["error"]["type"] == "RefusedError"
    assert lane("embed", "docs", "--budget", "0.02", "--lane", "batch").status == 0
    assert lane("embed", "docs", "--budget", "0.02").status == 0


def test_a_budget_that_is_used_up_ends_with_3(priced, lane, plugin):
    """A bill above the plan stops the run; what it brought is kept, and the rest is pending."""
    plugin("greedy", _GREEDY)
    lane("index", "create", "dear", "--model", "local:greedy")
    lane("add", "dear", "d.jsonl", "--jsonl")
    answer = lane("embed", "dear", "--budget", "0.04")
    assert answer.status == 3
    assert answer.out.startswith("2 vectors stored through greedy, 2,000 tokens for $2.00, 2 requests.\n")
    assert "error: the budget is used up; 1 content still pending." in answer.err
    assert "embedlane embed dear --budget" in answer.err


_GREEDY = """
import numpy as np
from embedlane.plugin import Dimensions, InputLimits, ModelCard, Price, RawEmbeddings, Route, hookimpl

CARD = ModelCard(
    id="local:greedy", lanes={"sync"}, dimensions=Dimensions(native=4), price=Price(sync=1000.0),
    limits=InputLimits(inputs_per_request=1), characters_per_token=1.0,
)

@hookimpl
def embedlane_models():
    return [CARD]

@hookimpl
def embedlane_routes():
    return [Route(provider="greedy", models=("local:greedy",), lane="sync", factory=f"{__name__}:open_sync",
                  concurrency=1)]

class Greedy:
    def embed(self, inputs, role):
        return RawEmbeddings(vectors=np.ones((len(inputs), 4), dtype=np.float32), tokens=1000)
    def close(self): ...

def open_sync(context):
    return Greedy()
"""


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (("embed", "docs", "--budget", "lots"), "'lots' is not a valid float"),
        (("embed", "docs", "--budget", "-1"), "-1.0 is no budget"),
        (("embed", "docs", "--budget", "nan"), "nan is no budget"),
        (("cost", "docs", "--since", "yesterday"), "'yesterday' does not match the format"),
        (("cost", "dosc"), "There is no index 'dosc'"),
        (("cost", "docs", "more"), "unexpected extra argument"),
    ],
)
def test_what_can_not_be_right_ends_with_2(priced, lane, typed, message):
    """The value is named, and nothing is sent."""
    answer = lane(*typed)
    assert answer.status == 2
    assert message in answer.err
    assert lane("index", "show", "docs", "--json").json["contents"]["pending"] == 3


def test_cost_compares_the_bill(priced, lane):
    """For each index and lane, and together: planned, billed, the difference, and the other lane."""
    assert lane("cost").err == "Nothing was billed.\n"
    lane("embed", "docs", "--limit", "1")
    lane("embed", "docs", "--lane", "batch", "--wait")
    out = [line.split() for line in lane("cost", "docs").out.splitlines()]
    assert out[1] == [
        "docs", "batch", "2", "20", "4", "100%", "$0.002", "$0.0004", "-$0.0016", "$0.004", "+$0.0036"
    ]  # fmt: skip
    assert out[2][:6] == ["docs", "sync", "1", "10", "2", "100%"]
    assert out[3] == ["total", "3", "30", "6", "100%", "$0.01", "$0.0024", "-$0.0096", "$0.0042", "+$0.0018"]
    report = lane("cost", "--json").json
    assert (report["total"]["rows"], report["total"]["measured_tokens"]) == (3, 6)
    assert lane("cost", "--since", "2001-01-01", "--json").json == report
    assert lane("cost", "--since", "2999-01-01").err == "Nothing was billed.\n"


def test_cost_tells_of_jobs_that_are_not_over(priced, lane, monkeypatch):
    """Their bill is still to come."""
    monkeypatch.setenv("EMBEDLANE_PROVIDERS__HASH__BATCH_DELAY", "600")
    lane("embed", "docs", "--lane", "batch")
    assert "1 job not over, with 30 tokens planned" in lane("cost").err


def test_prices_that_nobody_knows_are_told(priced, lane):
    """Of a bill that is known in part, that part is shown."""
    (priced / "embedlane.toml").write_text(_PRICED.replace("sync = 1000.0\n", ""))
    lane("embed", "docs", "--limit", "1")
    assert lane("cost").out.splitlines()[1].split()[6:] == [
        "unknown",
        "unknown",
        "unknown",
        "$0.0002",
        "unknown",
    ]
    (priced / "embedlane.toml").write_text(_PRICED)
    lane("embed", "docs")
    assert "$0.004 and unknown" in lane("cost").out
