"""Search, against brute force."""

from __future__ import annotations

import subprocess
import sys

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from embedlane.errors import SpaceMismatchError, UnknownNameError
from embedlane.indexes.binding import drop_index
from embedlane.indexes.filters import conditions
from embedlane.indexes.matrix import Matrix
from embedlane.indexes.search import Hit, Searcher
from embedlane.text.hashing import content_hash
from embedlane.vectors.archive import Archive

_QUERY = np.array([1.0, 0.0, 0.0, 0.0], dtype=np.float32)


def _at(degrees):
    """A unit vector at an angle to the query."""
    angle = np.deg2rad(degrees)
    return np.array([np.cos(angle), np.sin(angle), 0, 0], dtype=np.float32)


@pytest.fixture
def embed(ledger):
    """A function that stores vectors for texts."""

    def embed(record, vectors):
        with ledger.write() as connection:
            hashes = [content_hash(text) for text in vectors]
            Archive(record.bound).store(connection, hashes, np.array(list(vectors.values())))

    return embed


@settings(deadline=None, max_examples=80)
@given(data=st.data(), n=st.integers(0, 30), k=st.integers(1, 40))
def test_the_nearest_are_those_of_brute_force(data, n, k):
    """Any matrix, any filter, any k: the same hits in the same order, equal ones by their number."""
    # Whole numbers, so that equal scores are equal to the last bit.
    elements = st.integers(-2, 2).map(float)
    vectors = data.draw(hnp.arrays(np.float32, (n, 3), elements=elements))
    query = data.draw(hnp.arrays(np.float32, 3, elements=elements))
    rows = np.array(
        data.draw(st.lists(st.integers(1, 999), min_size=n, max_size=n, unique=True)), dtype=np.int64
    )
    allowed = data.draw(st.none() | st.lists(st.sampled_from([*rows.tolist(), 1000]), unique=True))
    found = Matrix(rows, vectors, (0, 0)).nearest(
        query, k, None if allowed is None else np.array(allowed, dtype=np.int64)
    )
    scores = {int(row): float(vector @ query) for row, vector in zip(rows, vectors, strict=True)}
    wanted = [row for row in scores if allowed is None or row in allowed]
    expected = sorted(wanted, key=lambda row: (-scores[row], row))[:k]
    assert [row for row, _ in found] == expected
    assert [score for _, score in found] == [min(1.0, max(-1.0, scores[row])) for row in expected]


def test_a_score_is_a_cosine():
    """Rounding never makes it larger than one."""
    vector = np.full(3, np.float32(0.57735032), dtype=np.float32)
    ((_, score),) = Matrix(np.array([1]), vector[None] * np.float32(1.0000002), (0, 0)).nearest(vector, 1)
    assert score == 1.0


def test_hits_carry_the_item(ledger, create, put, embed):
    """Id, text, metadata and source come with the score; items without a vector are not found."""
    record = create()
    put(
        record,
        {"far": "far away", "near": ("near by", {"lang": "en"}), "none": "not embedded"},
        source="f.md",
    )
    embed(record, {"far away": _at(60), "near by": _at(10)})
    searcher = Searcher(ledger, record)
    hits = searcher.nearest(_QUERY, 10)
    assert [hit.id for hit in hits] == ["near", "far"]
    assert hits[0] == Hit(
        id="near", score=hits[0].score, text="near by", metadata={"lang": "en"}, source="f.md"
    )
    assert hits[0].score == pytest.approx(np.cos(np.deg2rad(10)), abs=1e-6)
    assert searcher.embedded() == 2


def test_two_items_with_one_content_are_both_found(ledger, create, put, embed):
    """The vector is shared, the items are not."""
    record = create()
    put(record, {"b": "same", "a": "same"})
    embed(record, {"same": _at(5)})
    assert [hit.id for hit in Searcher(ledger, record).nearest(_QUERY, 9)] == ["b", "a"]


