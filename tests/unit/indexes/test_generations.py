"""Generations in the ledger: one serves, one at most is beside it, and each change is one transaction."""

from __future__ import annotations

import subprocess
import sys

import attrs
import numpy as np
import pytest
from sqlalchemy import select

from embedlane.errors import RefusedError
from embedlane.indexes.binding import drop_index, load_index
from embedlane.indexes.generations import GenerationBook, building_generations
from embedlane.indexes.search import MovedOnError, Searcher
from embedlane.indexes.states import GenerationState
from embedlane.ledger.schema import generations, vectors
from embedlane.models.card import Lane
from embedlane.text.hashing import content_hash
from embedlane.vectors.archive import Archive
from embedlane.vectors.bound import BoundSpace
from embedlane.vectors.canaries import Canaries
from embedlane.vectors.pending import Pending

_QUERY = np.array([1, 0, 0, 0], dtype=np.float32)


@pytest.fixture
def small(space):
    """Another space of the same model."""
    return attrs.evolve(space, dimensions=2)


@pytest.fixture
def book(create):
    """The generations of the index ``docs``."""
    return GenerationBook(create().id, "docs")


@pytest.fixture
def do(ledger):
    """A function that does a deed in a write transaction."""

    def do(deed, *args, **kwargs):
        with ledger.write() as connection:
            return deed(connection, *args, **kwargs)

    return do


def _states(do, book):
    return [(each.number, each.state.value) for each in do(book.all)]


def test_an_index_begins_with_a_generation_that_serves(do, book, space):
    """Its space is the index's, and nothing is beside it."""
    serving = do(book.serving)
    assert (serving.number, serving.bound.space, serving.lane, serving.paused) == (1, space, None, False)
    assert do(book.beside) is None


def test_a_swap_a_rollback_and_an_end(do, book, small, space, ledger):
    """The index is in the space of the generation that serves, at each step."""
    building = do(book.begin, small, 5.0, lane=Lane.BATCH, budget=1.5, gate="mrr > 0.1")
    assert (building.lane, building.budget, building.gate) == (Lane.BATCH, 1.5, "mrr > 0.1")
    assert _states(do, book) == [(1, "serving"), (2, "building")]
    do(book.swap, do(book.serving), building, 6.0)
    assert _states(do, book) == [(1, "kept"), (2, "serving")]
    with ledger.read() as connection:
        record = load_index(connection, "docs")
    assert (record.generation, record.bound.space, record.stamp[0]) == (2, small, 1)
    do(book.roll_back, do(book.serving), do(book.beside), 7.0)
    assert _states(do, book) == [(1, "serving"), (2, "building")]
    assert do(book.beside).paused
    do(book.swap, do(book.serving), do(book.beside), 8.0)
    assert not do(book.serving).paused
    do(book.finish, do(book.beside), 9.0)
    assert _states(do, book) == [(1, "dropped"), (2, "serving")]
    again = do(book.begin, space, 10.0, lane=Lane.SYNC)
    assert again.number == 3
    do(book.abort, again, 11.0)
    assert _states(do, book)[2] == (3, "dropped")


def test_one_migration_at_a_time(do, book, small, space):
    """Another is refused with the commands that end the one there is; so is the space it is in."""
    with pytest.raises(RefusedError, match="in that space already"):
        do(book.begin, space, 1.0, lane=None)
    building = do(book.begin, small, 1.0, lane=None)
    with pytest.raises(RefusedError, match="one at a time") as caught:
        do(book.begin, attrs.evolve(space, revision="2"), 1.0, lane=None)
    assert "migrate abort docs" in caught.value.hint
    do(book.swap, do(book.serving), building, 2.0)
    with pytest.raises(RefusedError, match="one at a time") as caught:
        do(book.begin, attrs.evolve(space, revision="2"), 1.0, lane=None)
    assert "migrate finish docs" in caught.value.hint


def test_who_comes_late_changes_nothing(do, book, small):
    """A deed on a generation as it was a moment ago is refused, as a whole."""
    serving, building = do(book.serving), do(book.begin, small, 1.0, lane=None)
    do(book.swap, serving, building, 2.0)
    for deed in (
        lambda connection: book.swap(connection, serving, building, 3.0),
        lambda connection: book.abort(connection, building, 3.0),
        lambda connection: book.adjust(connection, building, paused=True),
    ):
        with pytest.raises(RefusedError, match="any more"):
            do(deed)
    assert _states(do, book) == [(1, "kept"), (2, "serving")]


def test_what_is_pending_of_a_generation_stops_with_it(do, book, small, put, create, ledger):
    """Paused or over, it gets nothing more to send; the serving one always does."""
    with ledger.read() as connection:
        record = load_index(connection, "docs")
    put(record, {"a": "one", "b": "two"})
    building = do(book.begin, small, 1.0, lane=Lane.BATCH)
    pending = Pending(record.id, building.bound.id, generation_id=building.id)
    assert len(do(pending.hashes, 0.0, 9)) == 2
    assert [(name, each.id) for name, each in do(building_generations)] == [("docs", building.id)]
    paused = do(book.adjust, building, paused=True)
    assert do(pending.hashes, 0.0, 9) == do(pending.texts, 0.0, 9) == []
    assert do(building_generations) == []
    assert len(do(Pending(record.id, record.bound.id).hashes, 0.0, 9)) == 2
    do(book.adjust, paused, paused=False)
    do(book.abort, building, 2.0)
    assert do(pending.hashes, 0.0, 9) == []


