"""What is pending: wanted - stored - in flight - refused for good. A query, never a state.

A failed job or a dead process needs no repair: what it held is pending again by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
from sqlalchemy import and_, func, not_, or_, select

from embedlane.ledger.schema import claims, contents, items, job_rows, refusals, vectors

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
        sendable = self._sendable(wanted.c.content_hash, now)
        stored = self._stored(wanted.c.content_hash)
        refused = and_(not_(stored), self._refused(wanted.c.content_hash))
        row = connection.execute(
            select(
                func.count().label("wanted"),
                func.count().filter(stored).label("stored"),
                func.count().filter(refused).label("refused"),
                func.count().filter(sendable).label("pending"),
                func.coalesce(func.sum(contents.c.characters).filter(sendable), 0).label("characters"),
            ).select_from(wanted.join(contents, contents.c.hash == wanted.c.content_hash))
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
        return (
            select(items.c.content_hash)
            .distinct()
            .where(items.c.index_id == self.index_id, items.c.content_hash > after)
            .where(self._sendable(items.c.content_hash, now))
            .order_by(items.c.content_hash)
            .limit(limit)
        )

    def _wanted(self) -> FromClause:
        return (select(items.c.content_hash).distinct().where(items.c.index_id == self.index_id)).subquery()

    def _sendable(self, content: ColumnElement[str], now: float) -> ColumnElement[bool]:
        return not_(
            or_(
                self._stored(content),
                self._refused(content),
                select(job_rows.c.key)
                .where(
                    job_rows.c.space_id == self.space_id,
                    job_rows.c.key == content,
                    job_rows.c.verdict == "open",
                )
                .exists(),
                select(claims.c.owner)
                .where(
                    claims.c.space_id == self.space_id,
                    claims.c.content_hash == content,
                    claims.c.expires_at > now,
                )
                .exists(),
            )
        )

    def _stored(self, content: ColumnElement[str]) -> ColumnElement[bool]:
        return (
            select(vectors.c.id)
            .where(vectors.c.space_id == self.space_id, vectors.c.content_hash == content)
            .exists()
        )

    def _refused(self, content: ColumnElement[str]) -> ColumnElement[bool]:
        return (
            select(refusals.c.code)
            .where(refusals.c.space_id == self.space_id, refusals.c.content_hash == content, FINAL)
            .exists()
        )
