"""Variants: which content an item has in a generation, and what becomes of what was made."""

import numpy as np
import pytest
from sqlalchemy import select

from embedlane.errors import RefusedError
from embedlane.indexes.binding import create_index, drop_index, load_index
from embedlane.indexes.corpus import content_lengths, read_corpus
from embedlane.indexes.exchange import outgoing
from embedlane.indexes.generations import GenerationBook
from embedlane.indexes.items import DocumentItems, ItemBook, forget_unused_contents
from embedlane.indexes.search import Searcher
from embedlane.indexes.settings import IndexSettings
from embedlane.indexes.variants import VariantBook, variants_of
from embedlane.ledger.schema import contents, item_variants
from embedlane.models.card import Lane
from embedlane.models.names import ModelId
from embedlane.models.space import Space
from embedlane.text.documents import Item
from embedlane.text.hashing import content_hash
from embedlane.vectors.archive import Archive, Refused
from embedlane.vectors.charges import Origin
from embedlane.vectors.failures import Failures
from embedlane.vectors.pending import Pending

SPACE = Space(model=ModelId.parse("acme:embed"), revision="1", dimensions=4)
MADE = "context by acme:talk"
_ORIGIN = Origin(provider="acme", lane=Lane.SYNC, run="1", account="docs", price=None)


@pytest.fixture
def docs(ledger):
    """An index of one document with three chunks; the first two have a variant."""
    with ledger.write() as connection:
        record = create_index(connection, "docs", SPACE, IndexSettings(), 0.0)
    put(ledger, record, a="one", b="two", c="three")
    with ledger.write() as connection:
        book = VariantBook(record.id, MADE)
        [chunks] = book.documents(connection, book.lacking(connection, 9))
        texts = {each.number: (each.content, f"made of {each.text}") for each in chunks[:2]}
        book.put(connection, texts)
    return record


def put(ledger, record, **texts):
    document = DocumentItems(
        document="d", source="s", items=tuple(Item(name, text) for name, text in texts.items())
    )
    with ledger.write() as connection:
        return ItemBook(record.id).put(connection, [document])


def wanted(ledger, record, variant=MADE):
    """The texts to embed."""
    with ledger.read() as connection:
        hashes = [
            text.text
            for text in Pending(record.id, record.bound.id, variant=variant).texts(connection, 0.0, 99)
        ]
    return set(hashes)


def kept(ledger):
    """All texts in the ledger."""
    with ledger.read() as connection:
        return set(connection.scalars(select(contents.c.text)))


def test_a_variant_is_wanted_in_place_of_the_text(ledger, docs):
    """Where there is one; without a variant nothing changes."""
    assert wanted(ledger, docs) == {"made of one", "made of two", "three"}
    assert wanted(ledger, docs, "") == {"one", "two", "three"}
    with ledger.read() as connection:
        pending = Pending(docs.id, docs.bound.id, variant=MADE)
        assert pending.tally(connection, 0.0).wanted == 3
        assert pending.lengths(connection, 0.0) == {11: 2, 5: 1}
        assert content_lengths(connection, docs.id, MADE) == {11: 2, 5: 1}
        found = {item.id: item.content for item in read_corpus(connection, docs.id, MADE)}
    assert found == {
        "a": content_hash("made of one"),
        "b": content_hash("made of two"),
        "c": content_hash("three"),
    }


def test_pages_go_on_behind_a_hash(ledger, docs):
    """In the order of the hashes, each once."""
    pending, found, after = Pending(docs.id, docs.bound.id, variant=MADE), [], ""
    with ledger.read() as connection:
        while page := pending.hashes(connection, 0.0, 1, after):
            found += page
            after = page[-1]
    assert found == sorted(map(content_hash, ("made of one", "made of two", "three")))


def test_an_item_that_changed_is_wanted_as_it_is(ledger, docs):
    """And lacks the variant; what was made of its old text is forgotten."""
    put(ledger, docs, a="ONE", b="two", c="three")
    assert wanted(ledger, docs) == {"ONE", "made of two", "three"}
    assert kept(ledger) == {"ONE", "two", "three", "made of two"}
    with ledger.read() as connection:
        book = VariantBook(docs.id, MADE)
        [chunks] = book.documents(connection, book.lacking(connection, 9))
    assert [(each.id, each.lacking) for each in chunks] == [("a", True), ("b", False), ("c", True)]


def test_other_metadata_leave_the_variant(ledger, docs):
    """It was made of the text."""
    document = DocumentItems(document="d", source="s", items=(Item("a", "one", {"year": 2020}),), kept=("b",))
    with ledger.write() as connection:
        ItemBook(docs.id).put(connection, [document], whole=False)
    assert "made of one" in wanted(ledger, docs)


