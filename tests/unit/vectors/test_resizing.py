"""Smaller vectors are cut from stored ones."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from embedlane.indexes.generations import GenerationBook
from embedlane.ledger.schema import vectors
from embedlane.models.card import Dimensions
from embedlane.text.hashing import content_hash
from embedlane.vectors.archive import STORED, Archive
from embedlane.vectors.resizing import Resizer, can_be_cut


@pytest.fixture
def matryoshka(card):
    """The model, whose heads are good vectors."""
    return attrs.evolve(card, dimensions=Dimensions(native=4, smallest=2, matryoshka=True))


@pytest.mark.parametrize(
    ("change", "allowed"),
    [
        ({"dimensions": 2}, True),
        ({"dimensions": 3}, True),
        ({"dimensions": 1}, False),
        ({"dimensions": 4}, False),
        ({"dimensions": 8}, False),
        ({"dimensions": 2, "revision": "2"}, False),
    ],
)
def test_what_can_be_cut(card, matryoshka, space, change, allowed):
    """A smaller size of the same space, if the card allows it and says that heads are good vectors."""
    new = attrs.evolve(space, **change)
    assert can_be_cut(matryoshka, space, new) is allowed
    assert not can_be_cut(card, space, new)


@pytest.fixture
def resizer(ledger, fill, space):
    """A resizer to two dimensions of an index with three contents, of which two have a vector."""
    record = fill(["one", "two", "three"])
    rows = np.array([[0.6, 0.0, 0.8, 0.0], [0.0, 0.0, 1.0, 0.0]], dtype=np.float32)
    with ledger.write() as connection:
        Archive(record.bound).store(connection, [content_hash("one"), content_hash("two")], rows)
        # In no item of the index.
        Archive(record.bound).store(connection, [content_hash("other")], rows[:1])
        book = GenerationBook(record.id, "docs")
        building = book.begin(connection, attrs.evolve(space, dimensions=2), 0.0, lane=None)
    return Resizer(
        ledger=ledger,
        index_id=record.id,
        generation_id=building.id,
        source=record.bound,
        target=building.bound,
    )


def _stored(resizer):
    query = select(vectors.c.content_hash, vectors.c.vector).where(vectors.c.space_id == resizer.target.id)
    with resizer.ledger.read() as connection:
        return {row.content_hash: np.frombuffer(row.vector, STORED) for row in connection.execute(query)}


def test_heads_are_made_unit_length_and_cut_once(resizer):
    """A head of nothing but zeros has no direction and is left out; a second run finds nothing to do."""
    assert resizer.run() == 1
    [(content, vector)] = _stored(resizer).items()
    assert content == content_hash("one")
    np.testing.assert_allclose(vector, [1.0, 0.0])
    assert resizer.run() == 0


def test_a_migration_that_is_over_cuts_nothing(resizer, ledger):
    """Paused is enough."""
    book = GenerationBook(resizer.index_id, "docs")
    with ledger.write() as connection:
        book.adjust(connection, book.beside(connection), paused=True)
    assert resizer.run() == 0
    assert _stored(resizer) == {}


@given(
    st.lists(st.floats(-1, 1, width=32), min_size=4, max_size=4).filter(
        lambda v: np.linalg.norm(v[:2]) > 1e-3
    )
)
def test_a_head_has_unit_length_and_its_direction(values):
    """For any vector whose head has one."""
    target = type("Target", (), {"space": type("Space", (), {"dimensions": 2})})
    resizer = Resizer(ledger=None, index_id=1, generation_id=1, source=None, target=target)
    _, [head] = resizer._cut([("hash", np.array(values, dtype=STORED).tobytes())])
    assert np.linalg.norm(head) == pytest.approx(1, abs=1e-6)
    np.testing.assert_allclose(head * np.linalg.norm(values[:2]), values[:2], atol=1e-6)
