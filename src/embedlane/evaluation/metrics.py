"""What a ranking is worth, query by query, as trec_eval measures it.

Each function takes the grades of a ranking: ``gains[i]`` is the grade of the item at rank i + 1, 0 where the
item is not relevant. A query without relevant items scores 0, as in trec_eval; callers leave it out and say
so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def ranking(scores: NDArray[np.floating], depth: int | None = None) -> NDArray[np.intp]:
    """Positions by falling score; equal scores by falling position.

    With items in the order of their ids that is trec_eval's rule, so that ties are judged as it judges them.

    Args:
        scores: Of shape (n,).
        depth: How many to rank; None for all.
    """
    n = len(scores)
    depth = n if depth is None else min(depth, n)
    if depth == 0:
        return np.empty(0, dtype=np.intp)
    # All that are as good as the last one wanted, so that the rule chooses among equals.
    least = np.partition(scores, n - depth)[n - depth]
    best = np.flatnonzero(scores >= least)
    return best[np.lexsort((-best, -scores[best]))][:depth]


def recall(gains: NDArray[np.int64], grades: NDArray[np.int64], k: int) -> float:
    """The part of the relevant items that is among the first *k* (van Rijsbergen, 1979).

    Args:
        gains: Grades of the ranking, at least the first *k*.
        grades: Grades of all items that the query was judged for.
        k: How many ranks count.
    """
    relevant = int(np.count_nonzero(grades > 0))
    return int(np.count_nonzero(gains[:k] > 0)) / relevant if relevant else 0.0


def ndcg(gains: NDArray[np.int64], grades: NDArray[np.int64], k: int) -> float:
    """Normalised discounted cumulative gain of the first *k* (Järvelin and Kekäläinen, 2002).

    The gain is the grade, divided by log2(rank + 1); the ideal ranking has all grades in falling order.

    Args:
        gains: Grades of the ranking, at least the first *k*.
        grades: Grades of all items that the query was judged for.
        k: How many ranks count.
    """
    ideal = _dcg(np.sort(grades)[::-1], k)
    return _dcg(gains, k) / ideal if ideal else 0.0


def reciprocal_rank(gains: NDArray[np.int64]) -> float:
    """1 / rank of the first relevant item (Voorhees, 1999), 0 if there is none; its mean is MRR.

    Args:
        gains: Grades of the whole ranking.
    """
    found = np.flatnonzero(gains > 0)
    return 1.0 / (int(found[0]) + 1) if len(found) else 0.0


def _dcg(gains: NDArray[np.int64], k: int) -> float:
    counted = np.maximum(gains[:k], 0)
    return float((counted / np.log2(np.arange(2, len(counted) + 2))).sum())
