"""Indexes are bound for life."""

from __future__ import annotations

import attrs
import pytest
from sqlalchemy import select, update

from embedlane.errors import LedgerError, RefusedError, SpaceMismatchError, UnknownNameError, UsageError
from embedlane.indexes.binding import create_index, drop_index, list_indexes, load_index
from embedlane.indexes.settings import IndexSettings
from embedlane.ledger.schema import indexes, items, spaces
from embedlane.text.cutting import ChunkRule, TooLong, Unit


def test_an_index_is_read_as_it_was_made(ledger, create, space):
    """Name, space, settings and time come back."""
    made = create(now=5.0)
    with ledger.read() as connection:
        assert load_index(connection, "docs") == made
    assert (made.bound.space, made.created_at, made.stamp) == (space, 5.0, (0, 0))


def test_settings_are_kept(ledger, space):
    """How documents are cut is the index's own."""
    rule = ChunkRule(size=100, overlap=10, unit=Unit.CHARACTERS)
    settings = IndexSettings(chunks=rule, on_too_long=TooLong.TRUNCATE)
    with ledger.write() as connection:
        assert create_index(connection, "docs", space, settings, 0.0).settings == settings


@pytest.mark.parametrize("change", [{"dimensions": 2}, {"revision": "2"}])
def test_another_space_is_refused_with_both_side_by_side(create, space, change):
    """The message shows both, marks what differs, and the hint is a command that works."""
    other = attrs.evolve(space, **change)
    record = create()
    record.require(space)
    with pytest.raises(SpaceMismatchError, match="Index 'docs' is bound to another space") as caught:
        record.require(other)
    assert space.fingerprint in caught.value.message
    assert other.fingerprint in caught.value.message
    assert f"≠ {next(iter(change))}" in caught.value.message
    assert f"index create docs-2 --model test:small --dimensions {other.dimensions}" in caught.value.hint
    assert caught.value.exit_status == 3


def test_a_name_is_taken_once(ledger, create, space):
    """A second index of the same name is refused, in any space, and the first stays."""
    record = create()
    with pytest.raises(RefusedError, match="There is an index 'docs' already") as caught:
        create()
    assert "index drop docs" in caught.value.hint
    with pytest.raises(RefusedError, match="docs"):
        create(in_space=attrs.evolve(space, dimensions=2))
    with ledger.read() as connection:
        assert list_indexes(connection) == [record]


@pytest.mark.parametrize("name", ["", " ", ".hidden", "-x", "a/b", "a b", "ä", "x" * 101, "a\n"])
def test_what_cannot_be_a_name_is_refused(create, name):
    """Names are safe in commands, files and tables."""
    with pytest.raises(UsageError, match="can't be the name of an index"):
        create(name)


@pytest.mark.parametrize("name", ["a", "A.b-c_9", "0", "x" * 100])
def test_what_can_be_a_name(create, name):
    """Letters, digits, dots, dashes and underscores."""
    assert create(name).name == name


def test_an_unknown_index_lists_near_misses(ledger, create):
    """A slip is met with the name that was meant."""
    create("articles")
    with ledger.read() as connection, pytest.raises(UnknownNameError, match="no index 'artikles'") as caught:
        load_index(connection, "artikles")
    assert "'articles'" in caught.value.hint
    assert "index create artikles" in caught.value.hint


def test_dropping_removes_the_index_and_its_items_only(ledger, create, put, space):
    """Another index stays whole, and the space stays known."""
    record, other = create(), create("other")
    put(record, {"a": "text"})
    put(other, {"a": "text"})
    with ledger.write() as connection:
        drop_index(connection, record)
        assert [index.name for index in list_indexes(connection)] == ["other"]
        assert list(connection.scalars(select(items.c.index_id))) == [other.id]
        assert list(connection.scalars(select(spaces.c.fingerprint))) == [space.fingerprint]


def test_a_space_changed_by_hand_is_found(ledger, create, space):
    """A canonical text that does not give the fingerprint is refused before anything is compared."""
    create()
    with ledger.write() as connection:
        connection.execute(update(spaces).values(canonical=attrs.evolve(space, revision="2").canonical))
    with ledger.read() as connection, pytest.raises(SpaceMismatchError, match="changed in the ledger"):
        load_index(connection, "docs")
    with ledger.write() as connection:
        connection.execute(update(spaces).values(canonical="{}"))
    with ledger.read() as connection, pytest.raises(LedgerError, match="can't read"):
        load_index(connection, "docs")


def test_the_stamp_follows_items_and_vectors(ledger, create, put):
    """Both counts are part of it."""
    record = create()
    put(record, {"a": "text"})
    with ledger.write() as connection:
        record.bound.changed(connection)
        assert load_index(connection, "docs").stamp == (1, 1)
        assert connection.scalar(select(indexes.c.changes)) == 1
