"""What was billed beside what was planned, and beside what the other lane would have cost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from sqlalchemy import select

from embedlane.errors import SetupError, UnknownNameError
from embedlane.generation.sets import JobSet
from embedlane.ledger.schema import charges, indexes, jobs
from embedlane.models.card import GenerationCard, Lane
from embedlane.models.names import ModelId
from embedlane.vectors.bound import BoundSpace
from embedlane.vectors.charges import Billed, Usage, billed, billed_for
from embedlane.workspace.reports import Cost, CostReport, JobReport, LaneCost

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from embedlane.jobs.book import JobBook
    from embedlane.jobs.job import Job
    from embedlane.models.registry import Registry
    from embedlane.providers.route import Route


def cost_report(
    connection: Connection,
    book: JobBook,
    registry: Registry[Route],
    name: str | None,
    since: float | None,
) -> CostReport:
    """Say what was billed to an index, or to all, after *since*.

    Raises:
        UnknownNameError: If there is no index *name*, and never was one that was billed.
    """
    _require_known(connection, name)
    groups: dict[tuple[str, int | None, int | None, Lane], list[Billed]] = {}
    for each in billed(connection, name, since):
        groups.setdefault((each.account, each.space_id, each.jobset_id, each.lane), []).append(each)
    lanes = []
    for (account, space_id, jobset_id, lane), bills in groups.items():
        model = _model(connection, space_id, jobset_id)
        cost = _cost(bills, *_prices(registry, model, _other(lane)))
        lanes.append(LaneCost(index=account, model=str(model), lane=lane, cost=cost))
    unfinished = book.open_load(connection, name)
    return CostReport(
        lanes=tuple(lanes),
        total=_total([each.cost for each in lanes]),
        open_jobs=unfinished.jobs,
        open_tokens=unfinished.tokens,
    )


def job_report(connection: Connection, book: JobBook, registry: Registry[Route], job: Job) -> JobReport:
    """*job* with the counts of its rows, what it was billed at so far, and what it was planned at."""
    usage, price, output_price = billed_for(connection, job.id) or (Usage(), None, None)
    model = _model(connection, job.space_id, job.jobset_id)
    return JobReport(
        job=job,
        model=str(model),
        rows=book.row_counts(connection, job.id),
        cost=_dollars([(price, usage.tokens), *_output(output_price, usage)]),
        planned_cost=_planned_cost(registry, model, job),
    )


def _planned_cost(registry: Registry[Route], model: ModelId, job: Job) -> float | None:
    """What *job* was planned at; None for one that generates, for nobody plans how long responses will be."""
    if job.jobset_id is not None:
        return None
    price, _ = _prices(registry, model, Lane.BATCH)
    return _dollars([(price, job.estimated_tokens)])


def _model(connection: Connection, space_id: int | None, jobset_id: int | None) -> ModelId:
    """The model of a space or of a job set."""
    if jobset_id is not None:
        return ModelId.parse(JobSet.load(connection, jobset_id).model)
    assert space_id is not None
    return BoundSpace.load(connection, space_id).space.model


def _output(price: float | None, usage: Usage) -> list[tuple[float | None, int]]:
    """Tokens of responses at their price; nothing where there are none."""
    return [(price, usage.output)] if usage.output else []


def _cost(bills: Sequence[Billed], elsewhere: float | None, output_elsewhere: float | None) -> Cost:
    """What *bills* come to, where the other lane costs *elsewhere* for a million tokens."""
    usage = sum((each.usage for each in bills), Usage())
    # How long responses will be, nobody plans.
    planned = _dollars([(each.price, each.usage.planned) for each in bills]) if not usage.output else None
    spent = _sum(
        _dollars([(each.price, each.usage.tokens), *_output(each.output_price, each.usage)]) for each in bills
    )
    other = _dollars([(elsewhere, usage.tokens), *_output(output_elsewhere, usage)])
    return Cost(
        rows=usage.rows,
        planned_tokens=usage.planned,
        measured_tokens=usage.measured,
        estimated_tokens=usage.estimated,
        output_tokens=usage.output,
        unpriced_tokens=sum(each.usage.tokens for each in bills if each.price is None),
        planned=planned,
        billed=spent,
        difference=_less(spent, planned),
        other_lane=other,
        saved=_less(other, spent),
    )


def _total(costs: Sequence[Cost]) -> Cost:
    """All of them together; an amount that one lacks is the sum of the others'."""

    def tokens(value: Callable[[Cost], int]) -> int:
        return sum(map(value, costs))

    def dollars(value: Callable[[Cost], float | None]) -> float | None:
        return _sum(map(value, costs))

    return Cost(
        rows=tokens(lambda cost: cost.rows),
        planned_tokens=tokens(lambda cost: cost.planned_tokens),
        measured_tokens=tokens(lambda cost: cost.measured_tokens),
        estimated_tokens=tokens(lambda cost: cost.estimated_tokens),
        output_tokens=tokens(lambda cost: cost.output_tokens),
        unpriced_tokens=tokens(lambda cost: cost.unpriced_tokens),
        planned=dollars(lambda cost: cost.planned),
        billed=dollars(lambda cost: cost.billed),
        difference=dollars(lambda cost: cost.difference),
        other_lane=dollars(lambda cost: cost.other_lane),
        saved=dollars(lambda cost: cost.saved),
    )


def _dollars(parts: Iterable[tuple[float | None, int]]) -> float | None:
    """What tokens cost at their prices; None if no price is known."""
    return _sum(None if price is None else price * tokens / 1_000_000 for price, tokens in parts)


def _sum(amounts: Iterable[float | None]) -> float | None:
    known = [amount for amount in amounts if amount is not None]
    return sum(known) if known else None


def _less(amount: float | None, other: float | None) -> float | None:
    # A billionth of a dollar is no difference, but the error of a float.
    return None if amount is None or other is None else round(amount - other, 9)


def _other(lane: Lane) -> Lane:
    return Lane.BATCH if lane is Lane.SYNC else Lane.SYNC


def _prices(registry: Registry[Route], model: ModelId, lane: Lane) -> tuple[float | None, float | None]:
    """What a million tokens in and out cost in *lane*."""
    try:
        card = registry.any_card(model)
    except SetupError:
        # The plugin that declares the model is gone; what was billed is still worth a look.
        return None, None
    output = card.output_price.of(lane) if isinstance(card, GenerationCard) else None
    return card.price.of(lane), output


def _require_known(connection: Connection, name: str | None) -> None:
    if name is None:
        return
    known = {
        account
        for column in (indexes.c.name, charges.c.account, jobs.c.account)
        for account in connection.scalars(select(column).distinct())
    }
    if name not in known:
        raise UnknownNameError.among("index", name, known, "`embedlane index list` shows them all.")
