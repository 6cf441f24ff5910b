"""Measuring one candidate: its vectors against queries whose relevant items are known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np

from embedlane.evaluation.metrics import ndcg, ranking, recall, reciprocal_rank

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from embedlane.evaluation.queries import Query


@attrs.frozen(eq=False)
class Judgments:
    """A query's judgments over a corpus whose items stand in the order of their ids."""

    #: Positions of the relevant items.
    relevant: NDArray[np.intp]
    #: Their grades.
    grades: NDArray[np.int64]
    #: Positions that no ranking may show for this query.
    excluded: NDArray[np.intp]

    @classmethod
    def of(cls, query: Query, positions: Mapping[str, int], absent: Sequence[int] = ()) -> Judgments:
        """The judgments of *query*; items that *positions* lacks are left out.

        Args:
            query: The query.
            positions: Where items stand, by their ids.
            absent: Positions of items that can't be found, relevant or not.
        """
        relevant = {
            positions[item]: grade
            for item, grade in query.relevant.items()
            if grade > 0 and item in positions and item not in query.excluded
        }
        excluded = [*absent, *(positions[item] for item in query.excluded if item in positions)]
        return cls(
            np.fromiter(relevant, dtype=np.intp, count=len(relevant)),
            np.fromiter(relevant.values(), dtype=np.int64, count=len(relevant)),
            np.array(excluded, dtype=np.intp),
        )


@attrs.frozen(kw_only=True, eq=False)
class Measured:
    """What one candidate made of all queries; arrays have an entry for each."""

    #: For each k: recall, and nDCG.
    recall: dict[int, NDArray[np.float64]]
    ndcg: dict[int, NDArray[np.float64]]
    #: Reciprocal rank of the first relevant item.
    rr: NDArray[np.float64]
    #: Cosine of the best hit.
    best: NDArray[np.float64]
    #: Positions of the first hits, as many as the largest k.
    top: list[NDArray[np.intp]]
    #: Mean cosine between a query and an item relevant to it.
    relevant_similarity: float
    #: Mean cosine of the pairs that were drawn.
    random_similarity: float


def measure(
    items: NDArray[np.float32],
    queries: NDArray[np.float32],
    judgments: Sequence[Judgments],
    ks: Sequence[int],
    pairs: NDArray[np.intp] | None = None,
) -> Measured:
    """Rank all items for each query, exactly, and judge the rankings.

    Args:
        items: Unit vectors of the corpus in the order of its ids, of shape (n, dimensions).
        queries: Unit vectors of the queries, of shape (q, dimensions).
        judgments: Those of each query.
        ks: The depths that recall and nDCG are wanted at.
        pairs: Pairs of query and item whose mean similarity is wanted, of shape (m, 2).
    """
    rows = list(_each(items, queries, judgments, ks))
    near = np.concatenate([row.near for row in rows]) if rows else np.empty(0)
    drawn = _similarities(items, queries, pairs) if pairs is not None else np.empty(0)
    return Measured(
        recall={k: np.array([row.recall[k] for row in rows]) for k in ks},
        ndcg={k: np.array([row.ndcg[k] for row in rows]) for k in ks},
        rr=np.array([row.rr for row in rows]),
        best=np.array([row.best for row in rows]),
        top=[row.top for row in rows],
        relevant_similarity=float(near.mean()) if len(near) else 0.0,
        random_similarity=float(drawn.mean()) if len(drawn) else 0.0,
    )


@attrs.frozen(kw_only=True, eq=False)
class _Row:
    """One query."""

    recall: dict[int, float]
    ndcg: dict[int, float]
    rr: float
    best: float
    top: NDArray[np.intp]
    near: NDArray[np.floating]


def _each(
    items: NDArray[np.float32],
    queries: NDArray[np.float32],
    judgments: Sequence[Judgments],
    ks: Sequence[int],
) -> Iterator[_Row]:
    deepest = max(ks)
    for query, judged in zip(queries, judgments, strict=True):
        scores = items @ query
        near = scores[judged.relevant]
        scores[judged.excluded] = -np.inf
        all_gains = np.zeros(len(items), dtype=np.int64)
        all_gains[judged.relevant] = judged.grades
        top = ranking(scores, deepest)
        top = top[np.isfinite(scores[top])]
        gains = all_gains[top]
        yield _Row(
            recall={k: recall(gains, judged.grades, k) for k in ks},
            ndcg={k: ndcg(gains, judged.grades, k) for k in ks},
            rr=reciprocal_rank(gains) or _deep_rank(scores, judged.relevant),
            best=float(scores[top[0]]) if len(top) else 0.0,
            top=top,
            near=near,
        )


def _deep_rank(scores: NDArray[np.floating], relevant: NDArray[np.intp]) -> float:
    """Reciprocal rank of a first relevant item that lies below the first hits."""
    if not len(relevant):
        return 0.0
    first = relevant[np.lexsort((-relevant, -scores[relevant]))][0]
    if not np.isfinite(scores[first]):
        return 0.0
    before = np.count_nonzero(scores > scores[first]) + np.count_nonzero(scores[first + 1 :] == scores[first])
    return 1.0 / (int(before) + 1)


def _similarities(
    items: NDArray[np.float32], queries: NDArray[np.float32], pairs: NDArray[np.intp]
) -> NDArray[np.floating]:
    found: NDArray[np.floating] = np.einsum("ij,ij->i", queries[pairs[:, 0]], items[pairs[:, 1]])
    return found
