"""What was refused, on the command line: seen, counted, and tried again."""

from __future__ import annotations

import json

import pytest

#: Refuses texts by what they hold; a file says whether it does so still.
_PICKY = """
from pathlib import Path
import numpy as np
from embedlane.errors import RequestRefusedError
from embedlane.plugin import Dimensions, InputLimits, ModelCard, RawEmbeddings, Route, hookimpl

@hookimpl
def embedlane_models():
    limits = InputLimits(inputs_per_request=1)
    return [ModelCard(id="local:picky", lanes={"sync"}, dimensions=Dimensions(native=4), limits=limits)]

@hookimpl
def embedlane_routes():
    return [Route(provider="picky", models=("local:picky",), lane="sync", factory=f"{__name__}:open_sync")]

class Picky:
    def embed(self, inputs, role):
        for word in ("cats", "dogs"):
            if word in inputs[0] and not Path("tolerant").exists():
                raise RequestRefusedError(f"no {word}, \\x1b[31mplease", code=word.upper())
        return RawEmbeddings(vectors=np.ones((len(inputs), 4), dtype=np.float32))
    def close(self): ...

def open_sync(context):
    return Picky()
"""


@pytest.fixture
def picky(folder, lane, plugin):
    """An index with three refused contents, one of them of two items, and one that is embedded."""
    plugin("picky", _PICKY)
    texts = {"a": "cats\tand\nmore cats", "b": "dogs", "c": "birds", "d": "dogs", "e": "dogs " * 200}
    lines = [json.dumps({"id": name, "text": text}) for name, text in texts.items()]
    (folder / "d.jsonl").write_text("\n".join(lines))
    lane("index", "create", "picky", "--model", "local:picky", "--chunk-size", "0")
    lane("add", "picky", "d.jsonl", "--jsonl")
    assert lane("embed", "picky").status == 5
    return folder


def test_failures_are_listed_with_reasons_and_snippets(picky, lane):
    """One line for each content, on which nothing can steer the terminal: id, code, attempts, words, text."""
    answer = lane("index", "failures", "picky")
    assert answer.status == 0
    rows = [line.split() for line in answer.out.splitlines()]
    assert rows[0] == ["ITEM", "CODE", "ATTEMPTS", "MESSAGE", "TEXT"]
    assert " ".join(rows[1]) == "a CATS 1 no cats, [31mplease cats and more cats"
    assert rows[2][:6] == ["b", "and", "1", "other", "DOGS", "1"]
    assert rows[3][0] == "e"
    assert answer.out.splitlines()[3].endswith("dogs…")
    assert "\x1b" not in answer.out
    assert "embedlane index retry picky" in answer.err


def test_failures_can_be_cut(picky, lane):
    """The rest is told, and counted in JSON."""
    answer = lane("index", "failures", "picky", "--limit", "1")
    assert len(answer.out.splitlines()) == 2
    assert "1 of 3; --limit shows more." in answer.err
    view = lane("index", "failures", "picky", "--limit", "1", "--json").json
    assert (view["total"], len(view["failures"])) == (3, 1)
    assert view["failures"][0]["attempts"][0]["lane"] == "sync"


def test_the_lists_agree(picky, lane):
    """`index list`, `index show` and `index failures` count the same contents."""
    (listed,) = lane("index", "list", "--json").json["indexes"]
    shown = lane("index", "show", "picky", "--json").json["contents"]
    assert listed["contents"] == shown
    assert shown["refused"] == lane("index", "failures", "picky", "--json").json["total"] == 3
    assert shown["stored"] + shown["refused"] == shown["wanted"] == 4
    heading, row = lane("index", "list").out.splitlines()
    assert heading.split()[4:] == ["CONTENTS", "STORED", "IN", "FLIGHT", "REFUSED", "PENDING"]
    assert row.split()[4:] == ["4", "1", "0", "3", "0"]


def test_failures_are_tried_again(picky, lane):
    """By item or by code or all of them; what is pending again is listed with --all, with its history."""
    assert lane("index", "retry", "picky", "d").out == "1 content is pending again.\n"
    assert lane("index", "retry", "picky", "--code", "CATS", "--json").json == {"retried": 1}
    assert lane("index", "failures", "picky", "--json").json["total"] == 1
    assert lane("index", "failures", "picky", "--all", "--json").json["total"] == 3
    assert " 1 so far " in lane("index", "failures", "picky", "--all").out
    assert lane("embed", "picky").status == 5
    failures = lane("index", "failures", "picky", "--json").json["failures"]
    assert [len(failure["attempts"]) for failure in failures] == [2, 2, 1]
    (picky / "tolerant").touch()
    answer = lane("index", "retry", "picky", "--all")
    assert answer.out == "3 contents are pending again.\n"
    assert "embedlane embed picky" in answer.err
    assert lane("embed", "picky").status == 0
    assert lane("index", "retry", "picky", "--all").err == "Nothing was refused.\n"
    assert lane("index", "failures", "picky", "--all").err == "Nothing was refused.\n"


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ((), "items, or --code CODE, or --all"),
        (("a", "--all"), "items, or --code CODE, or --all"),
        (("--code", "CATS", "--all"), "items, or --code CODE, or --all"),
        (("--code", ""), "items, or --code CODE, or --all"),
        (("a", "c"), "There is no failed item 'c'."),
        (("--code", "CAT"), "There is no failure with code 'CAT'."),
    ],
)
def test_a_retry_that_can_not_be_right_ends_with_2(picky, lane, typed, message):
    """The message says what is wrong, and nothing is pending that was not before."""
    answer = lane("index", "retry", "picky", *typed)
    assert answer.status == 2
    assert message in answer.err
    assert "hint:" in answer.err
    assert lane("index", "failures", "picky", "--json").json["total"] == 3