def test_a_filter_may_leave_nothing(ledger, create, put, embed):
    """No item that meets the conditions, no hits; some, only those."""
    record = create()
    put(record, {n: (n, {"n": int(n)}) for n in "123"})
    embed(record, {n: _at(int(n)) for n in "123"})
    searcher = Searcher(ledger, record)
    assert searcher.nearest(_QUERY, 3, conditions({"n": 9})) == []
    assert [hit.id for hit in searcher.nearest(_QUERY, 3, conditions({"n": {">": 1}}))] == ["2", "3"]


def test_filters_look_at_the_index_only(ledger, create, put, embed):
    """Items of another index with the same vectors and metadata are not found."""
    record, other = create(), create("other")
    for index, name in ((record, "mine"), (other, "theirs")):
        put(index, {name: ("text", {"n": 1})})
    embed(record, {"text": _at(1)})
    assert [hit.id for hit in Searcher(ledger, record).nearest(_QUERY, 3, conditions(["n=1"]))] == ["mine"]


def test_k_may_be_larger_than_a_statement_binds(ledger, create, put, embed):
    """Tens of thousands of hits are read in pieces."""
    record = create()
    put(record, {f"i{n}": "same" for n in range(34_000)})
    embed(record, {"same": _at(0)})
    assert len(Searcher(ledger, record).nearest(_QUERY, 34_000)) == 34_000


def test_an_empty_index_has_no_hits(ledger, create):
    """Nothing to find is no error."""
    assert Searcher(ledger, create()).nearest(_QUERY, 3) == []


_ADD = """
import sys
from pathlib import Path
import numpy as np
from embedlane.config.settings import read_ledger
from embedlane.indexes.binding import load_index
from embedlane.indexes.items import DocumentItems, ItemBook
from embedlane.ledger.database import Ledger
from embedlane.text.documents import Item
from embedlane.text.hashing import content_hash
from embedlane.vectors.archive import Archive
ledger = Ledger.open(read_ledger(sys.argv[1], Path(), "argv"))
with ledger.write() as connection:
    record = load_index(connection, "docs")
    item = DocumentItems(document="new", source="s", items=(Item("new", "new"),))
    ItemBook(record.id).put(connection, [item], 0)
    Archive(record.bound).store(connection, [content_hash("new")], np.array([[1, 0, 0, 0]], dtype=np.float32))
"""


def test_changes_of_another_process_are_seen(ledger, create, put, embed):
    """A search after an add and an embed elsewhere finds the new item; without a change nothing is read."""
    record = create()
    put(record, {"old": "old"})
    embed(record, {"old": _at(5)})
    searcher = Searcher(ledger, record)
    assert [hit.id for hit in searcher.nearest(_QUERY, 3)] == ["old"]
    first = searcher._matrix
    searcher.nearest(_QUERY, 3)
    assert searcher._matrix is first
    subprocess.run([sys.executable, "-c", _ADD, ledger.place], check=True)
    assert [hit.id for hit in searcher.nearest(_QUERY, 3)] == ["new", "old"]


def test_an_index_that_was_made_again_is_another(ledger, create, put, embed, space):
    """After a drop and a create of the same name, a search looks at the new index, also with a filter."""
    record = create(now=1.0)
    put(record, {"old": ("old", {"n": 1})})
    embed(record, {"old": _at(5)})
    searcher = Searcher(ledger, record)
    searcher.nearest(_QUERY, 3)
    with ledger.write() as connection:
        drop_index(connection, record)
    with pytest.raises(UnknownNameError):
        searcher.nearest(_QUERY, 3)
    create("between", now=2.0)
    again = create(now=3.0)
    put(again, {"new": ("old", {"n": 1})})
    assert [hit.id for hit in searcher.nearest(_QUERY, 3)] == ["new"]
    assert [hit.id for hit in searcher.nearest(_QUERY, 3, conditions(["n=1"]))] == ["new"]
    with ledger.write() as connection:
        drop_index(connection, again)
    create(in_space=attrs.evolve(space, dimensions=2))
    with pytest.raises(SpaceMismatchError):
        searcher.nearest(_QUERY, 3)
