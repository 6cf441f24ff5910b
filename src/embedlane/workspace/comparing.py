"""Comparing models and sizes on an index: what it would cost, and what comes of it.

Theory of operation. The vectors of a candidate go into the archive under its space, as those of an index do,
so they are paid once: a second comparison, or the migration that follows, finds them. No index is made for
that; the index's own record is lent to each candidate's space. A size that can be cut from a larger one is
not embedded. Query vectors are not kept.
"""

from __future__ import annotations

import math
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import numpy as np

from embedlane.errors import IncompleteError, RefusedError, UsageError
from embedlane.evaluation.geometry import cut, random_pairs
from embedlane.evaluation.judging import Judgments, measure
from embedlane.evaluation.queries import QuerySet
from embedlane.evaluation.summary import Entry, Setting, summarise
from embedlane.indexes.corpus import content_lengths, corpus_vectors
from embedlane.models.card import Lane, Role
from embedlane.models.space import Space
from embedlane.vectors.bound import BoundSpace
from embedlane.vectors.pending import Pending
from embedlane.vectors.reading import known_spaces, stored_contents
from embedlane.workspace.candidates import choose
from embedlane.workspace.embedding import Embedding
from embedlane.workspace.fitting import too_long
from embedlane.workspace.planning import meter_of, plan_lanes
from embedlane.workspace.querying import ask
from embedlane.workspace.reports import ComparePlan, EmbedPlan
from embedlane.workspace.trial import prepare

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection

    from embedlane.evaluation.comparison import Comparison
    from embedlane.evaluation.queries import Query
    from embedlane.indexes.binding import IndexRecord
    from embedlane.indexes.corpus import CorpusItem
    from embedlane.jobs.job import Job
    from embedlane.jobs.manager import BatchManager
    from embedlane.ledger.database import Ledger
    from embedlane.models.names import ModelId
    from embedlane.workspace.candidates import Choice
    from embedlane.workspace.lanes import Lanes
    from embedlane.workspace.trial import Trial

#: Texts by which the vectors of two candidates are compared.
_SHARED = 1000
#: Pairs of a query and an item that are drawn for the mean similarity of unrelated texts.
_PAIRS = 2000


def _lane(value: str) -> Lane:
    if value not in set(Lane):
        raise UsageError(f"{value!r} is no lane.", f"Use one of {', '.join(Lane)}.")
    return Lane(value)


def _positive(_instance: object, attribute: attrs.Attribute[int], value: int | None) -> None:
    if value is not None and value < 1:
        raise UsageError(f"{attribute.name} is {value}.", "Give 1 or more.")


def _sizes(_instance: object, _attribute: attrs.Attribute[Sequence[int]], sizes: Sequence[int]) -> None:
    for size in sizes:
        if size < 1:
            raise UsageError(f"{size} is no number of dimensions.", "Give 1 or more.")


def _seed(_instance: object, _attribute: attrs.Attribute[int], seed: int) -> None:
    if seed < 0:
        raise UsageError(f"seed is {seed}.", "Give 0 or more.")


@attrs.frozen(kw_only=True)
class CompareOptions:
    """What to compare, and on what."""

    #: The models, as publisher:model; none for the index's own.
    models: Sequence[str] = ()
    #: The sizes of vectors; none for each model's native size.
    dimensions: Sequence[int] = attrs.field(default=(), validator=_sizes)
    #: A file of queries, or queries; None to derive them from the index's own texts.
    queries: str | Path | QuerySet | None = None
    #: TREC judgments, for a file of queries that has none.
    qrels: str | Path | None = None
    #: How many items to rank; None for all. Relevant ones are always among them.
    sample: int | None = attrs.field(default=None, validator=_positive)
    #: Chooses the sample, the derived queries, and what the bootstrap draws.
    seed: int = attrs.field(default=0, validator=_seed)
    #: How many hits of a query count.
    k: int = attrs.field(default=10, validator=_positive)
    #: The lane to embed the corpus through. Queries go through the sync lane.
    lane: Lane = attrs.field(default=Lane.SYNC, converter=_lane)
    #: The most US dollars to spend; None for any amount.
    budget: float | None = None


