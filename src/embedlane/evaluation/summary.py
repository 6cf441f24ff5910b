"""From what each candidate made of the queries to the comparison: intervals, differences, pairs, verdict."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import attrs
import numpy as np

from embedlane.evaluation.bootstrap import intervals
from embedlane.evaluation.comparison import (
    Candidate,
    Comparison,
    Difference,
    Pair,
    QueryRow,
    SizeRow,
    Verdict,
)
from embedlane.evaluation.geometry import cross_similarity, overlap
from embedlane.evaluation.verdict import joint_level, judge

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from embedlane.evaluation.bootstrap import Interval
    from embedlane.evaluation.judging import Measured
    from embedlane.evaluation.queries import Query
    from embedlane.models.names import ModelId

#: Level of confidence intervals.
LEVEL = 0.95


@attrs.frozen(kw_only=True, eq=False)
class Entry:
    """A candidate with what was measured; names are those of `Candidate`."""

    name: str
    model: ModelId
    dimensions: int
    current: bool
    cut_from: int | None
    usable: bool
    tokens: int
    cost: Mapping[str, float | None]
    latency: float
    latency_calls: int
    #: What it made of the queries.
    measured: Measured
    #: Its vectors of the texts that all candidates are compared by, of shape (m, dimensions).
    shared: NDArray[np.float32]


@attrs.frozen(kw_only=True)
class Setting:
    """What all candidates share; names are those of `Comparison`."""

    index: str
    items: int
    #: Ids of the ranked items, in their order.
    ids: Sequence[str]
    queries: Sequence[Query]
    method: str
    seed: int
    k: int
    spent: float | None
    notes: tuple[str, ...]


def metric_names(k: int) -> tuple[str, str, str]:
    """The metrics at depth *k*; the first is the one that the verdict is about."""
    return (f"ndcg@{k}", f"recall@{k}", "mrr")


def summarise(entries: Sequence[Entry], setting: Setting) -> Comparison:
    """Put all together; the first of *entries* is what the others are compared with."""
    names = metric_names(setting.k)
    tables = [_table(entry.measured, setting.k) for entry in entries]
    candidates = [
        _candidate(entry, dict(zip(names, intervals(table, seed=setting.seed, level=LEVEL), strict=True)))
        for entry, table in zip(entries, tables, strict=True)
    ]
    level = joint_level(LEVEL, len(entries) - 1)
    differences = [
        Difference(
            candidate=entry.name,
            metrics=dict(
                zip(names, intervals(table - tables[0], seed=setting.seed, level=level), strict=True)
            ),
        )
        for entry, table in zip(entries[1:], tables[1:], strict=True)
    ]
    return Comparison(
        index=setting.index,
        items=setting.items,
        ranked=len(setting.ids),
        seed=setting.seed,
        k=setting.k,
        queries=len(setting.queries),
        method=setting.method,
        main=names[0],
        baseline=entries[0].name,
        level=LEVEL,
        difference_level=level,
        candidates=tuple(candidates),
        differences=tuple(differences),
        pairs=tuple(_pair(one, other) for one, other in combinations(entries, 2)),
        sizes=tuple(_sizes(candidates, names[0])),
        per_query=tuple(_query_rows(entries, setting)),
        spent=setting.spent,
        notes=setting.notes,
        verdict=_verdict(candidates, differences, names[0], len(setting.queries), level),
    )


def _table(measured: Measured, k: int) -> NDArray[np.float64]:
    """The metrics in the order of `metric_names`, a row for each query."""
    return np.stack([measured.ndcg[k], measured.recall[k], measured.rr], axis=1)


def _candidate(entry: Entry, metrics: Mapping[str, Interval]) -> Candidate:
    return Candidate(
        name=entry.name,
        model=entry.model,
        dimensions=entry.dimensions,
        current=entry.current,
        cut_from=entry.cut_from,
        usable=entry.usable,
        bytes_per_vector=entry.dimensions * np.dtype(np.float32).itemsize,
        tokens=entry.tokens,
        cost=entry.cost,
        latency=entry.latency,
        latency_calls=entry.latency_calls,
        metrics=metrics,
        relevant_similarity=entry.measured.relevant_similarity,
        random_similarity=entry.measured.random_similarity,
    )


def _pair(one: Entry, other: Entry) -> Pair:
    k = max(one.measured.ndcg)
    return Pair(
        one=one.name,
        other=other.name,
        overlap=overlap([top[:k] for top in one.measured.top], [top[:k] for top in other.measured.top]),
        cross_similarity=cross_similarity(one.shared, other.shared),
    )


def _sizes(candidates: Sequence[Candidate], main: str) -> list[SizeRow]:
    """The sizes of each model that has several, the largest first."""
    rows = []
    for model in dict.fromkeys(candidate.model for candidate in candidates):
        mine = sorted((c for c in candidates if c.model == model), key=lambda c: -c.dimensions)
        if len(mine) < 2:
            continue
        whole = mine[0].metrics[main].mean
        rows += [
            SizeRow(
                model=model,
                dimensions=each.dimensions,
                trained=each.usable,
                quality=each.metrics[main].mean / whole if whole else None,
                memory=each.dimensions / mine[0].dimensions,
            )
            for each in mine
        ]
    return rows


def _query_rows(entries: Sequence[Entry], setting: Setting) -> list[QueryRow]:
    rows = []
    for number, query in enumerate(setting.queries):
        best = {entry.name: float(entry.measured.best[number]) for entry in entries}
        base = best[entries[0].name]
        tops = {entry.name: entry.measured.top[number] for entry in entries}
        rows.append(
            QueryRow(
                id=query.id,
                text=query.text,
                relevant=sum(grade > 0 for grade in query.relevant.values()),
                best=best,
                best_change={
                    name: (value - base) / base * 100 if base > 0 else None for name, value in best.items()
                },
                hit={name: setting.ids[top[0]] if len(top) else "" for name, top in tops.items()},
                score={entry.name: float(entry.measured.ndcg[setting.k][number]) for entry in entries},
            )
        )
    return rows


def _verdict(
    candidates: Sequence[Candidate],
    differences: Sequence[Difference],
    main: str,
    queries: int,
    level: float,
) -> Verdict:
    others = [
        (candidate, difference.metrics[main])
        for candidate, difference in zip(candidates[1:], differences, strict=True)
        if candidate.usable
    ]
    return judge(candidates[0], others, metric=main, queries=queries, level=level)
