"""A ledger with a job set of a few requests, and jobs for them."""

from __future__ import annotations

import attrs
import pytest

from embedlane.generation.cargo import GenerationCargo
from embedlane.generation.reading import Request
from embedlane.generation.sets import JobSet, Requests
from embedlane.jobs.book import JobBook
from embedlane.models.card import GenerationCard, Lane, Price
from embedlane.vectors.charges import Origin

CARD = GenerationCard(
    id="test:writer",
    lanes=["batch"],
    price=Price(batch=1.0),
    output_price=Price(batch=4.0),
    output_tokens=100,
)


@attrs.frozen
class World:
    """A job set, and how jobs come to it."""

    ledger: object
    record: JobSet
    book: JobBook

    @property
    def requests(self):
        """The set's requests."""
        return Requests(self.record.id)

    def enter(self, *keys):
        """A job with these requests; without any, with all that are pending."""
        with self.ledger.write() as connection:
            sizes = dict(self.requests.sizes(connection, 0.0, 100))
            chosen = keys or list(sizes)
            tokens = [sizes.get(key, 1) for key in chosen]
            return self.book.enter(
                connection, None, "tester", chosen, tokens, self.record.name, jobset_id=self.record.id
            )

    def cargo(self, job):
        """What *job* carries."""
        origin = Origin(
            provider="tester",
            lane=Lane.BATCH,
            run=job.tag,
            job_id=job.id,
            account=self.record.name,
            price=CARD.price.batch,
            output_price=CARD.output_price.batch,
        )
        return GenerationCargo(self.record.id, origin)

    def store(self, job, answers=(), refusals=()):
        """Bring results of *job*, then close it."""
        with self.ledger.write() as connection:
            invalid = self.cargo(job).store(connection, list(answers), list(refusals), 1.0)
            self.book.close_rows(connection, job)
        return invalid

    def tally(self, expected=0):
        """Where the requests stand."""
        with self.ledger.read() as connection:
            return self.requests.tally(connection, expected)

    def outcomes(self):
        """What each came to, by its key."""
        with self.ledger.read() as connection:
            return {each.key: each for each in self.requests.outcomes(connection)}


@pytest.fixture
def world(ledger):
    """Five requests of ten tokens each; the last allows 20 tokens of answer."""
    asked = [Request(key, f'{{"ask":"{key}"}}', 40, 20 if key == "v" else None) for key in "zyxwv"]
    with ledger.write() as connection:
        record = JobSet.enter(
            connection,
            asked,
            CARD,
            provider="tester",
            digest="d" * 64,
            rows=5,
            source="a/My Set.jsonl",
            now=1.0,
        )
    return World(ledger, record, JobBook(lambda: 1.0))
