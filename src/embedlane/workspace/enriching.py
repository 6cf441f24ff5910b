"""Enriching an index: a model is asked about each chunk, in batch jobs, and what it says is embedded with it.

Theory of operation. What was made of a chunk is kept beside it, for as long as the chunk stays as it is. Of
what is lacking, a request is made, whose key is made of the request itself; so whatever was asked before, by
this index or by another, in this run or in one that was killed, is found again by its key, and is never
asked twice. Each step finds in the ledger what is left to do.
"""

from __future__ import annotations

import contextlib
from itertools import chain
from typing import TYPE_CHECKING, Any

import attrs
import orjson

from embedlane.errors import RefusedError, UsageError
from embedlane.generation.answers import asked_before
from embedlane.generation.sets import JobSet
from embedlane.indexes.binding import load_index
from embedlane.models.card import Lane, Role
from embedlane.providers.values import Prompt
from embedlane.text.enrichers import Enricher, Purpose
from embedlane.workspace.budget import dollars, require_amount
from embedlane.workspace.embedding import Embedding
from embedlane.workspace.enrichers import variant_name
from embedlane.workspace.enrichment_needs import Needs, state_of
from embedlane.workspace.enrichment_reports import EnrichmentPlan, EnrichmentReport, EnrichmentTally
from embedlane.workspace.generating import Generating
from embedlane.workspace.migrating import Migration
from embedlane.workspace.migration_standing import Standing, paused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection

    from embedlane.jobs.job import Job
    from embedlane.jobs.manager import BatchManager
    from embedlane.ledger.database import Ledger
    from embedlane.models.card import GenerationCard
    from embedlane.workspace.generation_set import GenerationSet
    from embedlane.workspace.lanes import Lanes
    from embedlane.workspace.reports import EmbedReport


def _silent(_: object) -> None:
    return


class _AskedMeanwhileError(Exception):
    """Another process has entered some of the same requests since they were looked for."""


