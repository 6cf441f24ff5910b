"""A ledger with an index, and ways to put documents into it."""

from __future__ import annotations

import pytest

from embedlane.indexes.binding import create_index
from embedlane.indexes.items import DocumentItems, ItemBook
from embedlane.indexes.settings import IndexSettings
from embedlane.models.card import Dimensions, Lane, ModelCard
from embedlane.models.space import Space
from embedlane.text.documents import Item


@pytest.fixture
def card():
    """A model of four dimensions, or two."""
    return ModelCard(id="test:small", lanes=frozenset(Lane), dimensions=Dimensions(native=4, smallest=2))


@pytest.fixture
def space(card):
    """Its space."""
    return Space.of(card)


@pytest.fixture
def create(ledger, space):
    """A function that makes an index."""

    def create(name="docs", in_space=space, now=0.0):
        with ledger.write() as connection:
            return create_index(connection, name, in_space, IndexSettings(), now)

    return create


@pytest.fixture
def put(ledger):
    """A function that puts items, given as id to text or (text, metadata), as one document."""

    def put(record, items, document="d", source="s", run=0):
        values = {key: value if isinstance(value, tuple) else (value, {}) for key, value in items.items()}
        made = tuple(Item(key, text, metadata) for key, (text, metadata) in values.items())
        with ledger.write() as connection:
            whole = DocumentItems(document=document, source=source, items=made)
            return ItemBook(record.id).put(connection, [whole], run)

    return put
