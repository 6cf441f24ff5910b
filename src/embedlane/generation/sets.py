"""Job sets in the ledger: requests that were given together, where each stands, and what it came to.

Which requests are to be sent is a query, as for contents: those without a response that are not in flight and
not refused for good. A failed job or a dead process needs no repair.
"""

from __future__ import annotations

import re
import secrets
from itertools import islice
from typing import TYPE_CHECKING, Self

import attrs
from sqlalchemy import and_, case, func, insert, not_, or_, select, update

from embedlane.errors import UnknownNameError
from embedlane.ledger.schema import job_rows, jobsets, requests

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy import ColumnElement, Connection

    from embedlane.generation.reading import Request
    from embedlane.models.card import GenerationCard

#: How often a request is tried whose refusal may pass.
ATTEMPTS = 3
#: Whether a request is refused for good: the provider said so, or it was tried often enough.
FINAL = or_(requests.c.retryable.is_(False), requests.c.attempts >= ATTEMPTS)
_PAGE = 1000
_LISTED = "`embedlane generate list` shows them all."


@attrs.frozen(kw_only=True)
class JobSet:
    """Requests that were given together."""

    #: Its number in the ledger.
    id: int
    #: Its name, by which any process finds it.
    name: str
    #: The model, as publisher:model.
    model: str
    #: The provider whose API the requests are for.
    provider: str
    #: SHA-256 of all keys and requests.
    digest: str
    #: Where the requests came from.
    source: str
    #: How many there are.
    rows: int
    #: Seconds since 1970.
    created_at: float

    @classmethod
    def load(cls, connection: Connection, jobset_id: int) -> Self:
        """The set with that number."""
        return cls(**connection.execute(select(jobsets).where(jobsets.c.id == jobset_id)).mappings().one())

    @classmethod
    def named(cls, connection: Connection, name: str) -> Self:
        """The set of that name.

        Raises:
            UnknownNameError: If there is none; lists near misses.
        """
        row = connection.execute(select(jobsets).where(jobsets.c.name == name)).mappings().one_or_none()
        if row is None:
            known = connection.scalars(select(jobsets.c.name)).all()
            raise UnknownNameError.among("job set", name, known, _LISTED)
        return cls(**row)

    @classmethod
    def of(cls, connection: Connection, digest: str, model: str) -> Self | None:
        """The set of these requests for *model*; None if there is none yet."""
        query = select(jobsets).where(jobsets.c.digest == digest, jobsets.c.model == model)
        row = connection.execute(query).mappings().one_or_none()
        return None if row is None else cls(**row)

    @classmethod
    def all(cls, connection: Connection) -> list[Self]:
        """All sets, the oldest first."""
        return [cls(**row) for row in connection.execute(select(jobsets).order_by(jobsets.c.id)).mappings()]

    @classmethod
    def enter(
        cls,
        connection: Connection,
        asked: Iterable[Request],
        card: GenerationCard,
        *,
        provider: str,
        digest: str,
        rows: int,
        source: str,
        now: float,
    ) -> Self:
        """Enter a set with all its requests.

        Args:
            connection: A write transaction.
            asked: The requests.
            card: The model that they are for.
            provider: The provider whose API they are for.
            digest: SHA-256 of all keys and requests.
            rows: How many there are.
            source: Where they came from.
            now: Seconds since 1970.
        """
        values = {
            "name": _name(connection, source, digest),
            "model": str(card.id),
            "provider": provider,
            "digest": digest,
            "source": source,
            "rows": rows,
            "created_at": now,
        }
        jobset_id = connection.execute(insert(jobsets).returning(jobsets.c.id), values).scalar_one()
        numbered = enumerate(asked)
        while page := list(islice(numbered, _PAGE)):
            connection.execute(
                insert(requests),
                [
                    {
                        "jobset_id": jobset_id,
                        "position": position,
                        "key": each.key,
                        "request": each.body,
                        "tokens": card.estimate_tokens(each.characters),
                        "output_tokens": each.output_tokens,
                    }
                    for position, each in page
                ],
            )
        return cls.load(connection, jobset_id)


def _name(connection: Connection, source: str, digest: str) -> str:
    """A name that no other set has: after what the requests came from, and what they are."""
    stem = re.sub(r"[^a-z0-9]+", "-", source.lower().rpartition("/")[2].partition(".")[0]).strip("-")[:60]
    name = f"{stem or 'requests'}-{digest[:8]}"
    taken = connection.scalar(select(func.count()).where(jobsets.c.name == name))
    return f"{name}-{secrets.token_hex(3)}" if taken else name


