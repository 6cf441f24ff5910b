"""Keeping to a budget: what is planned must fit, before anything is sent."""

from __future__ import annotations

import contextlib
import math
from typing import TYPE_CHECKING

import attrs

from embedlane.errors import EmbedlaneError, RefusedError, UsageError
from embedlane.models.card import Lane

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from embedlane.indexes.binding import IndexRecord
    from embedlane.models.card import ModelCard
    from embedlane.vectors.meter import MeteredRows
    from embedlane.workspace.lanes import Lanes

#: Contents that are looked at together.
_PAGE = 10_000


@attrs.frozen
class _Planned:
    """What is to be sent."""

    #: Contents.
    rows: int
    #: Their tokens, and those of the canaries that go with them.
    tokens: int
    #: How many of the contents, from the first on, fit into the budget.
    fitting: int


def require_budget(
    connection: Connection,
    pending: MeteredRows,
    record: IndexRecord,
    lanes: Lanes,
    lane: Lane,
    budget: float,
    limit: int | None,
    now: float,
) -> int | None:
    """Refuse to embed what is planned at more than *budget*.

    Args:
        connection: A transaction.
        pending: What is pending in the index.
        record: The index.
        lanes: Knows routes and prices.
        lane: The lane.
        budget: US dollars.
        limit: The most contents that will be sent; None for all.
        now: Seconds since 1970.

    Returns:
        The most tokens that may be billed; None for any number, where they cost nothing.

    Raises:
        UsageError: If *budget* is no amount.
        RefusedError: If the plan is above the budget, or the price is not known.
    """
    require_amount(budget)
    card = lanes.registry.card(record.bound.space.model)
    price = card.price.of(lane)
    if price == 0:
        return None
    # What is allowed when the price is not known: nothing but to find nothing pending.
    allowance = int(budget * 1_000_000 / price + 1e-6) if price else 0
    planned = _plan(connection, pending, allowance, limit, now)
    if planned.rows and price is None:
        raise RefusedError(
            f"Nobody knows what {card.id} costs in the {lane} lane, so no budget can be kept.",
            f"Add its price to the configuration, as [models.price] {lane} of a [[models]] entry, or leave "
            "out the budget.",
        )
    if planned.tokens > allowance:
        cost = dollars(card.price.cost(lane, planned.tokens))
        raise RefusedError(
            f"Embedding {planned.rows:,} contents of '{record.name}' in the {lane} lane is planned at {cost} "
            f"({planned.tokens:,} tokens, {pending.meter.basis}); the budget is {dollars(budget)}.",
            _advice(card, lanes, lane, planned, budget),
        )
    return allowance


def require_amount(budget: float) -> None:
    """Check that *budget* is an amount of dollars.

    Raises:
        UsageError: If it is none.
    """
    if not (math.isfinite(budget) and budget >= 0):
        raise UsageError(f"{budget} is no budget.", "Give US dollars, such as 2.50.")


def _plan(
    connection: Connection, pending: MeteredRows, allowance: int, limit: int | None, now: float
) -> _Planned:
    rows = tokens = fitting = 0
    after = ""
    while page := pending.sizes(connection, now, _PAGE if limit is None else min(_PAGE, limit - rows), after):
        after = page[-1][0]
        for _, each in page:
            rows += 1
            tokens += each
            if tokens <= allowance and tokens + pending.besides(rows) <= allowance:
                fitting = rows
    return _Planned(rows, tokens + pending.besides(rows), fitting)


def _advice(card: ModelCard, lanes: Lanes, lane: Lane, planned: _Planned, budget: float) -> str:
    """What would fit: fewer contents, or another lane."""
    parts = [f"--limit {planned.fitting} fits" if planned.fitting else "Not even one content fits"]
    for other in Lane:
        cost = card.price.cost(other, planned.tokens)
        if other is lane or cost is None:
            continue
        with contextlib.suppress(EmbedlaneError):
            lanes.route(card, other)
            fits = ", which fits" if cost <= budget else ""
            parts.append(f"--lane {other} is planned at {dollars(cost)}{fits}")
    return "; ".join(parts) + "."


def dollars(amount: float | None) -> str:
    """An amount with all its digits that matter, so that two that differ look different."""
    assert amount is not None
    if 0 < amount < 1e-6:
        return f"${amount:.2g}"
    whole, _, rest = f"{amount:,.6f}".partition(".")
    return f"${whole}.{rest.rstrip('0'):0<2}"
