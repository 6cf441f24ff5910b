"""Reading stored vectors, and what is pending among some contents only."""

from __future__ import annotations

import numpy as np
import pytest

from embedlane.indexes.binding import create_index
from embedlane.indexes.corpus import content_lengths, corpus_vectors, read_corpus, read_texts
from embedlane.indexes.items import DocumentItems, ItemBook
from embedlane.indexes.settings import IndexSettings
from embedlane.models.card import Dimensions, ModelCard
from embedlane.models.space import Space
from embedlane.text.documents import Item
from embedlane.text.hashing import content_hash
from embedlane.vectors.archive import Archive
from embedlane.vectors.pending import Part, Pending
from embedlane.vectors.reading import known_spaces, read_vectors, stored_contents

_TEXTS = {"b": "one", "a": "two words", "c": "one", "é": "three words here"}


@pytest.fixture
def record(ledger):
    """An index of four items with three contents, of which "one" has a vector."""
    card = ModelCard(id="local:x", lanes=["sync"], dimensions=Dimensions(native=2))
    with ledger.write() as connection:
        record = create_index(connection, "docs", Space.of(card), IndexSettings(), 0.0)
        items = tuple(Item(name, text, {"title": name}) for name, text in _TEXTS.items())
        documents = [DocumentItems(document="d", source="s", items=items)]
        ItemBook(record.id).put(connection, documents, 0)
        unit = np.array([[0.6, 0.8]], dtype=np.float32)
        Archive(record.bound).store(connection, [content_hash("one")], unit)
    return record


def test_vectors_come_in_the_order_that_is_asked_for(ledger, record):
    """What is not stored is a row of zeros."""
    hashes = [content_hash(text) for text in ("two words", "one")]
    with ledger.read() as connection:
        assert read_vectors(connection, record.bound, hashes).tolist() == [[0, 0], pytest.approx([0.6, 0.8])]
        assert stored_contents(connection, record.bound, hashes) == {content_hash("one")}
        assert known_spaces(connection) == [record.bound]


def test_a_corpus_has_its_items_in_the_order_of_their_ids(ledger, record):
    """By their bytes; two items with one content have its vector both."""
    with ledger.read() as connection:
        corpus = read_corpus(connection, record.id)
        found = corpus_vectors(connection, record.bound, corpus)
        texts = read_texts(connection, record.id, ["d"])
        lengths = content_lengths(connection, record.id)
    assert [item.id for item in corpus] == ["a", "b", "c", "é"]
    assert found.any(axis=1).tolist() == [False, True, True, False]
    assert {(name, text) for name, _, text, _ in texts} == set(_TEXTS.items())
    assert lengths == {3: 1, 9: 1, 16: 1}


def test_only_some_contents_are_looked_at(ledger, record):
    """Pages and tallies leave the others out, as if the index had them not."""
    inside = Part((content_hash("two words"), content_hash("one")))
    outside = Part((content_hash("three words here"),), without=True)
    for part in (inside, outside):
        pending = Pending(record.id, record.bound.id, part)
        with ledger.read() as connection:
            tally = pending.tally(connection, 0.0)
            hashes = pending.hashes(connection, 0.0, 10)
        assert (tally.wanted, tally.stored, tally.pending) == (2, 1, 1)
        assert hashes == [content_hash("two words")]