def test_vectors_go_with_the_last_generation_that_needs_them(do, book, small, put, create, ledger):
    """Not while another index is in the space, and not where they are to stay."""
    with ledger.read() as connection:
        record = load_index(connection, "docs")
    other = create("other")
    put(record, {"a": "one"})
    matrix = np.array([[1, 0, 0, 0]], dtype=np.float32)
    with ledger.write() as connection:
        Archive(record.bound).store(connection, [content_hash("one")], matrix)

    def move():
        do(book.swap, do(book.serving), do(book.begin, small, 1.0, lane=None), 1.0)
        return do(book.beside)

    def back():
        first = do(book.begin, record.bound.space, 1.0, lane=None)
        do(book.swap, do(book.serving), first, 1.0)
        do(book.finish, do(book.beside), 1.0)

    assert do(book.finish, move(), 1.0) == 0
    back()
    do(drop_index, other)
    assert do(book.finish, move(), 1.0, keep_vectors=True) == 0
    back()
    do(Canaries(record.bound).chosen, record.id)
    assert do(book.finish, move(), 1.0) == 1
    with ledger.read() as connection:
        assert connection.scalars(select(vectors.c.id)).all() == []
        assert Canaries(record.bound).all(connection) == []


def test_dropping_an_index_drops_its_generations(do, book, small, ledger):
    """Nothing of it is left, and a new one begins with the first."""
    do(book.begin, small, 1.0, lane=None)
    with ledger.write() as connection:
        drop_index(connection, load_index(connection, "docs"))
        assert connection.scalars(select(generations.c.id)).all() == []


def test_a_search_sees_one_generation(do, book, small, put, ledger):
    """A query of the old space is sent back after the swap, and is never compared with the new vectors."""
    with ledger.read() as connection:
        record = load_index(connection, "docs")
    put(record, {"a": "one"})
    building = do(book.begin, small, 1.0, lane=None)
    with ledger.write() as connection:
        one = [content_hash("one")]
        Archive(record.bound).store(connection, one, np.array([[0.6, 0.8, 0, 0]], dtype=np.float32))
        Archive(building.bound).store(connection, one, np.array([[0, 1]], dtype=np.float32))
    searcher = Searcher(ledger, record)
    assert searcher.nearest(_QUERY, 1)[0].score == pytest.approx(0.6)
    do(book.swap, do(book.serving), building, 2.0)
    with pytest.raises(MovedOnError):
        searcher.nearest(_QUERY, 1, space=record.bound.space)
    assert searcher.nearest(np.array([0, 1], dtype=np.float32), 1, space=small)[0].score == pytest.approx(1)
    do(book.roll_back, do(book.serving), do(book.beside), 3.0)
    assert searcher.nearest(_QUERY, 1, space=record.bound.space)[0].score == pytest.approx(0.6)


_RACER = """
import sys
from pathlib import Path
from embedlane.config.settings import read_ledger
from embedlane.errors import RefusedError
from embedlane.indexes.binding import load_index
from embedlane.indexes.generations import GenerationBook
from embedlane.ledger.database import Ledger
from embedlane.models.space import Space
ledger = Ledger.open(read_ledger(sys.argv[1], Path(), "argv"))
with ledger.read() as connection:
    book = GenerationBook(load_index(connection, "docs").id, "docs")
    serving, building = book.serving(connection), book.beside(connection)
print("ready", flush=True)
sys.stdin.readline()
try:
    with ledger.write() as connection:
        if sys.argv[2] == "swap":
            book.swap(connection, serving, building, 1.0)
        else:
            book.begin(connection, Space.parse(sys.argv[2]), 1.0, lane=None)
    print("won")
except RefusedError:
    print("lost")
"""


@pytest.mark.parametrize("deed", ["swap", "begin"])
def test_of_two_processes_one_wins(do, book, small, ledger, deed):
    """Both began from the same state; the one that comes second is refused."""
    if deed == "swap":
        do(book.begin, small, 1.0, lane=None)
    what = "swap" if deed == "swap" else small.canonical
    command = [sys.executable, "-c", _RACER, ledger.place, what]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    racers = [subprocess.Popen(command, **pipes) for _ in range(2)]
    for racer in racers:
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        racer.stdin.write("go\n")
        racer.stdin.flush()
    assert sorted(racer.communicate(timeout=30)[0] for racer in racers) == ["lost\n", "won\n"]
    states = [each.state for each in do(book.all)]
    assert states.count(GenerationState.SERVING) == 1
    assert len(states) == 2


def test_a_space_is_found_only_where_it_was_used(do, book, small, space):
    """A plan looks for it without entering it."""
    assert do(BoundSpace.find, space).space == space
    assert do(BoundSpace.find, small) is None
