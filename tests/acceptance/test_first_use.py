"""From an empty folder to hits, as somebody would type it."""


def test_the_whole_path_through_both_lanes(shell):
    """Create, add, plan, embed in both lanes, search; every --json is one document."""
    notes = shell.folder / "notes"
    notes.mkdir()
    (notes / "cats.md").write_text("# Cats\n\nCats sleep most of the day.\n")
    (notes / "dogs.txt").write_text("Dogs run and bark.\n")
    made = shell.run("index", "create", "docs", "--model", "local:hash", "--json").json
    assert made["space"]["model"] == "local:hash"

    added = shell.run("add", "docs", "notes", "--json").json
    assert (added["documents"], added["changes"]["added"]) == (2, 2)
    assert shell.run("plan", "docs", "--json").json["rows"] == 2

    assert shell.run("embed", "docs", "--limit", "1", "--json").json["tally"]["pending"] == 1
    batch = shell.run("embed", "docs", "--lane", "batch", "--wait", "--json")
    assert batch.status == 0
    assert batch.json["tally"]["stored"] == 2
    assert [job["state"] for job in batch.json["jobs"]] == ["stored"]

    hits = shell.run("search", "docs", "dogs bark", "-k", "1", "--json").json["hits"]
    assert hits[0]["source"] == "notes/dogs.txt"


def test_submitting_now_and_collecting_later(shell):
    """Without --wait `embed` only submits; `work` drives the jobs; vectors are paid for once."""
    shell.fill(["cats sleep", "dogs run", "cats sleep"])
    submitted = shell.run("embed", "docs", "--lane", "batch")
    assert submitted.status == 0
    assert "embedlane work" in submitted.err
    assert shell.run("embed", "docs", "--json").json["sync"]["stored"] == 0
    worked = shell.run("work", "--json")
    assert worked.status == 0
    assert worked.json["jobs"][0]["rows"] == {"open": 0, "stored": 2, "refused": 0, "missing": 0}
