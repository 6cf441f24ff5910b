"""What a comparison found, as values for the terminal, for JSON and for the report."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from embedlane.evaluation.bootstrap import Interval
from embedlane.models.names import ModelId


@attrs.frozen(kw_only=True)
class Candidate:
    """A model at a size, and what it came to."""

    #: Such as ``acme:embed @ 256``.
    name: str
    #: The model.
    model: ModelId
    #: Numbers in a vector.
    dimensions: int
    #: Whether it is the index's own space.
    current: bool
    #: The size that was embedded and cut to `dimensions`; None if nothing was cut.
    cut_from: int | None
    #: Whether an index can have this size: the model was trained for it, or gives it by itself.
    usable: bool
    #: Bytes of a vector as it is stored and searched, float32.
    bytes_per_vector: int
    #: Tokens of all contents of the index.
    tokens: int
    #: US dollars for embedding all contents once, by lane; None where no price is known.
    cost: Mapping[str, float | None]
    #: Median milliseconds of a sync call with one query, measured here and now.
    latency: float
    #: How many calls that is the median of.
    latency_calls: int
    #: Each metric, by its name, as a mean over the queries with its confidence interval.
    metrics: Mapping[str, Interval]
    #: Mean cosine of a query and an item that is relevant to it.
    relevant_similarity: float
    #: Mean cosine of a query and an item, drawn at random.
    random_similarity: float

    @property
    def cheapest(self) -> float | None:
        """US dollars for embedding all contents once in the cheaper lane; None where no price is known."""
        return min((cost for cost in self.cost.values() if cost is not None), default=None)


@attrs.frozen(kw_only=True)
class Difference:
    """What a candidate has more, or less, than the one that all are compared with."""

    #: The candidate's name.
    candidate: str
    #: For each metric the mean difference over the queries, with its confidence interval.
    metrics: Mapping[str, Interval]


@attrs.frozen(kw_only=True)
class Pair:
    """Two candidates side by side."""

    #: Their names.
    one: str
    other: str
    #: The mean part of the first k hits that both have, from 0 to 1.
    overlap: float
    #: Mean cosine between the vectors of the same texts, cut to the smaller size.
    cross_similarity: float


@attrs.frozen(kw_only=True)
class SizeRow:
    """One size of a model whose vectors can be cut."""

    #: The model.
    model: ModelId
    #: The size.
    dimensions: int
    #: Whether the model was trained for it.
    trained: bool
    #: The main metric, as a part of that at the model's largest size here; None if that is 0.
    quality: float | None
    #: Bytes of a vector, as a part of those at the largest size.
    memory: float


@attrs.frozen(kw_only=True)
class QueryRow:
    """One query, candidate by candidate."""

    #: Its id.
    id: str
    #: Its text.
    text: str
    #: Number of relevant items.
    relevant: int
    #: Cosine of the best hit for each candidate.
    best: Mapping[str, float]
    #: That, less the baseline's, in per cent of the baseline's; None where that is not above 0.
    best_change: Mapping[str, float | None]
    #: The id of the best hit for each candidate; empty if there is none.
    hit: Mapping[str, str]
    #: The main metric for each candidate.
    score: Mapping[str, float]


@attrs.frozen(kw_only=True)
class Verdict:
    """What to do, as a sentence."""

    #: ``switch``, ``stay`` or ``undecided``.
    choice: str
    #: The candidate that the sentence is about.
    candidate: str
    #: The sentence.
    sentence: str


@attrs.frozen(kw_only=True)
class Comparison:
    """Candidates on one corpus with one set of queries."""

    #: The index.
    index: str
    #: Items of the index.
    items: int
    #: Items that were ranked: all, or a sample.
    ranked: int
    #: Seed of the sample, of the drawn pairs and of the bootstrap.
    seed: int
    #: Depth of recall, nDCG and overlap.
    k: int
    #: Queries that were judged.
    queries: int
    #: Where they come from.
    method: str
    #: The name of the metric that the verdict is about.
    main: str
    #: The candidate that all others are compared with: the index's own space, or else the first.
    baseline: str
    #: Level of the confidence intervals of means.
    level: float
    #: Level of the intervals of differences: higher, so that all of them hold together at `level`.
    difference_level: float
    #: The candidates, the baseline first.
    candidates: tuple[Candidate, ...]
    #: All but the baseline against it.
    differences: tuple[Difference, ...]
    #: Each two candidates.
    pairs: tuple[Pair, ...]
    #: Models whose vectors were cut, size by size.
    sizes: tuple[SizeRow, ...]
    #: Each query.
    per_query: tuple[QueryRow, ...]
    #: US dollars that the comparison cost, queries included, as estimated; None where no price is known.
    spent: float | None
    #: What to know before the figures are believed.
    notes: tuple[str, ...]
    #: What to do.
    verdict: Verdict

    @property
    def crossing(self) -> list[Pair]:
        """The pairs of two models, at sizes that an index can have."""
        usable = {each.name: each.model for each in self.candidates if each.usable}
        return [
            pair
            for pair in self.pairs
            if pair.one in usable and pair.other in usable and usable[pair.one] != usable[pair.other]
        ]
