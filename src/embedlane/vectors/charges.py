"""What was billed: one charge for each run of the sync lane, and one for each job.

Theory of operation. A charge is written in the transaction that stores what it pays for, so a kill neither
loses a part of the bill nor counts one twice. It grows with each of those transactions; a provider that names
a job's tokens as a whole has the last word when the job is settled.
"""

from __future__ import annotations

from numbers import Integral
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import attrs
from sqlalchemy import and_, func, select, true

from embedlane.ledger.dialects import upsert
from embedlane.ledger.schema import charges
from embedlane.models.card import Lane

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

#: More tokens than any call or job has; a larger number is an error of the service.
_ABSURD = 1 << 53
#: The columns of the table for the fields of `Usage`.
_COLUMNS = MappingProxyType(
    {
        "rows": "rows",
        "characters": "characters",
        "planned": "planned_tokens",
        "measured": "measured_tokens",
        "estimated": "estimated_tokens",
        "output": "output_tokens",
    }
)


@attrs.frozen(kw_only=True)
class Origin:
    """Where answers come from, and whose bill they are on."""

    #: The provider's id.
    provider: str
    #: The lane.
    lane: Lane
    #: A job's tag, or the name of a run of the sync lane. Each has one charge.
    run: str
    #: The job's number; None in the sync lane.
    job_id: int | None = None
    #: The index or the job set that the rows were sent for.
    account: str
    #: US dollars for a million tokens; None where no price is known.
    price: float | None
    #: The same for tokens of responses.
    output_price: float | None = None


@attrs.frozen(kw_only=True)
class Usage:
    """What some answers brought, and what they are billed at."""

    #: Vectors or responses that were stored.
    rows: int = 0
    #: Characters in their texts, the space's template included.
    characters: int = 0
    #: Tokens that they were planned at.
    planned: int = 0
    #: Tokens that the provider says it billed, also for answers that were of no use.
    measured: int = 0
    #: Tokens that answers were planned at whose provider says nothing.
    estimated: int = 0
    #: Tokens of responses, by the provider's word.
    output: int = 0

    @property
    def tokens(self) -> int:
        """Tokens of the input that are billed, measured or not."""
        return self.measured + self.estimated

    def __add__(self, other: Usage) -> Usage:
        """Both together."""
        names = [field.name for field in attrs.fields(Usage)]
        return Usage(**{name: getattr(self, name) + getattr(other, name) for name in names})


@attrs.frozen(kw_only=True)
class Billed:
    """Charges of one index or job set, space, lane and price, together."""

    #: The index or job set.
    account: str
    #: The number of the index's space; None for a job set.
    space_id: int | None
    #: The number of the job set; None for an index.
    jobset_id: int | None
    #: The lane.
    lane: Lane
    #: US dollars for a million tokens; None where no price is known.
    price: float | None
    #: The same for tokens of responses.
    output_price: float | None
    #: All that was billed.
    usage: Usage


def as_said(tokens: object) -> int | None:
    """*tokens* as a provider gave them; None if it said nothing, or no number of tokens."""
    if tokens is None or isinstance(tokens, bool) or not isinstance(tokens, Integral):
        return None
    return int(tokens) if 0 <= int(tokens) < _ABSURD else None


@attrs.frozen
class Charges:
    """The charge of one run or job. All methods take the connection of the caller's transaction."""

    #: The number of the space that is paid for; None for a job set.
    space_id: int | None
    #: The run or job.
    origin: Origin
    #: The number of the job set that is paid for; None for a space.
    jobset_id: int | None = None

    def add(self, connection: Connection, usage: Usage, now: float) -> None:
        """Add what was stored in this transaction."""
        if not (usage.rows or usage.tokens or usage.output):
            return
        row = self._row(now) | {column: getattr(usage, name) for name, column in _COLUMNS.items()}
        statement = upsert(connection, charges)
        grown = {column: charges.c[column] + statement.excluded[column] for column in _COLUMNS.values()}
        connection.execute(
            statement.on_conflict_do_update(index_elements=["run"], set_=grown | {"at": now}), row
        )

    def settle(self, connection: Connection, tokens: object, now: float) -> int | None:
        """Let the provider's word on the whole job, if there is one, stand for those on its rows.

        Args:
            connection: A write transaction.
            tokens: Tokens billed for the job; None if the provider does not say.
            now: Seconds since 1970.

        Returns:
            Tokens billed for the job, in all; None if some are an estimate, or nothing is known.
        """
        total = as_said(tokens)
        if total is None:
            measured = select(charges.c.measured_tokens).where(
                charges.c.run == self.origin.run,
                charges.c.estimated_tokens == 0,
                charges.c.measured_tokens > 0,
            )
            return connection.scalar(measured)
        final = {"measured_tokens": total, "estimated_tokens": 0, "at": now}
        statement = upsert(connection, charges).on_conflict_do_update(index_elements=["run"], set_=final)
        connection.execute(statement, self._row(now) | final)
        return total

    def _row(self, now: float) -> dict[str, Any]:
        origin = self.origin
        return {
            "run": origin.run,
            "account": origin.account,
            "space_id": self.space_id,
            "jobset_id": self.jobset_id,
            "provider": origin.provider,
            "lane": origin.lane.value,
            "job_id": origin.job_id,
            "price": origin.price,
            "output_price": origin.output_price,
            "at": now,
        }


def billed(connection: Connection, account: str | None = None, since: float | None = None) -> list[Billed]:
    """What was billed to *account*, or to all, after *since*; by index, space, lane and price."""
    keys = (
        charges.c.account,
        charges.c.space_id,
        charges.c.jobset_id,
        charges.c.lane,
        charges.c.price,
        charges.c.output_price,
    )
    wanted = and_(
        true() if account is None else charges.c.account == account,
        true() if since is None else charges.c.at >= since,
    )
    query = select(*keys, *_SUMS).where(wanted).group_by(*keys).order_by(*keys)
    return [
        Billed(
            account=row.account,
            space_id=row.space_id,
            jobset_id=row.jobset_id,
            lane=Lane(row.lane),
            price=row.price,
            output_price=row.output_price,
            usage=_usage(row),
        )
        for row in connection.execute(query)
    ]


def billed_for(connection: Connection, job_id: int) -> tuple[Usage, float | None, float | None] | None:
    """What was billed for a job so far, and its prices of input and output; None if it has no charge."""
    prices = (charges.c.price, charges.c.output_price)
    query = select(*_SUMS, *prices).where(charges.c.job_id == job_id).group_by(*prices)
    row = connection.execute(query).one_or_none()
    return None if row is None else (_usage(row), row.price, row.output_price)


def billed_texts(connection: Connection, space_id: int, account: str) -> Usage:
    """What was billed to *account* in a space, where the provider has counted all tokens."""
    query = select(*_SUMS).where(
        charges.c.space_id == space_id,
        charges.c.account == account,
        charges.c.rows > 0,
        charges.c.estimated_tokens == 0,
    )
    return _usage(connection.execute(query).one())


_NAMES = {field.name for field in attrs.fields(Usage)}
_SUMS = tuple(func.coalesce(func.sum(charges.c[column]), 0).label(name) for name, column in _COLUMNS.items())


def _usage(row: Row[*tuple[Any, ...]]) -> Usage:
    # Some databases sum whole numbers to decimals.
    return Usage(**{name: int(value) for name, value in row._asdict().items() if name in _NAMES})
