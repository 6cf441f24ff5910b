"""An index as the library's users see it."""

from __future__ import annotations

import io
from datetime import datetime

import pytest

from embedlane.errors import CapabilityError, UsageError
from embedlane.jobs.states import JobState
from embedlane.models.card import Lane
from embedlane.text.documents import Item
from embedlane.text.hashing import content_hash
from embedlane.vectors.archive import Archive, Refused
from embedlane.vectors.charges import Origin


@pytest.fixture
def index(workspace, place):
    """An index of the `hash` model."""
    return workspace(f'ledger = "{place}"').create_index("docs", "local:hash", dimensions=64)


def test_items_come_in_three_shapes(index):
    """An Item, a pair, a triple; adding again changes nothing and costs nothing."""
    items = [Item("a", "first text"), ("b", "second text"), ("c", "third text", {"n": 1})]
    report = index.add(iter(items))
    assert (report.changes.added, report.documents, report.complete) == (3, 3, True)
    assert index.embed().sync.stored == 3
    report = index.add(items)
    assert (report.changes.unchanged, report.tally.pending) == (3, 0)
    assert index.embed().sync.requests == 0


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ("a", "is not an item"),
        (("a",), "is not an item"),
        (("a", 5), "is not an item"),
        ((5, "a"), "is not an item"),
        (("a", "b", {}, 4), "is not an item"),
        (("a", "  "), "Item 'a' has no text"),
        (("", "b"), "Item '' has no id"),
        (("a", "\ud800"), "half a character"),
        (("a\udfff", "b"), "half a character"),
        (("a", "b\0"), "a NUL character"),
        (("\0", "b"), "a NUL character"),
        (("a", "b", {"n": ["\0"]}), "a NUL character"),
        (("a", "b", {"n": {"\0": 1}}), "a NUL character"),
        (("a", "b", {"n": float("nan")}), "metadata of item 'a' is not JSON"),
        (("a", "b", {"n": datetime(2020, 1, 1)}), "metadata of item 'a' is not JSON"),
        (("a", "b", {1: "x"}), "metadata of item 'a' is not JSON"),
        (("a", "b", {"n": 2**70}), "metadata of item 'a' is not JSON"),
        (("a", "b", {"n": "\ud800"}), "metadata of item 'a' is not JSON"),
        (("a", "b", 7), "metadata of item 'a' is not JSON"),
    ],
)
def test_what_is_no_item_is_refused(index, item, message):
    """The message names the item and what is wrong; nothing of it is kept."""
    with pytest.raises(UsageError, match=message) as caught:
        index.add([item])
    assert caught.value.hint
    assert index.tally().wanted == 0


def test_metadata_is_compared_as_it_is_kept(index):
    """A tuple becomes a list once, not a change each time."""
    for expected in ("added", "unchanged"):
        assert getattr(index.add([("a", "text", {"tags": ("x", "y")})]).changes, expected) == 1
    index.embed()
    assert index.search("text")[0].metadata == {"tags": ["x", "y"]}


def test_pruning_looks_at_one_source(index):
    """Items of the source that are not given again are removed; others stay."""
    index.add([("a", "one"), ("b", "two")], source="crm")
    index.add([("c", "three")], source="wiki")
    report = index.add([("a", "one")], source="crm", prune=True)
    assert (report.changes.removed, report.tally.wanted) == (1, 2)


@pytest.fixture
def folder(tmp_path):
    """Two files below a folder."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.md").write_text("# Alpha\n\nThe first letter.")
    (tmp_path / "docs" / "b.txt").write_text("The second letter.")
    return tmp_path / "docs"


def test_files_are_added_and_pruned(index, folder):
    """A file that is gone is removed only by a pruning run, and one that can't be read is kept."""
    assert index.add_paths([folder]).changes.added == 2
    (folder / "b.txt").unlink()
    assert index.add_paths([folder]).tally.wanted == 2
    (folder / "a.md").unlink()
    (folder / "a.md").symlink_to(folder / "nowhere")
    report = index.add_paths([folder], prune=True)
    assert (report.changes.removed, report.unreadable, report.tally.wanted) == (1, 1, 1)
    assert not report.complete


