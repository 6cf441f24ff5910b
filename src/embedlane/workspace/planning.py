"""What embedding would cost: rows, tokens, money and time, for each lane, before a cent is spent."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from embedlane.errors import EmbedlaneError
from embedlane.jobs.planning import DEFAULT_ROWS
from embedlane.models.card import Lane
from embedlane.providers.requests import DEFAULT_INPUTS
from embedlane.vectors.meter import read_meter
from embedlane.vectors.pending import Part, Pending
from embedlane.workspace.carrying import Carried, expected_canaries
from embedlane.workspace.reports import LanePlan, Plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from embedlane.config.providers import ProviderSettings
    from embedlane.indexes.binding import IndexRecord
    from embedlane.models.card import ModelCard
    from embedlane.providers.route import Route
    from embedlane.vectors.canaries import Canary
    from embedlane.vectors.meter import Meter
    from embedlane.workspace.lanes import Lanes


def plan_lanes(
    connection: Connection,
    record: IndexRecord,
    lanes: Lanes,
    now: float,
    part: Part | None = None,
) -> Plan:
    """Plan the pending contents of an index, or of a *part* of it, for each lane."""
    pending = Pending(record.id, record.bound.id, part, variant=record.variant)
    tally, meter = pending.tally(connection, now), meter_of(connection, record, lanes, now, part)
    tokens = meter.total(pending.lengths(connection, now))
    canaries = expected_canaries(connection, record, lanes)
    plan = partial(_plan_lane, record, lanes, canaries, meter, tally.pending, tokens)
    return Plan(
        rows=tally.pending,
        tokens=tokens,
        basis=meter.basis,
        rule=meter.rule,
        lanes=tuple(map(plan, Lane)),
        tally=tally,
    )


def meter_of(
    connection: Connection,
    record: IndexRecord,
    lanes: Lanes,
    now: float,
    part: Part | None = None,
) -> Meter:
    """What says how many tokens the contents of an index have; plans, budgets and bills share it."""
    space = record.bound.space
    return read_meter(
        connection,
        Pending(record.id, record.bound.id, part, variant=record.variant),
        space,
        lanes.registry.card(space.model),
        lanes.counter(space),
        record.name,
        now,
    )


def _plan_lane(
    record: IndexRecord,
    lanes: Lanes,
    canaries: Sequence[Canary],
    meter: Meter,
    rows: int,
    tokens: int,
    lane: Lane,
) -> LanePlan:
    card = lanes.registry.card(record.bound.space.model)
    try:
        route = lanes.route(card, lane)
    except EmbedlaneError as error:
        return LanePlan(lane=lane, obstacle=error.message)
    # A plan opens no SDK, so that a provider's own limit on the rows of a job is not known here.
    job_rows = lanes.settings(route.provider).max_rows_per_job or DEFAULT_ROWS
    carried = Carried(canaries=canaries, rows=None if lane is Lane.SYNC else job_rows)
    canary_tokens = carried.besides(meter)(rows)
    tokens += canary_tokens
    return LanePlan(
        lane=lane,
        provider=route.provider,
        tokens=tokens,
        canary_tokens=canary_tokens,
        basis=meter.basis,
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