@attrs.frozen(kw_only=True)
class Enrichment:
    """An enricher, a model, and an index. Comes from `Index.enrichment`.

    Killed at any instruction, the same again goes on.
    """

    _ledger: Ledger
    _lanes: Lanes
    _manager: BatchManager
    #: The index's name.
    index: str
    #: What is asked.
    enricher: Enricher
    #: The model that is asked.
    card: GenerationCard

    @property
    def variant(self) -> str:
        """What the ledger calls what is made, such as ``context by acme:talk-1``."""
        return variant_name(self.enricher, self.card)

    def plan(self, *, lane: Lane | str | None = None) -> EnrichmentPlan:
        """Say what enriching would take: requests, tokens, cost. Sends nothing, writes nothing.

        Args:
            lane: What embeds; None for the batch lane where the model has one.
        """
        record, tally = self._needs.record(), self.tally()
        space = record.bound.space
        card = self._lanes.registry.card(space.model)
        chosen = _lane(lane) or (Lane.BATCH if Lane.BATCH in card.lanes else Lane.SYNC)
        characters, texts, seen, tokens = 0, 0, set[str](), 0
        for needs in self._needs.pages(record):
            for need, key, asked in needs:
                texts, characters = texts + 1, characters + len(need.chunk.text)
                if asked is None and key not in seen:
                    seen.add(key)
                    asks = len(need.prompt) + len(self.enricher.system)
                    tokens += self.card.estimate_tokens(asks)
        output = len(seen) * self.enricher.answer_tokens
        plan = EnrichmentPlan(
            index=self.index,
            enricher=self.enricher.name,
            model=str(self.card.id),
            tally=tally,
            requests=len(seen),
            tokens=tokens,
            output_tokens=output,
            cost=self.card.cost(Lane.BATCH, tokens, output),
        )
        if self.enricher.purpose is not Purpose.TEXT or not texts:
            return plan
        characters += texts * (self.enricher.answer_tokens * 4 + len(space.render("", Role.DOCUMENT)))
        embedding = card.estimate_tokens(characters, texts)
        return attrs.evolve(
            plan,
            lane=chosen,
            embedding_tokens=embedding,
            embedding_cost=card.price.cost(chosen, embedding),
        )

    def tally(self) -> EnrichmentTally:
        """Count where the chunks stand."""
        return self._needs.tally()

    def run(
        self,
        *,
        lane: Lane | str | None = None,
        budget: float | None = None,
        wait: bool = True,
        on_progress: Callable[[int], None] = _silent,
        on_change: Callable[[Job], None] = _silent,
    ) -> EnrichmentReport:
        """Ask about what lacks it, keep the answers, and embed the enriched texts as a new generation.

        Args:
            lane: What embeds; None for the batch lane where the model has one.
            budget: The most US dollars that what is left to do may be planned at; None for any amount.
            wait: Wait for the jobs. Otherwise what can be done now is done; the same again goes on.
            on_progress: Called with numbers of contents that were embedded.
            on_change: Called with each job that has changed.

        Raises:
            RefusedError: If the plan is above the budget, or the index has another migration.
            CapabilityError: If a model is retired, or no installed provider serves it.
            ProviderError: If a provider fails for good; what came before is kept.
        """
        self._require_free()
        _lane(lane)
        if budget is not None:
            self._require_budget(budget, lane)
        sets = self._sets()
        reports = tuple(
            each.wait(on_change=on_change) if wait else each.submit(on_change=on_change) for each in sets
        )
        report = EnrichmentReport(
            index=self.index,
            enricher=self.enricher.name,
            model=str(self.card.id),
            kept=self._keep(),
            tally=self.tally(),
            sets=reports,
        )
        if report.tally.waiting or report.tally.new or not self._embeds(report):
            return report
        if self._needs.record().variant == self.variant:
            return attrs.evolve(report, embedded=self._embed(lane, budget, on_progress, on_change, wait=wait))
        build = self._migration.vary(
            self.variant,
            lane=lane,
            budget=budget,
            wait=wait,
            on_progress=on_progress,
            on_change=on_change,
        )
        return attrs.evolve(report, build=build)

    def questions(self) -> Iterator[dict[str, Any]]:
        """The questions that were made, each with the item that answers it, as `compare` reads them.

        Raises:
            UsageError: If the enricher makes none.
        """
        if self.enricher.purpose is not Purpose.QUESTIONS:
            raise UsageError(f"'{self.enricher.name}' makes no questions.", "Use one that does.")
        with self._ledger.read() as connection:
            relevant: dict[str, tuple[str, list[str]]] = {}
            for item, text in self._needs.book(load_index(connection, self.index)).texts(connection):
                for number, question in enumerate(orjson.loads(text)):
                    relevant.setdefault(question, (f"{item}?{number}", []))[1].append(item)
        for question, (name, items) in relevant.items():
            yield {"id": name, "text": question, "relevant": list(dict.fromkeys(items))}

    # --- asking ---------------------------------------------------------------------------------------

    def _sets(self) -> list[GenerationSet]:
        """The job sets that hold what is to be asked: those of earlier runs, and one for what is new."""
        while True:
            with contextlib.suppress(_AskedMeanwhileError):
                return self._entered()

    def _entered(self) -> list[GenerationSet]:
        earlier, new, model = set[int](), set[str](), str(self.card.id)
        generating = Generating(self._lanes, lambda: self._manager, has_ledger=True)

        def check(connection: Connection) -> None:
            if asked_before(connection, model, new):
                raise _AskedMeanwhileError

        rows = self._rows(earlier, new)
        first = next(rows, None)
        sets = []
        if first is not None:
            source = f"enrich-{self.index}"
            sets.append(generating.enter(chain([first], rows), model, source=source, check=check))
        with self._ledger.read() as connection:
            names = [JobSet.load(connection, number).name for number in sorted(earlier)]
        opened = [generating.open(name) for name in names]
        return [attrs.evolve(each, account=self.index) for each in (*opened, *sets)]

    def _rows(self, earlier: set[int], new: set[str]) -> Iterator[tuple[str, Prompt]]:
        """What was never asked, noting its keys in *new*, and in *earlier* the sets that are waited for."""
        for needs in self._needs.pages(self._needs.record()):
            for need, key, asked in needs:
                if state_of(asked) == "waiting" and asked is not None:
                    earlier.add(asked.jobset_id)
                elif asked is None and key not in new:
                    new.add(key)
                    schema = self.enricher.schema
                    yield key, Prompt(text=need.prompt, system=self.enricher.system, schema=schema)

    # --- keeping --------------------------------------------------------------------------------------

    def _keep(self) -> int:
        """Put the answers beside the chunks; return how many."""
        record, kept = self._needs.record(), 0
        for needs in self._needs.pages(record):
            texts = {}
            for need, _, asked in needs:
                made = self._needs.made(record, need, asked)
                if made is not None:
                    texts[need.chunk.number] = (need.chunk.content, made)
            if texts:
                with self._ledger.write() as connection:
                    self._needs.book(record).put(connection, texts)
            kept += len(texts)
        return kept

    # --- embedding ------------------------------------------------------------------------------------

    @property
    def _needs(self) -> Needs:
        return Needs(
            ledger=self._ledger,
            lanes=self._lanes,
            index=self.index,
            enricher=self.enricher,
            card=self.card,
        )

    @property
    def _migration(self) -> Migration:
        return Migration(name=self.index, ledger=self._ledger, lanes=self._lanes, manager=self._manager)

    def _embeds(self, report: EnrichmentReport) -> bool:
        return self.enricher.purpose is Purpose.TEXT and bool(report.tally.enriched)

    def _embed(
        self,
        lane: Lane | str | None,
        budget: float | None,
        on_progress: Callable[[int], None],
        on_change: Callable[[Job], None],
        *,
        wait: bool,
    ) -> EmbedReport:
        """Embed what is new in a generation that serves."""
        record = self._needs.record()
        embedding = Embedding(
            ledger=self._ledger,
            lanes=self._lanes,
            manager=self._manager,
            record=record,
            limit=None,
            budget=budget,
        )
        lanes = self._lanes.registry.card(record.bound.space.model).lanes
        chosen = _lane(lane) or (Lane.BATCH if Lane.BATCH in lanes else Lane.SYNC)
        if chosen is Lane.SYNC:
            return embedding.now(on_progress)
        return embedding.in_jobs(on_change, wait=wait)

    def _require_free(self) -> None:
        """Refuse before anything is asked, if the enriched texts could not be embedded then."""
        if self.enricher.purpose is not Purpose.TEXT:
            return
        with self._ledger.read() as connection:
            standing = Standing.of(connection, self.index)
            space = standing.record.bound.space
            building = standing.building_in(space, self.variant)
            if building is not None and building.paused:
                raise paused(self.index)
            if building is None and standing.serving.variant != self.variant:
                standing.book.require_free(connection, space, self.variant)

    def _require_budget(self, budget: float, lane: Lane | str | None) -> None:
        require_amount(budget)
        plan = self.plan(lane=lane)
        if plan.total is None:
            raise RefusedError(
                f"Nobody knows what enriching '{self.index}' costs, so no budget can be kept.",
                "Add the models' prices to the configuration, or leave out the budget.",
            )
        if plan.total > budget:
            raise RefusedError(
                f"Enriching '{self.index}' is planned at {dollars(plan.total)}: {plan.requests:,} requests "
                f"({plan.tokens:,} tokens in, {plan.output_tokens:,} out), {plan.embedding_tokens:,} tokens "
                f"to embed; the budget is {dollars(budget)}.",
                "Give a larger --budget, or another --model.",
            )


def _lane(lane: Lane | str | None) -> Lane | None:
    if lane is not None and lane not in set(Lane):
        raise UsageError(f"{lane!r} is no lane.", f"Use one of {', '.join(Lane)}.")
    return None if lane is None else Lane(lane)