@pytest.mark.parametrize("add", ["add_paths", "add_jsonl"])
def test_an_empty_path_prunes_nothing(index, folder, add, monkeypatch):
    """An unset variable of the shell must not mean the whole folder."""
    monkeypatch.chdir(folder.parent)
    index.add_paths([folder])
    report = getattr(index, add)([""], prune=True)
    assert (report.unreadable, report.changes.removed) == (1, 0)
    assert index.tally().wanted == 2


def test_jsonl_is_added_from_files_and_from_stdin(index, tmp_path):
    """Fields can be named; the other fields are metadata; a bad line keeps the items of its file."""
    (tmp_path / "x.jsonl").write_text('{"key": "a", "body": "one", "n": 1}\n{"key": "b", "body": "two"}\n')
    fields = {"id_field": "key", "text_field": "body"}
    assert index.add_jsonl([tmp_path / "x.jsonl"], **fields).changes.added == 2
    (tmp_path / "x.jsonl").write_text('{"key": "a", "body": "one", "n": 1}\nnot JSON\n')
    report = index.add_jsonl([tmp_path / "x.jsonl"], prune=True, **fields)
    assert (report.unreadable, report.changes.removed, report.tally.wanted) == (1, 0, 2)
    stdin = io.BytesIO(b'{"id": "s", "text": "from stdin"}\n')
    assert index.add_jsonl(["-"], stdin=stdin, prune=True).changes.added == 1
    assert index.add_jsonl(["-"], stdin=io.BytesIO(b""), prune=True).changes.removed == 1


def test_search_finds_and_filters(index):
    """The nearest comes first; conditions are read in both ways."""
    index.add([("cat", "a cat on a mat", {"n": 1}), ("dog", "a dog in a fog", {"n": 2})])
    index.embed()
    assert [hit.id for hit in index.search("the cat sat on the mat")] == ["cat", "dog"]
    assert [hit.id for hit in index.search("the cat sat on the mat", where={"n": 2})] == ["dog"]
    assert [hit.id for hit in index.search("a dog", 1, where=["n>=1"])] == ["dog"]


@pytest.mark.parametrize(("query", "k", "message"), [("x", 0, "k is 0"), (" ", 1, "empty")])
def test_a_search_that_cannot_be_right_is_refused(index, query, k, message):
    """Before anything is sent."""
    with pytest.raises(UsageError, match=message):
        index.search(query, k)


async def _asearch(index):
    return await index.asearch("text")


def test_search_has_an_async_twin(index):
    """The event loop is not blocked, and the hits are the same."""
    import asyncio

    index.add([("a", "some text")])
    index.embed()
    assert asyncio.run(_asearch(index)) == index.search("text")


def test_an_unknown_lane_is_refused(index):
    """The hint lists those there are."""
    with pytest.raises(UsageError, match="'fast' is no lane") as caught:
        index.embed("fast")
    assert "sync, batch" in caught.value.hint


def test_both_lanes_write_the_same_vectors(workspace):
    """What one lane has embedded the other does not send."""
    index = workspace().create_index("docs")
    index.add([(str(number), f"text {number}") for number in range(10)])
    assert index.embed(limit=4).tally.pending == 6
    report = index.embed("batch", limit=4)
    assert [job.rows for job in report.jobs] == [4]
    assert not report.complete
    assert index.embed("batch").complete
    assert index.embed().sync.requests == 0


def test_jobs_are_cut_by_the_configured_rows(workspace):
    """As many jobs as it takes, all in one run."""
    index = workspace("[providers.hash]\nmax_rows_per_job = 3\n").create_index("docs")
    index.add([(str(number), f"text {number}") for number in range(8)])
    report = index.embed("batch")
    assert [job.rows for job in report.jobs] == [3, 3, 2]
    assert report.complete


