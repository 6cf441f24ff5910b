"""A ledger with a small space, and a way to put texts into an index of it."""

from __future__ import annotations

import pytest

from embedlane.indexes.binding import create_index
from embedlane.indexes.items import DocumentItems, ItemBook
from embedlane.indexes.settings import IndexSettings
from embedlane.models.card import Dimensions, InputLimits, Lane, ModelCard
from embedlane.models.space import Space
from embedlane.text.documents import Item


@pytest.fixture
def card():
    """A model of four dimensions that takes five texts in a request."""
    return ModelCard(
        id="test:small",
        lanes=frozenset(Lane),
        dimensions=Dimensions(native=4, smallest=2),
        limits=InputLimits(inputs_per_request=5),
    )


@pytest.fixture
def space(card):
    """Its space."""
    return Space.of(card)


@pytest.fixture
def fill(ledger, space):
    """A function that puts texts into the index of a name, in some space, and returns its record."""

    def fill(texts, name="docs", bound_to=space):
        with ledger.write() as connection:
            record = create_index(connection, name, bound_to, IndexSettings(), 0.0)
            items = tuple(Item(f"{name}/{number}", text) for number, text in enumerate(texts))
            document = DocumentItems(document="d", source="s", items=items)
            ItemBook(record.id).put(connection, [document], 0)
        return record

    return fill