def test_items_that_go_take_their_variants_along(ledger, docs):
    """Replaced, pruned or dropped with the index: no text and no row is left."""
    put(ledger, docs, b="two", c="three")
    assert kept(ledger) == {"two", "three", "made of two"}
    with ledger.write() as connection:
        ItemBook(docs.id).prune(connection, ["s"], run=1)
    assert kept(ledger) == set()
    put(ledger, docs, a="one")
    with ledger.write() as connection:
        book = VariantBook(docs.id, MADE)
        [[chunk]] = book.documents(connection, ["d"])
        book.put(connection, {chunk.number: (chunk.content, "made of one")})
        assert variants_of(connection, docs.id) == [MADE]
        drop_index(connection, load_index(connection, "docs"))
        forget_unused_contents(connection)
        assert connection.execute(select(item_variants)).all() == []
    assert kept(ledger) == set()


def test_what_is_gone_by_then_gets_nothing(ledger, docs):
    """An answer may come after its item has gone."""
    with ledger.write() as connection:
        VariantBook(docs.id, MADE).put(connection, {10**6: ("x", "made of nothing")})
    assert "made of nothing" not in kept(ledger)


def test_variants_are_counted_and_told_in_order(ledger, docs):
    """Of items as they are now."""
    with ledger.read() as connection:
        book = VariantBook(docs.id, MADE)
        assert (book.made(connection), book.alone(connection)) == (2, 0)
        assert list(book.texts(connection)) == [("a", "made of one"), ("b", "made of two")]
        assert VariantBook(docs.id, "other").made(connection) == 0


def test_a_generation_may_be_of_another_variant_of_one_space(ledger, docs):
    """But not of the same; the index's record says which one serves."""
    with ledger.write() as connection:
        book = GenerationBook(docs.id, "docs")
        with pytest.raises(RefusedError, match="already"):
            book.begin(connection, SPACE, 0.0, lane=None)
        made = book.begin(connection, SPACE, 0.0, lane=None, variant=MADE)
        assert str(made) == f"{SPACE}, {MADE}"
        book.swap(connection, book.serving(connection), made, 0.0)
        assert load_index(connection, "docs").variant == MADE


def test_what_is_exported_is_what_was_embedded(ledger, docs):
    """A vector belongs to the text that it was made of; what a search shows stays the chunk."""
    with ledger.write() as connection:
        book = GenerationBook(docs.id, "docs")
        made = book.begin(connection, SPACE, 0.0, lane=None, variant=MADE)
        book.swap(connection, book.serving(connection), made, 0.0)
        record = load_index(connection, "docs")
        Archive(record.bound).store(connection, [content_hash("made of one")], np.eye(1, 4, dtype=np.float32))
    with ledger.read() as connection:
        [page] = outgoing(connection, record)
    assert [(each.id, each.text, each.vector is None) for each in page] == [
        ("a", "made of one", False),
        ("b", "made of two", True),
        ("c", "three", True),
    ]
    [hit] = Searcher(ledger, record).nearest(np.eye(1, 4, dtype=np.float32)[0], 9)
    assert (hit.id, hit.text) == ("a", "one")


def test_a_refusal_of_a_variant_is_told_with_its_items(ledger, docs):
    """And can be tried again; for the items' own texts there is none."""
    refused = Refused(content_hash("made of two"), "400", "no", retryable=False)
    with ledger.write() as connection:
        Archive(docs.bound).refuse(connection, [refused], _ORIGIN, 0.0)
        failures = Failures(docs.id, docs.bound.id, MADE)
        [failure] = failures.report(connection, None).failures
        assert (failure.items, failure.text) == (("b",), "made of two")
        assert Failures(docs.id, docs.bound.id).report(connection, None).total == 0
        assert Failures(docs.id, docs.bound.id).retry_all(connection) == 0
        assert failures.retry_items(connection, ["b"]) == 1


def test_what_was_made_of_an_older_text_counts_for_nothing(ledger, docs):
    """Its answer came after the item had changed."""
    with ledger.write() as connection:
        book = VariantBook(docs.id, MADE)
        [chunks] = book.documents(connection, ["d"])
        book.put(connection, {chunks[2].number: (content_hash("before"), "made of before")})
        assert book.made(connection) == 2
    assert wanted(ledger, docs) == {"made of one", "made of two", "three"}


def test_a_text_that_another_item_has_stays(ledger, docs):
    """Also where it is the other's only in a variant."""
    with ledger.write() as connection:
        book = VariantBook(docs.id, MADE)
        [chunks] = book.documents(connection, ["d"])
        book.put(connection, {chunks[2].number: (chunks[2].content, "made of one")})
    put(ledger, docs, b="two", c="three")
    assert wanted(ledger, docs) == {"made of two", "made of one"}
