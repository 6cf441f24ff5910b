"""Embedding queries for a comparison, and how long one takes."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

import attrs
import numpy as np

from embedlane.errors import UsageError
from embedlane.models.card import Role
from embedlane.providers.requests import cut_requests

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from embedlane.evaluation.queries import Query
    from embedlane.providers.embedder import Embedder

#: Queries that are embedded one by one, so that the median of their times says something.
TIMED = 30


@attrs.frozen(kw_only=True, eq=False)
class Asked:
    """The queries in one space."""

    #: Unit vectors of shape (queries, dimensions).
    vectors: NDArray[np.float32]
    #: Median seconds of a call with one query.
    seconds: float
    #: How many calls that is the median of.
    calls: int


def ask(embedder: Embedder, queries: Sequence[Query]) -> Asked:
    """Embed *queries*: the first ones alone and timed, the others together.

    Raises:
        UsageError: If a query is over the model's limit; names it.
        ProviderError: If the provider fails for good.
    """
    vectors, seconds = [], []
    for query in queries[:TIMED]:
        began = time.perf_counter()
        try:
            vectors.append(embedder.embed_query(query.text))
        except UsageError as error:
            raise UsageError(f"Query '{query.id}': {error.message}", "Shorten it.") from error
        seconds.append(time.perf_counter() - began)
    rest = [query.text for query in queries[TIMED:]]
    parts = [np.stack(vectors)]
    parts += [
        embedder.caller.call(request, Role.QUERY).vectors
        for request in cut_requests(rest, embedder.caller.checker.card)
    ]
    return Asked(vectors=np.concatenate(parts), seconds=statistics.median(seconds), calls=len(seconds))