@attrs.frozen(kw_only=True)
class GenerationTally:
    """Where the requests of a job set stand."""

    #: All of them.
    rows: int = 0
    #: Those with a response.
    answered: int = 0
    #: Those that the provider will not answer.
    refused: int = 0
    #: Those in an open row of a job.
    in_flight: int = 0
    #: Those to be sent.
    pending: int = 0
    #: Estimated tokens in those to be sent.
    pending_tokens: int = 0
    #: Tokens that their answers are expected to have.
    expected_tokens: int = 0
    #: Refusals so far, those of requests that were tried again included.
    attempts: int = 0


@attrs.frozen(kw_only=True)
class Outcome:
    """What one request came to so far."""

    #: Its place in the input, from 0.
    position: int
    #: Its name in the input.
    key: str
    #: The response as JSON, as it came; None if there is none.
    response: str | None
    #: The code of the last refusal, or ``in-flight`` or ``pending``; empty with a response.
    code: str = ""
    #: The same in words.
    message: str = ""
    #: Whether it is sent no more: it has a response, or is refused for good.
    final: bool = False


@attrs.frozen
class Requests:
    """The requests of one job set."""

    #: The set's number in the ledger.
    jobset_id: int

    def sizes(
        self,
        connection: Connection,
        now: float,  # noqa: ARG002 - nobody claims requests for a time
        limit: int,
        after: str = "",
    ) -> list[tuple[str, int]]:
        """Up to *limit* keys of pending requests behind *after*, as in the input, with their tokens."""
        mine = requests.c.jobset_id == self.jobset_id
        start = select(requests.c.position).where(mine, requests.c.key == after).scalar_subquery()
        behind = requests.c.position > func.coalesce(start, -1)
        query = (
            select(requests.c.key, requests.c.tokens)
            .where(mine, behind, self._pending())
            .order_by(requests.c.position)
            .limit(limit)
        )
        return [(row.key, row.tokens) for row in connection.execute(query)]

    def tally(self, connection: Connection, expected: int = 0) -> GenerationTally:
        """Count where the requests stand.

        Args:
            connection: A transaction.
            expected: Tokens that an answer is expected to have, unless its request allows fewer.
        """
        answered, flying = requests.c.response.is_not(None), self._in_flight()
        found = (
            select(
                case(
                    (answered, "answered"), (flying, "in_flight"), (FINAL, "refused"), else_="pending"
                ).label("state"),
                requests.c.tokens,
                case((requests.c.output_tokens < expected, requests.c.output_tokens), else_=expected).label(
                    "output"
                ),
                requests.c.attempts,
            )
            .where(requests.c.jobset_id == self.jobset_id)
            .subquery()
        )
        sums = (func.sum(found.c.tokens), func.sum(found.c.output), func.sum(found.c.attempts))
        query = select(found.c.state, func.count(), *sums).group_by(found.c.state)
        states = {row[0]: tuple(map(int, row[1:])) for row in connection.execute(query)}
        _, tokens, output, _ = states.get("pending", (0, 0, 0, 0))
        return GenerationTally(
            **{state: counts[0] for state, counts in states.items()},
            rows=sum(counts[0] for counts in states.values()),
            pending_tokens=tokens,
            expected_tokens=output,
            attempts=sum(counts[3] for counts in states.values()),
        )

    def outcomes(self, connection: Connection) -> Iterator[Outcome]:
        """What each request came to so far, in the order of the input."""
        query = (
            select(
                requests.c.position,
                requests.c.key,
                requests.c.response,
                requests.c.code,
                requests.c.message,
                FINAL.label("final"),
                self._in_flight().label("flying"),
            )
            .where(requests.c.jobset_id == self.jobset_id)
            .order_by(requests.c.position)
            .execution_options(yield_per=_PAGE)
        )
        with connection.execute(query) as rows:
            for position, key, response, code, message, final, flying in rows:
                if response is not None:
                    yield Outcome(position=position, key=key, response=response, final=True)
                elif final and not flying:
                    yield Outcome(
                        position=position, key=key, response=None, code=code, message=message, final=True
                    )
                else:
                    why = f"; refused before: {code}: {message}" if code else ""
                    state, words = ("in-flight", "in a job") if flying else ("pending", "to be sent")
                    yield Outcome(position=position, key=key, response=None, code=state, message=words + why)

    def retry(self, connection: Connection) -> int:
        """Make all requests pending again that were refused for good; return how many."""
        mine = and_(requests.c.jobset_id == self.jobset_id, requests.c.response.is_(None), FINAL)
        return connection.execute(update(requests).where(mine).values(retryable=True, attempts=0)).rowcount

    def _pending(self) -> ColumnElement[bool]:
        return and_(
            requests.c.response.is_(None),
            not_(func.coalesce(FINAL, False)),
            not_(self._in_flight()),
        )

    def _in_flight(self) -> ColumnElement[bool]:
        """Whether a request is in an open row of a job."""
        open_rows = select(job_rows.c.job_id).where(
            job_rows.c.jobset_id == self.jobset_id,
            job_rows.c.key == requests.c.key,
            job_rows.c.verdict == "open",
        )
        return open_rows.exists()
