"""Contents that were refused: what was said of each, each time, and another try by hand.

A refusal is kept per content and space, for every index that has the content gets the same answer. Its
history stays when the content is tried again, and when it is embedded after all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
from sqlalchemy import and_, func, not_, select, true, update

from embedlane.errors import UnknownNameError
from embedlane.ledger.dialects import among
from embedlane.ledger.schema import contents, refusal_events, refusals, vectors
from embedlane.models.card import Lane
from embedlane.vectors.effective import effective, wants
from embedlane.vectors.pending import FINAL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, Connection, Subquery

#: Ids that are listed of the items that share a refused content.
ITEMS = 10
#: Characters of a text that are listed.
SNIPPET = 200
#: Ids that near misses are looked for among.
_NEAR = 1000
_LISTED = "`embedlane index failures NAME` lists what can be tried again."


@attrs.frozen(kw_only=True)
class Attempt:
    """One time that a content was refused."""

    #: Seconds since 1970.
    at: float
    #: The provider.
    provider: str
    #: The lane.
    lane: Lane
    #: The number of the job; None in the sync lane.
    job: int | None
    #: The provider's code.
    code: str
    #: The provider's words.
    message: str


@attrs.frozen(kw_only=True)
class Failure:
    """A content that was refused, and has no vector."""

    #: Its hash.
    content: str
    #: The ids of the items that have it, the first `ITEMS` of them.
    items: tuple[str, ...]
    #: How many items have it.
    item_count: int
    #: The provider's last code.
    code: str
    #: The provider's last words.
    message: str
    #: Whether it is sent no more; otherwise it is pending, or under way again.
    final: bool
    #: Each refusal, the oldest first.
    attempts: tuple[Attempt, ...]
    #: The head of its text.
    text: str


@attrs.frozen(kw_only=True)
class FailureReport:
    """Contents of an index that were refused."""

    #: How many there are.
    total: int
    #: The first of them.
    failures: tuple[Failure, ...]


@attrs.frozen
class Failures:
    """The refused contents of one index in its space."""

    #: The index's number in the ledger.
    index_id: int
    #: The space's number in the ledger.
    space_id: int
    #: Which texts of its items it has in it; empty for their own.
    variant: str = ""

    def report(self, connection: Connection, limit: int | None, *, every: bool = False) -> FailureReport:
        """Up to *limit* refused contents, in the order of their first items.

        Args:
            connection: A transaction.
            limit: The most to list; None for all.
            every: List also those that will be tried again by themselves.
        """
        holding = self._holding()
        chosen = and_(self._failed(), true() if every else FINAL)
        query = (
            select(
                refusals.c.content_hash,
                refusals.c.code,
                refusals.c.message,
                FINAL.label("final"),
                holding.c.number,
                func.substr(contents.c.text, 1, SNIPPET).label("text"),
            )
            .join(holding, holding.c.content_hash == refusals.c.content_hash)
            .join(contents, contents.c.hash == refusals.c.content_hash)
            .where(chosen)
            .order_by(holding.c.first)
            .limit(limit)
        )
        rows = connection.execute(query).all()
        hashes = [row.content_hash for row in rows]
        names, attempts = self._items(connection, hashes), self._attempts(connection, hashes)
        count = select(func.count()).select_from(refusals).where(chosen, self._wanted())
        return FailureReport(
            total=connection.scalar(count) or 0,
            failures=tuple(
                Failure(
                    content=row.content_hash,
                    items=tuple(names[row.content_hash]),
                    item_count=row.number,
                    code=row.code,
                    message=row.message,
                    final=bool(row.final),
                    attempts=tuple(attempts[row.content_hash]),
                    text=row.text,
                )
                for row in rows
            ),
        )

    def retry_items(self, connection: Connection, names: Sequence[str]) -> int:
        """Make the refused contents of the items *names* pending again; return how many contents.

        Raises:
            UnknownNameError: If the content of one was not refused for good; nothing is changed then.
        """
        rows = effective(self.variant)
        query = (
            select(rows.c.item, rows.c.content_hash)
            .join(refusals, refusals.c.content_hash == rows.c.content_hash)
            .where(rows.c.index_id == self.index_id, self._failed(), FINAL)
        )
        found = connection.execute(query.where(among(rows.c.item, names))).all()
        missing = sorted(set(names) - {row.item for row in found})
        if missing:
            known = connection.scalars(query.limit(_NEAR)).all()
            raise UnknownNameError.among("failed item", missing[0], known, _LISTED)
        return self._reset(connection, among(refusals.c.content_hash, {row.content_hash for row in found}))

    def retry_code(self, connection: Connection, code: str) -> int:
        """Make the contents pending again whose last refusal had *code*; return how many.

        Raises:
            UnknownNameError: If there are none.
        """
        number = self._reset(connection, refusals.c.code == code)
        if not number:
            query = select(refusals.c.code).distinct().where(self._failed(), FINAL, self._wanted())
            raise UnknownNameError.among("failure with code", code, connection.scalars(query), _LISTED)
        return number

    def retry_all(self, connection: Connection) -> int:
        """Make all contents pending again that were refused for good; return how many."""
        return self._reset(connection, true())

    def _reset(self, connection: Connection, which: ColumnElement[bool]) -> int:
        """Begin the attempts of refused contents anew."""
        statement = update(refusals).where(self._failed(), FINAL, self._wanted(), which)
        return connection.execute(statement.values(retryable=True, attempts=0)).rowcount

    def _items(self, connection: Connection, hashes: Sequence[str]) -> dict[str, list[str]]:
        """The first ids of the items that have each of *hashes*."""
        rows = effective(self.variant)
        rank = func.row_number().over(partition_by=rows.c.content_hash, order_by=rows.c.item)
        ranked = (
            select(rows.c.content_hash, rows.c.item, rank.label("rank"))
            .where(rows.c.index_id == self.index_id, among(rows.c.content_hash, hashes))
            .subquery()
        )
        query = select(ranked.c.content_hash, ranked.c.item).where(ranked.c.rank <= ITEMS)
        found: dict[str, list[str]] = {content: [] for content in hashes}
        for row in connection.execute(query.order_by(ranked.c.item)):
            found[row.content_hash].append(row.item)
        return found

    def _attempts(self, connection: Connection, hashes: Sequence[str]) -> dict[str, list[Attempt]]:
        query = (
            select(refusal_events)
            .where(refusal_events.c.space_id == self.space_id, among(refusal_events.c.content_hash, hashes))
            .order_by(refusal_events.c.id)
        )
        found: dict[str, list[Attempt]] = {content: [] for content in hashes}
        for row in connection.execute(query):
            attempt = Attempt(
                at=row.at,
                provider=row.provider,
                lane=Lane(row.lane),
                job=row.job_id,
                code=row.code,
                message=row.message,
            )
            found[row.content_hash].append(attempt)
        return found

    def _holding(self) -> Subquery:
        """Refused contents of the index, with their first item and how many items they have."""
        refused = select(refusals.c.content_hash).where(refusals.c.space_id == self.space_id)
        rows = effective(self.variant)
        return (
            select(
                rows.c.content_hash,
                func.min(rows.c.item).label("first"),
                func.count().label("number"),
            )
            .where(rows.c.index_id == self.index_id, rows.c.content_hash.in_(refused))
            .group_by(rows.c.content_hash)
            .subquery()
        )

    def _failed(self) -> ColumnElement[bool]:
        """Whether a refusal is of this space, and its content has no vector."""
        stored = select(vectors.c.id).where(
            vectors.c.space_id == refusals.c.space_id, vectors.c.content_hash == refusals.c.content_hash
        )
        return and_(refusals.c.space_id == self.space_id, not_(stored.exists()))

    def _wanted(self) -> ColumnElement[bool]:
        """Whether an item of the index has the refused content."""
        return wants(self.index_id, self.variant, refusals.c.content_hash)