def test_rows_beyond_a_jobs_bytes_go_into_others(workspace, monkeypatch):
    """One run plans until all is submitted; a row that fits in no job is refused and holds up none."""
    opened = workspace()
    index = opened.create_index("docs")
    index.add([(str(number), f"text {number}") for number in range(10)] + [("huge", "x" * 5000)])
    embedder = opened.lanes._embedder("hash", index._record.bound)
    import attrs

    embedder.limits = attrs.evolve(embedder.limits, size=300)
    report = index.embed("batch")
    assert (report.tally.stored, report.tally.refused, report.tally.pending) == (10, 1, 0)
    assert {job.state for job in report.jobs} == {JobState.STORED, JobState.FAILED}
    (failure,) = index.failures().failures
    assert (failure.items, failure.code, failure.final) == (("huge",), "too-large", True)


def test_what_was_refused_can_be_tried_again(workspace):
    """By item, by code, or all of it; a failure is listed once, however many items share it."""
    index = workspace().create_index("docs", "local:hash", dimensions=8)
    index.add([(str(number), f"text {number % 3}") for number in range(6)])
    hashes = [content_hash(f"text {number}") for number in range(3)]
    origin = Origin(provider="hash", lane=Lane.SYNC, run="r", account="docs", price=None)
    with index._ledger.write() as connection:
        no = [Refused(content, f"40{number}", "no") for number, content in enumerate(hashes)]
        Archive(index._record.bound).refuse(connection, no, origin, 0.0)
    assert [failure.items for failure in index.failures().failures] == [("0", "3"), ("1", "4"), ("2", "5")]
    assert index.retry(["3"]) == 1
    assert index.retry(code="401") == 1
    assert (index.tally().pending, index.tally().refused) == (2, 1)
    assert index.failures(1, every=True).total == 3
    assert index.retry(every=True) == 1
    assert index.retry(every=True) == 0
    assert index.embed().complete
    assert index.failures(every=True).total == 0


@pytest.mark.parametrize("which", [{}, {"items": ["a"], "code": "400"}, {"code": "400", "every": True}])
def test_a_retry_of_nothing_in_particular_is_refused(index, which):
    """Exactly one of items, code and all is said."""
    with pytest.raises(UsageError, match="which failures"):
        index.retry(**which)


def test_jobs_that_were_left_are_finished(workspace):
    """A later run, in another process, waits for what an earlier one has submitted."""
    index = workspace().create_index("docs")
    index.add([("a", "text")])
    (job,) = index.embed("batch", wait=False).jobs
    assert job.state is JobState.SUBMITTED
    report = workspace().index("docs").embed("batch")
    assert [job.state for job in report.jobs] == [JobState.STORED]
    assert report.complete


def test_a_lane_without_a_provider_is_refused(workspace):
    """The refusal comes before anything is planned."""
    opened = workspace()
    index = opened.create_index("docs", "local:all-minilm-l6-v2")
    index.add([("a", "text")])
    with pytest.raises(CapabilityError, match="No installed provider"):
        index.embed("batch")
    assert opened.jobs() == []


def test_progress_and_changes_are_told(index):
    """Items while adding, contents while embedding, jobs as they change."""
    added, embedded, changed = [], [], []
    index.add([(str(number), f"text {number}") for number in range(30)], on_progress=added.append)
    index.embed(limit=20, on_progress=embedded.append)
    index.embed("batch", on_change=lambda job: changed.append(job.state))
    assert sum(embedded) == 20
    assert added
    assert changed[-1] is JobState.STORED


def test_all_searches_in_a_space_share_an_embedder(workspace):
    """It is opened for the first, closed with the workspace, and opened again if that is asked once more."""
    opened = workspace()
    for name in ("one", "two"):
        index = opened.create_index(name, "local:hash")
        index.add([("a", "text")])
        index.embed()
        assert index.search("text")
    first = opened.lanes.queries(index.space)
    assert opened.lanes.queries(opened.index("one").space) is first
    opened.close()
    assert opened.index("one").search("text")
    assert opened.lanes.queries(index.space) is not first
