"""Items and contents, against a plain dictionary."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from embedlane.indexes.binding import drop_index, load_index
from embedlane.indexes.items import Changes, DocumentItems, ItemBook, forget_unused_contents
from embedlane.jobs.book import JobBook
from embedlane.ledger.schema import contents, items
from embedlane.text.documents import Item
from embedlane.text.hashing import content_hash

_meta = st.sampled_from([{}, {"n": 1}, {"n": True}, {"n": 1.0}, {"n": "1"}, {"n": [1, None]}])
_item = st.tuples(st.sampled_from("abcdef"), st.sampled_from(["x", "y", "z"]), _meta)
_document = st.tuples(
    st.sampled_from(["d1", "d2", "d3"]),
    st.lists(_item, max_size=4),
    st.sets(st.sampled_from("abcdef"), max_size=2),
)
_batches = st.lists(st.lists(_document, max_size=3), max_size=5)


class Model:
    """What an index should hold: item to document, text, metadata."""

    def __init__(self):
        self.items = {}

    def put(self, batch):
        """Put a batch and return the changes."""
        rows = {i: (d, text, repr(m)) for d, members, _kept in batch for i, text, m in members}
        kept = {item for _d, _members, its in batch for item in its}
        documents = {document for document, *_ in batch}
        gone = [
            item
            for item, (document, *_) in self.items.items()
            if document in documents and item not in rows and item not in kept
        ]
        added = sum(item not in self.items for item in rows)
        unchanged = sum(self.items.get(item) == row for item, row in rows.items())
        for item in gone:
            del self.items[item]
        self.items |= rows
        return Changes(
            added=added, updated=len(rows) - added - unchanged, unchanged=unchanged, removed=len(gone)
        )


def _documents(batch, source="s"):
    return [
        DocumentItems(
            document=document,
            source=source,
            items=tuple(Item(*item) for item in members),
            kept=tuple(kept),
        )
        for document, members, kept in batch
    ]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(batches=_batches)
def test_putting_is_replacing_whole_documents(ledger, create_once, batches):
    """Items appear, vanish, move between documents and come twice: the ledger and a dictionary agree."""
    record, model = create_once, Model()
    with ledger.write() as connection:
        nested = connection.begin_nested()
        for batch in batches:
            before = load_index(connection, "docs").stamp
            changes = ItemBook(record.id).put(connection, _documents(batch), 0)
            assert changes == model.put(batch)
            rows = connection.execute(select(items)).all()
            found = {row.item: (row.document, row.content_hash, repr(row.metadata)) for row in rows}
            assert found == {i: (d, content_hash(text), m) for i, (d, text, m) in model.items.items()}
            texts = set(connection.scalars(select(contents.c.text)))
            assert texts == {text for _, text, _ in model.items.values()}
            changed = bool(changes.added or changes.updated or changes.removed)
            assert (load_index(connection, "docs").stamp != before) is changed
        nested.rollback()


@pytest.fixture
def create_once(create):
    """An index."""
    return create()


def test_changes_add_up():
    """Counts of batches are summed field by field."""
    one, two = Changes(added=1, removed=2), Changes(added=3, updated=1, unchanged=5)
    assert one + two == Changes(added=4, updated=1, unchanged=5, removed=2)


@pytest.mark.parametrize(("one", "other"), [(1, True), (0, False), (1, 1.0), (1, "1"), (None, False)])
def test_a_change_of_kind_is_a_change(ledger, create, put, one, other):
    """For Python 1, 1.0 and True are equal; for a filter they are not."""
    record = create()
    put(record, {"a": ("x", {"n": one})})
    assert put(record, {"a": ("x", {"n": other})}).updated == 1
    assert put(record, {"a": ("x", {"n": other})}).unchanged == 1
    with ledger.read() as connection:
        (metadata,) = connection.scalars(select(items.c.metadata))
    assert repr(metadata) == repr({"n": other})


def test_the_order_of_keys_is_no_change(create, put):
    """The same metadata in another order is unchanged."""
    record = create()
    put(record, {"a": ("x", {"a": 1, "b": 2})})
    assert put(record, {"a": ("x", {"b": 2, "a": 1})}).unchanged == 1


def test_many_items_are_found_again(create, put):
    """More ids than a statement binds are known, updated and removed."""
    record = create()
    assert put(record, {f"i{n}": f"t{n}" for n in range(2500)}).added == 2500
    assert put(record, {f"i{n}": f"t{n}" for n in range(2500)}).unchanged == 2500
    assert put(record, {f"i{n}": f"u{n}" for n in range(2500)}).updated == 2500
    assert put(record, {"i0": "u0"}) == Changes(unchanged=1, removed=2499)


_SOURCES = [
    "docs/a.md",
    "docs/sub/b.md",
    "Docs/c.md",
    "docs2/d.md",
    "docs",
    "e.md",
    "-",
    "/abs/f.md",
    "docs-x/g",
]


@pytest.mark.parametrize(
    ("given_", "keep", "gone"),
    [
        (["docs"], [], {"docs/a.md", "docs/sub/b.md", "docs"}),
        (["docs/"], [], {"docs/a.md", "docs/sub/b.md"}),
        (["Docs"], [], {"Docs/c.md"}),
        (["docs/a.md"], [], {"docs/a.md"}),
        (["docs/a"], [], set()),
        (["."], [], set(_SOURCES) - {"-", "/abs/f.md"}),
        (["-"], [], {"-"}),
        (["/abs"], [], {"/abs/f.md"}),
        (["/"], [], {"/abs/f.md"}),
        (["e.md", "docs2"], [], {"e.md", "docs2/d.md"}),
        ([], [], set()),
        (["docs"], ["docs/sub"], {"docs/a.md", "docs"}),
        (["."], ["."], set()),
        (["."], ["docs/a.md", "e.md"], set(_SOURCES) - {"-", "/abs/f.md", "docs/a.md", "e.md"}),
    ],
)
def test_pruning_removes_what_was_not_seen_below_the_sources(ledger, create, put, given_, keep, gone):
    """Only the given sources and what lies below them, with their own capitals; what is unreadable stays."""
    record = create()
    for source in _SOURCES:
        put(record, {source: f"text of {source}"}, document=source, source=source)
    with ledger.write() as connection:
        book = ItemBook(record.id)
        assert book.prune(connection, given_, book.next_run(connection), keep) == len(gone)
        assert set(connection.scalars(select(items.c.source))) == set(_SOURCES) - gone
        assert len(list(connection.scalars(select(contents.c.hash)))) == len(_SOURCES) - len(gone)


def test_pruning_keeps_what_the_run_saw(ledger, create, put):
    """Added, updated, unchanged and kept items are all seen; runs have numbers above all before."""
    record = create()
    book = ItemBook(record.id)
    for item in ("same", "changed", "kept", "gone"):
        put(record, {item: item}, document=item)
    for expected in (1, 2, 3):
        with ledger.write() as connection:
            run = book.next_run(connection)
            assert run == expected
            batch = [("same", [("same", "same", {})], set()), ("changed", [("changed", f"{run}", {})], set())]
            batch += [("kept", [], {"kept"}), ("new", [("new", "new", {})], set())]
            book.put(connection, _documents(batch), run)
            assert book.prune(connection, ["s"], run) == (1 if run == 1 else 0)
            assert set(connection.scalars(select(items.c.item))) == {"same", "changed", "kept", "new"}


def test_pruning_leaves_other_indexes_alone(ledger, create, put):
    """The same source in another index is not touched."""
    record, other = create(), create("other")
    put(record, {"a": "x"})
    put(other, {"a": "x"})
    with ledger.write() as connection:
        assert ItemBook(record.id).prune(connection, ["s"], 1) == 1
        assert list(connection.scalars(select(items.c.index_id))) == [other.id]
        assert list(connection.scalars(select(contents.c.text))) == ["x"]


def test_shared_contents_survive_the_drop_of_one_index(ledger, create, put):
    """A text goes when the last index that has it goes."""
    record, other = create(), create("other")
    put(record, {"a": "shared", "b": "mine"})
    put(other, {"a": "shared"})
    with ledger.write() as connection:
        drop_index(connection, record)
        forget_unused_contents(connection)
        assert list(connection.scalars(select(contents.c.text))) == ["shared"]
        drop_index(connection, other)
        forget_unused_contents(connection)
        assert list(connection.scalars(select(contents.c.text))) == []


def test_texts_in_open_rows_survive(ledger, create, put):
    """A job that is on its way still needs its texts; when it ends, they can go."""
    record = create()
    put(record, {"a": "carried"})
    book = JobBook(lambda: 0.0)
    with ledger.write() as connection:
        job = book.enter(connection, record.bound.id, "p", [content_hash("carried")])
        connection.execute(delete(items))
        forget_unused_contents(connection, [content_hash("carried")])
        forget_unused_contents(connection)
        assert list(connection.scalars(select(contents.c.text))) == ["carried"]
        book.close_rows(connection, job)
        forget_unused_contents(connection, [content_hash("carried")])
        assert list(connection.scalars(select(contents.c.text))) == []
