"""What embedding would cost: rows, tokens, money and time, for each lane, before a cent is spent."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from embedlane.errors import EmbedlaneError
from embedlane.models.card import Lane
from embedlane.providers.requests import DEFAULT_INPUTS
from embedlane.workspace.reports import LanePlan, Plan

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from embedlane.config.providers import ProviderSettings
    from embedlane.models.card import ModelCard
    from embedlane.models.space import Space
    from embedlane.providers.route import Route
    from embedlane.vectors.pending import Pending, Tally
    from embedlane.workspace.lanes import Lanes

#: Contents whose tokens are counted one by one. Pages are in the order of hashes, so the first ones are a
#: fair sample of all.
_SAMPLE = 4000


def plan_lanes(connection: Connection, pending: Pending, lanes: Lanes, space: Space, now: float) -> Plan:
    """Plan the pending contents of an index for each lane."""
    card = lanes.registry.card(space.model)
    tally = pending.tally(connection, now)
    tokens, basis = _tokens(connection, pending, lanes, space, tally, now)
    return Plan(
        rows=tally.pending,
        tokens=tokens,
        basis=basis,
        lanes=tuple(_plan_lane(card, lane, lanes, tally.pending, tokens) for lane in Lane),
        tally=tally,
    )


def _tokens(
    connection: Connection, pending: Pending, lanes: Lanes, space: Space, tally: Tally, now: float
) -> tuple[int, str]:
    """Tokens of the pending contents, and how they were found."""
    card, counter = lanes.registry.card(space.model), lanes.counter(space)
    if not tally.pending or not counter.exact:
        return card.estimate_tokens(tally.pending_characters, tally.pending), "estimated"
    sample = [text.text for text in pending.texts(connection, now, _SAMPLE)]
    counted = sum(counter.count(sample))
    if len(sample) >= tally.pending:
        return counted, "counted"
    return round(counted / sum(map(len, sample)) * tally.pending_characters), "sampled"


def _plan_lane(card: ModelCard, lane: Lane, lanes: Lanes, rows: int, tokens: int) -> LanePlan:
    try:
        route = lanes.route(card, lane)
    except EmbedlaneError as error:
        return LanePlan(lane=lane, obstacle=error.message)
    return LanePlan(
        lane=lane,
        provider=route.provider,
        cost=card.price.cost(lane, tokens),
        time=_time(route, lanes.settings(route.provider), card, rows, tokens),
    )


def _time(
    route: Route, settings: ProviderSettings, card: ModelCard, rows: int, tokens: int
) -> timedelta | None:
    """The longest of what the speed, the rates and the provider's queue ask for; None if nothing is known."""
    per_request = card.limits.inputs_per_request or DEFAULT_INPUTS
    rates = (
        (-(-rows // per_request), settings.requests_per_minute),
        (rows, settings.texts_per_minute),
        (tokens, settings.tokens_per_minute),
    )
    minutes = [amount / rate for amount, rate in rates if rate and route.lane is Lane.SYNC]
    if route.texts_per_second:
        minutes.append(rows / route.texts_per_second / 60)
    if route.turnaround and rows:
        minutes.append(route.turnaround.total_seconds() / 60)
    return timedelta(minutes=max(minutes)) if minutes else None
