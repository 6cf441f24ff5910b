"""``embedlane index export`` and ``import``, as typed."""

import json

import pytest


@pytest.fixture
def theirs(docs):
    """A file of another program: two vectors that the model never made."""
    rows = [{"key": n, "body": f"text {n}", "emb": [n + 1.0, *[0.0] * 63]} for n in range(2)]
    (docs / "theirs.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return (
        "theirs.jsonl",
        "--model",
        "local:hash",
        "--id-field",
        "key",
        "--text-field",
        "body",
        "--vector-field",
        "emb",
    )


@pytest.mark.parametrize("out", ["v.parquet", "v.npz", "v.jsonl.gz"])
def test_out_and_in(docs, lane, out):
    """Two lines move an index to another ledger; the second one says what was compared."""
    lane("embed", "docs", "--limit", "2")
    gone = lane("index", "export", "docs", out)
    assert (gone.status, gone.out.split(" written")[0]) == (0, "3 items")
    assert "1 item without a vector; `embedlane embed docs`" in gone.err
    come = lane("--ledger", "other.db", "index", "import", "docs", out)
    assert come.status == 0, come.err
    assert come.out == "3 rows: 3 items added, 0 updated, 0 unchanged; 2 vectors stored.\n"
    assert "2 texts embedded again through hash (" in come.err
    assert "lowest cosine 1.0000" in come.err
    assert "1 pending; `embedlane plan docs`" in come.err
    again = lane("--ledger", "other.db", "index", "import", "docs", out, "--json").json
    assert (again["changes"]["unchanged"], again["stored"], again["check"]) == (3, 0, None)
    shown = lane("--ledger", "other.db", "index", "show", "docs")
    assert f"2 compared: {out}" in shown.out
    assert len(lane("--ledger", "other.db", "index", "show", "docs", "--json").json["imports"]) == 2


def test_vectors_of_another_model_are_refused(docs, lane, theirs):
    """Status 3, a table, and nothing is there; --no-check takes them and says so."""
    refused = lane("index", "import", "new", *theirs)
    assert refused.status == 3
    assert "2 of 2 vectors are not what local:hash @ 64" in refused.err
    assert "--no-check" in refused.err
    assert lane("index", "show", "new").status == 2
    taken = lane("index", "import", "new", *theirs, "--no-check")
    assert (taken.status, taken.err.split(",")[0]) == (0, "warning: no vector was compared with a new one")
    assert "none compared: theirs.jsonl" in lane("index", "show", "new").out


def test_rows_that_are_not_taken(docs, lane):
    """Status 5; each is listed, the others are there."""
    good = json.dumps({"id": "a", "text": "cats", "vector": [1.0] * 64})
    (docs / "v.jsonl").write_text(f'{good}\n{{"id": "b"}}\nnonsense')
    ended = lane("index", "import", "new", "v.jsonl", "--model", "local:hash", "--no-check")
    assert ended.status == 5, ended.err
    assert "error: not taken: v.jsonl:2: no field 'text'; its fields are 'id'" in ended.err
    assert "error: not taken: v.jsonl:3: not JSON" in ended.err
    assert ended.out == "3 rows: 1 item added, 0 updated, 0 unchanged; 1 vector stored.\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("export", "docs", "v.csv"), "does not say which format it has"),
        (("export", "docs", "no/v.jsonl"), "no/v.jsonl can't be written: No such file or directory"),
        (("export", "dcs", "v.jsonl"), "Did you mean 'docs'?"),
        (("import", "new", "v.csv"), "does not say which format it has"),
        (("import", "new", "v.jsonl"), "There is no file v.jsonl"),
        (("import", "new", "d.jsonl"), "d.jsonl does not say which model its vectors are of"),
        (("import", "new", "d.jsonl", "--model", "local:hsh"), "Did you mean 'local:hash'?"),
        (("import", "new", "d.jsonl", "--no-check", "--sample", "3"), "--no-check compares nothing"),
        (("import", "new", "d.jsonl", "--sample", "0"), "0 is not in the range"),
        (("import", "new"), "Missing argument 'FILE…'"),
        (("import", "no way", "d.jsonl", "--model", "local:hash"), "can't be the name of an index"),
    ],
)
def test_what_was_typed_can_not_be(docs, lane, words, message):
    """Status 2, and the next step."""
    ended = lane("index", *words)
    assert ended.status == 2
    assert message in ended.err
