"""The archive: what it stores, and what it refuses to."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sqlalchemy import select, update

from embedlane.errors import SpaceMismatchError
from embedlane.ledger.schema import claims, refusals, spaces, vectors
from embedlane.models.card import Lane
from embedlane.models.space import Space
from embedlane.vectors.archive import STORED, Archive, Refused
from embedlane.vectors.bound import BoundSpace
from embedlane.vectors.charges import Origin
from embedlane.vectors.claims import Claims

ORIGIN = Origin(provider="tester", lane=Lane.SYNC, run="run", account="docs", price=None)


@pytest.fixture
def bound(ledger, space):
    """The space in the ledger."""
    with ledger.write() as connection:
        return BoundSpace.register(connection, space, 0.0)


def _stored(ledger):
    with ledger.read() as connection:
        return {
            row.content_hash: np.frombuffer(row.vector, dtype=STORED)
            for row in connection.execute(select(vectors))
        }


_matrices = hnp.arrays(
    np.float32, st.tuples(st.integers(0, 9), st.just(4)), elements=st.floats(-1, 1, width=32)
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(matrix=_matrices)
def test_the_stored_bytes_are_those_that_came(ledger, bound, matrix):
    """Every number is read again bit by bit, for any float32."""
    hashes = [str(number) for number in range(len(matrix))]
    with ledger.write() as connection:
        nested = connection.begin_nested()
        Archive(bound).store(connection, hashes, matrix)
        found = {row.content_hash: row.vector for row in connection.execute(select(vectors))}
        nested.rollback()
    assert found == {
        content: row.astype("<f4").tobytes() for content, row in zip(hashes, matrix, strict=True)
    }


def test_a_vector_that_is_there_stays(ledger, bound):
    """The first vector of a content is paid for; a second one changes nothing."""
    archive = Archive(bound)
    with ledger.write() as connection:
        archive.store(connection, ["a"], np.eye(4, dtype=np.float32)[:1])
        archive.store(connection, ["a"], np.eye(4, dtype=np.float32)[1:2])
        assert archive.count(connection) == 1
    assert _stored(ledger)["a"].tolist() == [1, 0, 0, 0]


@pytest.mark.parametrize("shape", [(1, 4), (3, 4), (2, 3), (2, 5), (2,), (2, 4, 1)])
def test_another_shape_stores_nothing(ledger, bound, shape):
    """Rows and hashes have to match, and numbers and dimensions."""
    with (
        pytest.raises(SpaceMismatchError, match=r"as 2 vectors of test:small @ 4"),
        ledger.write() as connection,
    ):
        Archive(bound).store(connection, ["a", "b"], np.ones(shape, dtype=np.float32))
    assert _stored(ledger) == {}


@pytest.mark.parametrize("change", [{"dimensions": 2}, {"revision": "2"}])
def test_another_space_stores_nothing(ledger, bound, change):
    """If the ledger's space is not the one the vectors are of, both are shown and nothing is stored."""
    other = attrs.evolve(bound.space, **change)
    with ledger.write() as connection:
        connection.execute(update(spaces).values(canonical=other.canonical))
    with (
        pytest.raises(SpaceMismatchError, match="two spaces would meet") as caught,
        ledger.write() as connection,
    ):
        Archive(bound).store(connection, ["a"], np.ones((1, 4), dtype=np.float32))
    assert bound.space.fingerprint in caught.value.message
    assert other.fingerprint in caught.value.message
    assert _stored(ledger) == {}


def test_registering_a_space_twice_gives_one(ledger, space, bound):
    """The same space has one number; another has another."""
    with ledger.write() as connection:
        assert BoundSpace.register(connection, space, 9.0) == bound
        assert BoundSpace.register(connection, attrs.evolve(space, dimensions=2), 9.0).id != bound.id
        assert BoundSpace.load(connection, bound.id) == bound


def test_a_fingerprint_with_another_text_is_refused(ledger, space, bound):
    """Two spaces can't share a fingerprint, not by a collision and not by a hand in the ledger."""
    other = attrs.evolve(space, revision="2")
    with ledger.write() as connection:
        connection.execute(update(spaces).values(canonical=other.canonical))
    with pytest.raises(SpaceMismatchError, match="register"), ledger.write() as connection:
        BoundSpace.register(connection, space, 0.0)


def test_storing_ends_claims_and_refusals_of_its_space_only(ledger, card, bound):
    """A stored content is neither in flight nor refused; another space's rows are not touched."""
    with ledger.write() as connection:
        other = BoundSpace.register(connection, Space.of(card, 2), 0.0)
        for each in (bound, other):
            Claims(each.id).take(connection, ["a", "b"], 0.0)
            Archive(each).refuse(connection, [Refused("c", "code", "words")], ORIGIN, 0.0)
        Archive(bound).store(connection, ["a", "c"], np.ones((2, 4), dtype=np.float32))
        left = {(row.space_id, row.content_hash) for row in connection.execute(select(claims))}
        assert left == {(bound.id, "b"), (other.id, "a"), (other.id, "b")}
        assert list(connection.execute(select(refusals.c.space_id))) == [(other.id,)]


def test_each_store_changes_the_stamp_of_its_space(ledger, bound):
    """Loaded copies can tell that there are new vectors; an empty store is none."""
    with ledger.write() as connection:
        Archive(bound).store(connection, ["a"], np.ones((1, 4), dtype=np.float32))
        Archive(bound).store(connection, [], np.ones((0, 4), dtype=np.float32))
        assert connection.scalar(select(spaces.c.changes)) == 1


def test_a_second_refusal_is_another_attempt(ledger, bound):
    """Attempts are counted, the last words are kept, and the claim ends."""
    archive = Archive(bound)
    with ledger.write() as connection:
        Claims(bound.id).take(connection, ["a"], 0.0)
        archive.refuse(connection, [Refused("a", "429", "later", retryable=True)], ORIGIN, 1.0)
        archive.refuse(connection, [Refused("a", "400", "never")], ORIGIN, 2.0)
        archive.refuse(connection, [], ORIGIN, 3.0)
        row = connection.execute(select(refusals)).one()
        assert (row.code, row.message, row.retryable, row.attempts, row.at) == ("400", "never", False, 2, 2.0)
        assert connection.execute(select(claims)).all() == []
