"""Confidence intervals of means by the bootstrap: what other samples of queries might have said.

Queries are drawn again, with replacement, as many as there are; the interval is what the middle of the means
of all draws spans (the percentile method of Efron and Tibshirani, 1993, chapter 13; for retrieval see Sakai,
2006). Differences are taken query by query before they are drawn, which pairs the candidates: a query that is
hard for both says nothing about either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Draws for an interval: its ends then vary by less than a hundredth of its width from seed to seed.
DRAWS = 10_000
#: Draws made together, which bounds the memory.
_BLOCK = 500


@attrs.frozen
class Interval:
    """A mean with its confidence interval."""

    #: The mean over the queries.
    mean: float
    #: The lower end.
    low: float
    #: The upper end.
    high: float


def intervals(
    values: NDArray[np.float64], *, seed: int, level: float = 0.95, draws: int = DRAWS
) -> list[Interval]:
    """The mean of each column, with its interval. Columns are drawn together, so they stay paired.

    Args:
        values: A row for each query, of shape (queries, columns).
        seed: Two calls with one seed and one number of queries draw the same queries.
        level: The part of all draws that the interval spans.
        draws: How often queries are drawn.
    """
    queries = len(values)
    if queries == 0:
        return [Interval(0.0, 0.0, 0.0)] * values.shape[1]
    random = np.random.default_rng(seed)
    means = np.empty((draws, values.shape[1]))
    even = np.full(queries, 1 / queries)
    for start in range(0, draws, _BLOCK):
        size = min(_BLOCK, draws - start)
        # How often each query is drawn: the same as drawing, and one product gives all means.
        means[start : start + size] = random.multinomial(queries, even, size=size) @ values / queries
    tail = (1 - level) / 2
    low, high = np.quantile(means, [tail, 1 - tail], axis=0)
    return [
        Interval(float(mean), float(bottom), float(top))
        for mean, bottom, top in zip(values.mean(axis=0), low, high, strict=True)
    ]
