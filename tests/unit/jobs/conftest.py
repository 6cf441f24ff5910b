"""A ledger with a space and contents, and a clock that only tests move."""

from __future__ import annotations

import attrs
import pytest
from sqlalchemy import insert

from embedlane.jobs.book import JobBook
from embedlane.ledger.schema import contents
from embedlane.models.card import Dimensions, Lane, ModelCard
from embedlane.models.space import Space
from embedlane.providers.checks import Checker
from embedlane.text.hashing import content_hash
from embedlane.vectors.bound import BoundSpace
from embedlane.vectors.cargo import EmbeddingCargo
from embedlane.vectors.charges import Origin


@attrs.define
class Clock:
    """A clock that stands still between the deeds of a test."""

    now: float = 1_000_000.0

    def __call__(self):
        """The time; each look takes a moment, as in life."""
        self.now += 0.001
        return self.now

    def sleep(self, seconds):
        """Let time pass."""
        self.now += seconds


@pytest.fixture
def clock():
    """A clock of its own for each test."""
    return Clock()


@pytest.fixture
def card():
    """A model of four dimensions."""
    return ModelCard(id="test:small", lanes=frozenset(Lane), dimensions=Dimensions(native=4))


@pytest.fixture
def bound(ledger, card):
    """The model's space in the ledger."""
    with ledger.write() as connection:
        return BoundSpace.register(connection, Space.of(card), 0.0)


@pytest.fixture
def book(clock):
    """The jobs, by the test's clock."""
    return JobBook(clock)


@pytest.fixture
def cargo(bound, card):
    """A function that makes the cargo of a job."""

    def cargo(job):
        origin = Origin(
            provider=job.provider,
            lane=Lane.BATCH,
            run=job.tag,
            job_id=job.id,
            account=job.account,
            price=card.price.batch,
        )
        return EmbeddingCargo(bound, Checker("tester", card, bound.space), origin)

    return cargo


@pytest.fixture
def texts(ledger):
    """A function that enters texts as contents and returns their hashes in order."""

    def texts(*given):
        with ledger.write() as connection:
            rows = [{"hash": content_hash(text), "text": text, "characters": len(text)} for text in given]
            connection.execute(insert(contents), rows)
        return sorted(row["hash"] for row in rows)

    return texts