@attrs.define(kw_only=True)
class Comparing:
    """One comparison: its plan, and its run."""

    ledger: Ledger
    lanes: Lanes
    manager: BatchManager
    record: IndexRecord
    options: CompareOptions
    _tokens: dict[ModelId, int] = attrs.field(factory=dict, init=False)

    def plan(self) -> ComparePlan:
        """Say what it would cost. Sends nothing.

        Raises:
            UnknownNameError: If there is no such model.
            CapabilityError: If there is nothing to compare, or a model can't embed queries here.
            InputError: If queries can't be read or derived, or none has a relevant item.
        """
        choices, notes = self._choices
        return ComparePlan(
            candidates=tuple(choice.name for choice in choices),
            items=self._trial.total,
            ranked=len(self._trial.items),
            queries=len(self._trial.queries),
            method=self._trial.method,
            embeds=tuple(self._plan(space) for space in self._bases),
            notes=(*notes, *self._trial.notes),
        )

    def run(
        self,
        on_plan: Callable[[ComparePlan], None] = lambda _plan: None,
        on_progress: Callable[[int], None] = lambda _count: None,
        on_change: Callable[[Job], None] = lambda _job: None,
    ) -> Comparison:
        """Embed what is missing, rank, and compare.

        Args:
            on_plan: Called with the plan before anything is sent.
            on_progress: In the sync lane, called with numbers of contents that were answered.
            on_change: In the batch lane, called with each job that has changed.

        Raises:
            RefusedError: If the plan is above the budget, or a price is not known.
            IncompleteError: If contents have no vector in the end.
            ProviderError: If the provider fails for good; what came before is stored.
            EmbedlaneError: What `plan` raises.
        """
        plan = self.plan()
        self._require_budget(plan)
        on_plan(plan)
        for embed in plan.embeds:
            if embed.rows:
                self._embed(embed, on_progress, on_change)
        return self._measure(plan)

    @cached_property
    def _trial(self) -> Trial:
        options, registry = self.options, self.lanes.registry
        others = {registry.card(model).id: registry.card(model) for model in options.models}
        others.pop(self.record.bound.space.model, None)
        with self.ledger.read() as connection:
            trial = prepare(
                connection, self.record, options.queries, options.qrels, options.sample, options.seed
            )
            for card in others.values():
                bound = self._lent(connection, Space.of(card)).bound
                limit, counter = card.limits.tokens_per_input, self.lanes.counter(bound.space)
                missing = too_long(connection, self.record, bound, limit, counter)
                trial = trial.without(missing, f"{card.id}, which takes {limit} tokens", self.record.name)
        return trial

    @cached_property
    def _choices(self) -> tuple[list[Choice], list[str]]:
        with self.ledger.read() as connection:
            return choose(
                self.record.bound.space,
                self.options.models,
                self.options.dimensions,
                self.lanes,
                lambda space: self._complete(connection, space),
                [bound.space for bound in known_spaces(connection)],
            )

    @property
    def _bases(self) -> list[Space]:
        """The spaces to embed, each once."""
        return list(dict.fromkeys(choice.base for choice in self._choices[0]))

    def _complete(self, connection: Connection, space: Space) -> bool:
        bound = self._lent(connection, space).bound
        tally = Pending(self.record.id, bound.id, self._trial.part, variant=self.record.variant).tally(
            connection, self.manager.clock()
        )
        return tally.stored == tally.wanted

    def _lent(self, connection: Connection, space: Space) -> IndexRecord:
        """The index's record, as if it were bound to *space*; nothing is written for that."""
        known = {bound.space: bound for bound in known_spaces(connection)}
        return attrs.evolve(self.record, bound=known.get(space, BoundSpace(-1, space)))

    def _plan(self, space: Space) -> EmbedPlan:
        """What embedding contents and queries in *space* would cost."""
        card, now = self.lanes.registry.card(space.model), self.manager.clock()
        with self.ledger.read() as connection:
            record = self._lent(connection, space)
            planned = plan_lanes(connection, record, self.lanes, now, self._trial.part)
        asked = [space.render(query.text, Role.QUERY) for query in self._trial.queries]
        tokens = card.estimate_tokens(sum(map(len, asked)), len(asked))
        lane = self.options.lane
        billed = next(each.tokens or 0 for each in planned.lanes if each.lane is lane) if planned.rows else 0
        return EmbedPlan(
            space=space,
            lane=lane,
            provider=self.lanes.route(card, lane).provider if planned.rows else "",
            rows=planned.rows,
            tokens=billed,
            cost=card.price.cost(lane, billed) if planned.rows else 0.0,
            query_tokens=tokens,
            query_cost=card.price.cost(Lane.SYNC, tokens),
            whole_tokens=self._whole_tokens(space.model),
        )

    def _whole_tokens(self, model: ModelId) -> int:
        """Tokens of all contents of the index for a model, by one rule for all of its sizes."""
        if model not in self._tokens:
            with self.ledger.read() as connection:
                record = self._lent(connection, Space.of(self.lanes.registry.card(model)))
                meter = meter_of(connection, record, self.lanes, self.manager.clock(), self._trial.part)
                lengths = content_lengths(connection, self.record.id, self.record.variant)
            self._tokens[model] = sum(meter.by_rule(length) * number for length, number in lengths.items())
        return self._tokens[model]

    def _require_budget(self, plan: ComparePlan) -> None:
        budget = self.options.budget
        if budget is None:
            return
        if not (math.isfinite(budget) and budget >= 0):
            raise UsageError(f"{budget} is no budget.", "Give US dollars, such as 2.50.")
        if plan.cost is None:
            unknown = next(e for e in plan.embeds if e.cost is None or e.query_cost is None)
            raise RefusedError(
                f"Nobody knows what {unknown.space.model} costs, so no budget can be kept.",
                "Add its price to the configuration, as [models.price] of a [[models]] entry, or leave out "
                "the budget.",
            )
        if plan.cost > budget:
            raise RefusedError(
                f"Comparing on '{self.record.name}' is planned at ${plan.cost:.6g}; the budget is "
                f"${budget:.6g}.",
                "Embed a part with --sample N, or use --lane batch; --plan shows what each would cost.",
            )

    def _embed(
        self, plan: EmbedPlan, on_progress: Callable[[int], None], on_change: Callable[[Job], None]
    ) -> None:
        """Store the vectors that are missing in a space."""
        with self.ledger.write() as connection:
            bound = BoundSpace.register(connection, plan.space, self.manager.clock())
        embedding = Embedding(
            ledger=self.ledger,
            lanes=self.lanes,
            manager=self.manager,
            record=attrs.evolve(self.record, bound=bound),
            limit=None,
            # What was planned is within the budget; a bill above the plan is stopped.
            budget=None if self.options.budget is None else plan.cost,
            part=self._trial.part,
        )
        if plan.lane is Lane.SYNC:
            report = embedding.now(on_progress)
        else:
            report = embedding.in_jobs(on_change, wait=True)
        if report.sync is not None and report.sync.interrupted:
            raise KeyboardInterrupt
        if report.sync is not None and report.sync.exhausted:
            raise RefusedError(
                f"The provider bills more for {plan.space.model} than was planned: the budget is used up.",
                "What was embedded is kept; the same command with a larger --budget goes on.",
            )
        left = report.tally.wanted - report.tally.stored - report.tally.refused
        if left:
            raise IncompleteError(
                f"{left:,} of {report.tally.wanted:,} contents have no vector of {plan.space.model} yet.",
                "The same command again goes on where this one stopped; `embedlane jobs list` shows jobs.",
            )

    def _measure(self, plan: ComparePlan) -> Comparison:
        items, notes = self._shared_items()
        positions = {item.id: place for place, item in enumerate(items)}
        judged = [(query, Judgments.of(query, positions)) for query in self._trial.queries]
        judged = [pair for pair in judged if len(pair[1].relevant)]
        if not judged:
            raise IncompleteError(
                "No relevant item has a vector of every candidate.",
                f"`embedlane index failures {self.record.name}` shows what was refused.",
            )
        queries, judgments = [query for query, _ in judged], [judgment for _, judgment in judged]
        setting = Setting(
            index=self.record.name,
            items=self._trial.total,
            ids=[item.id for item in items],
            queries=queries,
            method=self._trial.method,
            seed=self.options.seed,
            k=self.options.k,
            spent=plan.cost,
            notes=(*plan.notes, *notes),
        )
        entries = {
            entry.name: entry
            for embed in plan.embeds
            for entry in self._entries(embed, items, queries, judgments)
        }
        return summarise([entries[choice.name] for choice in self._choices[0]], setting)

    def _shared_items(self) -> tuple[list[CorpusItem], list[str]]:
        """The items that have a vector in every space that is compared."""
        contents, notes = self._trial.contents, []
        common = set(contents)
        with self.ledger.read() as connection:
            for space in self._bases:
                found = stored_contents(connection, self._lent(connection, space).bound, contents)
                if len(found) < len(contents):
                    notes.append(
                        f"{len(contents) - len(found):,} of {len(contents):,} contents are left out for all "
                        f"candidates: {space.model} refused them, so an index of it would not find them."
                    )
                common &= found
        return [item for item in self._trial.items if item.content in common], notes

    def _entries(
        self,
        plan: EmbedPlan,
        items: Sequence[CorpusItem],
        queries: Sequence[Query],
        judgments: Sequence[Judgments],
    ) -> list[Entry]:
        """Measure all candidates that are cut from one space, or are it."""
        card = self.lanes.registry.card(plan.space.model)
        asked = ask(self.lanes.queries(plan.space), queries)
        with self.ledger.read() as connection:
            vectors = corpus_vectors(connection, self._lent(connection, plan.space).bound, items)
        seed = self.options.seed
        pairs = random_pairs(len(queries), len(items), _PAIRS, seed)
        shared = np.random.default_rng(seed).permutation(len(items))[:_SHARED]
        made = []
        for choice in self._choices[0]:
            if choice.base != plan.space:
                continue
            size = choice.space.dimensions
            small = cut(vectors, size)
            made.append(
                Entry(
                    name=choice.name,
                    model=choice.space.model,
                    dimensions=size,
                    current=choice.current,
                    cut_from=choice.cut_from,
                    usable=choice.usable,
                    tokens=plan.whole_tokens,
                    cost={
                        lane.value: card.price.cost(lane, plan.whole_tokens)
                        for lane in sorted(card.lanes, reverse=True)
                    },
                    latency=asked.seconds * 1000,
                    latency_calls=asked.calls,
                    measured=measure(small, cut(asked.vectors, size), judgments, [self.options.k], pairs),
                    shared=small[shared],
                )
            )
        return made
