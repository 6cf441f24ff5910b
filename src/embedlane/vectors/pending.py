"""What is pending: wanted - stored - in flight - refused for good. A query, never a state.

A failed job or a dead process needs no repair: what it held is pending again by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
from sqlalchemy import and_, func, not_, or_, select

from embedlane.ledger.dialects import among
from embedlane.ledger.schema import claims, contents, generations, job_rows, refusals, vectors
from embedlane.vectors.effective import effective

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, FromClause, Select

#: How often a retryable refusal is tried before it counts as final.
ATTEMPTS = 3
#: Whether a refusal is final: the provider said so, or it was tried often enough.
FINAL = or_(not_(refusals.c.retryable), refusals.c.attempts >= ATTEMPTS)


@attrs.frozen
class Text:
    """A content to embed."""

    #: Its hash.
    hash: str
    #: Its text, without the space's template.
    text: str


@attrs.frozen
class Part:
    """Some contents of an index, told by what is in it or by what is not: whichever is the shorter list."""

    #: Content hashes.
    hashes: tuple[str, ...]
    #: Whether the part is all but these.
    without: bool = False

    def clause(self, content: ColumnElement[str]) -> ColumnElement[bool]:
        """Whether *content* is in the part."""
        found = among(content, self.hashes)
        return not_(found) if self.without else found


@attrs.frozen(kw_only=True)
class Tally:
    """Where the distinct contents of an index stand."""

    #: Contents that some item of the index has.
    wanted: int = 0
    #: Those with a vector.
    stored: int = 0
    #: Those in an open row of a job, or claimed by a running process.
    in_flight: int = 0
    #: Those that the provider will not take.
    refused: int = 0
    #: Those to be sent.
    pending: int = 0
    #: Characters in those to be sent.
    pending_characters: int = 0


@attrs.frozen
class Pending:
    """The pending contents of one index in its space."""

    #: The index's number in the ledger.
    index_id: int
    #: The space's number in the ledger.
    space_id: int
    #: The part of the index to look at; None for all of it.
    part: Part | None = None
    #: The number of the generation that they are for; nothing is to be sent once it is paused or not being
    #: built any more. None for the serving one, which is always filled.
    generation_id: int | None = None
    #: Which texts of its items are wanted; empty for their own.
    variant: str = ""

    def hashes(self, connection: Connection, now: float, limit: int, after: str = "") -> list[str]:
        """Up to *limit* pending contents above *after*, in the order of their hashes."""
        return list(connection.scalars(self._page(now, limit, after)))

    def sizes(self, connection: Connection, now: float, limit: int, after: str = "") -> list[tuple[str, int]]:
        """What `hashes` finds, with the characters in the texts."""
        page = self._page(now, limit, after).subquery()
        query = (
            select(contents.c.hash, contents.c.characters)
            .join(page, page.c.content_hash == contents.c.hash)
            .order_by(contents.c.hash)
        )
        return [(row.hash, row.characters) for row in connection.execute(query)]

    def texts(self, connection: Connection, now: float, limit: int, after: str = "") -> list[Text]:
        """What `hashes` finds, with the texts."""
        page = self._page(now, limit, after).subquery()
        query = (
            select(contents.c.hash, contents.c.text)
            .join(page, page.c.content_hash == contents.c.hash)
            .order_by(contents.c.hash)
        )
        return [Text(*row) for row in connection.execute(query)]

    def tally(self, connection: Connection, now: float) -> Tally:
        """Count where the contents stand."""
        wanted = self._wanted()
        content = wanted.c.content_hash
        found = (
            select(
                contents.c.characters,
                self._stored(content).label("stored"),
                self._refused(content).label("refused"),
                self._in_flight(content, now).label("in_flight"),
            )
            .select_from(wanted.join(contents, contents.c.hash == content))
            # Each is found out once: without it, once for each column below that has it.
            .offset(0)
            .subquery()
        )
        pending = not_(or_(found.c.stored, found.c.refused, found.c.in_flight))
        row = connection.execute(
            select(
                func.count().label("wanted"),
                func.count().filter(found.c.stored).label("stored"),
                func.count().filter(and_(not_(found.c.stored), found.c.refused)).label("refused"),
                func.count().filter(pending).label("pending"),
                func.coalesce(func.sum(found.c.characters).filter(pending), 0).label("characters"),
            )
        ).one()
        return Tally(
            wanted=row.wanted,
            stored=row.stored,
            refused=row.refused,
            in_flight=row.wanted - row.stored - row.refused - row.pending,
            pending=row.pending,
            pending_characters=row.characters,
        )

    def lengths(self, connection: Connection, now: float) -> dict[int, int]:
        """For each number of characters, how many pending contents have it."""
        wanted = self._wanted()
        query = (
            select(contents.c.characters, func.count().label("number"))
            .select_from(wanted.join(contents, contents.c.hash == wanted.c.content_hash))
            .where(self._sendable(wanted.c.content_hash, now))
            .group_by(contents.c.characters)
        )
        return {row.characters: row.number for row in connection.execute(query)}

    def _page(self, now: float, limit: int, after: str) -> Select[tuple[str]]:
        rows = effective(self.variant)
        content = rows.c.content_hash
        return (
            select(content)
            .distinct()
            .where(self._mine(rows), content > after)
            .where(self._sendable(content, now), *while_building(self.generation_id))
            .order_by(content)
            .limit(limit)
        )

    def _wanted(self) -> FromClause:
        rows = effective(self.variant)
        return select(rows.c.content_hash).distinct().where(self._mine(rows)).subquery()

    def _mine(self, rows: FromClause) -> ColumnElement[bool]:
        mine = rows.c.index_id == self.index_id
        return mine if self.part is None else and_(mine, self.part.clause(rows.c.content_hash))

    def _sendable(self, content: ColumnElement[str], now: float) -> ColumnElement[bool]:
        return not_(or_(self._stored(content), self._refused(content), self._in_flight(content, now)))

    def _stored(self, content: ColumnElement[str]) -> ColumnElement[bool]:
        return _exists(
            select(vectors.c.id).where(vectors.c.space_id == self.space_id, vectors.c.content_hash == content)
        )

    def _refused(self, content: ColumnElement[str]) -> ColumnElement[bool]:
        return _exists(
            select(refusals.c.code).where(
                refusals.c.space_id == self.space_id, refusals.c.content_hash == content, FINAL
            )
        )

    def _in_flight(self, content: ColumnElement[str], now: float) -> ColumnElement[bool]:
        in_a_job = select(job_rows.c.key).where(
            job_rows.c.space_id == self.space_id, job_rows.c.key == content, job_rows.c.verdict == "open"
        )
        claimed = select(claims.c.owner).where(
            claims.c.space_id == self.space_id, claims.c.content_hash == content, claims.c.expires_at > now
        )
        return or_(_exists(in_a_job), _exists(claimed))


def while_building(generation_id: int | None) -> list[ColumnElement[bool]]:
    """Conditions that nothing meets once the generation is paused or not being built any more.

    Asked in the very statement that finds contents: so who pauses or ends a migration stops it at once.
    """
    if generation_id is None:
        return []
    query = select(generations.c.id).where(
        generations.c.id == generation_id,
        generations.c.state == "building",
        generations.c.paused.is_(False),
    )
    return [query.exists()]


def _exists(query: Select[Any]) -> ColumnElement[bool]:
    """Whether *query* finds a row, looked up in an index for each content.

    The offset keeps PostgreSQL from reading the whole table into memory for each page of contents instead.
    """
    return query.offset(0).exists()
