"""Filling a generation that is being built: embedding what it lacks, or cutting it from stored vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from embedlane.models.card import Lane
from embedlane.vectors.charges import billed
from embedlane.vectors.pending import Pending, Tally
from embedlane.vectors.resizing import Resizer
from embedlane.workspace.embedding import Embedding

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from embedlane.indexes.binding import IndexRecord
    from embedlane.indexes.generations import Generation
    from embedlane.jobs.job import Job
    from embedlane.jobs.manager import BatchManager
    from embedlane.ledger.database import Ledger
    from embedlane.workspace.lanes import Lanes
    from embedlane.workspace.reports import EmbedReport


@attrs.frozen(kw_only=True)
class Building:
    """Fills one generation of an index."""

    ledger: Ledger
    lanes: Lanes
    manager: BatchManager
    #: The index, with the generation that serves.
    record: IndexRecord
    #: The generation to fill.
    generation: Generation

    def cut(self, on_progress: Callable[[int], None]) -> int:
        """Cut the serving generation's vectors; return how many were stored."""
        return Resizer(
            ledger=self.ledger,
            index_id=self.record.id,
            generation_id=self.generation.id,
            source=self.record.bound,
            target=self.generation.bound,
            variant=self.generation.variant,
            on_progress=on_progress,
        ).run()

    def embed(
        self, on_progress: Callable[[int], None], on_change: Callable[[Job], None], *, wait: bool
    ) -> EmbedReport:
        """Embed what the generation lacks, through its lane; while it *waits*, also what is added meanwhile.

        Raises:
            RefusedError: If the plan is above what is left of the migration's budget.
            CapabilityError: If no installed provider serves the lane.
            ProviderError: If the provider fails for good; what came before is stored.
        """
        if self.generation.lane is Lane.SYNC:
            return self._embedding().now(on_progress)
        while True:
            before = self.tally()
            report = self._embedding().in_jobs(on_change, wait=wait)
            # Without progress the same would only happen again.
            if not wait or not report.tally.pending or report.tally.stored <= before.stored:
                return report

    def tally(self) -> Tally:
        """Count where the index's contents stand in the generation."""
        with self.ledger.read() as connection:
            return tally_in(connection, self.generation, self.manager.clock())

    def _embedding(self) -> Embedding:
        with self.ledger.read() as connection:
            budget = self._left(connection)
        return Embedding(
            ledger=self.ledger,
            lanes=self.lanes,
            manager=self.manager,
            record=attrs.evolve(self.record, bound=self.generation.bound, variant=self.generation.variant),
            limit=None,
            budget=budget,
            generation_id=self.generation.id,
        )

    def _left(self, connection: Connection) -> float | None:
        """US dollars left of the budget, less what open jobs are planned at; None for any amount."""
        if self.generation.budget is None:
            return None
        price = self.lanes.registry.card(self.generation.bound.space.model).price.batch or 0.0
        jobs = open_jobs(connection, self.manager, self.record.name, self.generation)
        planned = sum(job.estimated_tokens for job in jobs) * price / 1_000_000
        spent = billed_since(connection, self.record.name, self.generation) or 0.0
        return max(0.0, self.generation.budget - spent - planned)


def tally_in(connection: Connection, generation: Generation, now: float) -> Tally:
    """Count where the index's contents stand in *generation*."""
    return Pending(generation.index_id, generation.bound.id, variant=generation.variant).tally(
        connection, now
    )


def open_jobs(
    connection: Connection, manager: BatchManager, name: str, generation: Generation
) -> tuple[Job, ...]:
    """Jobs of the index *name* that are not over, and whose vectors are for *generation*."""
    unfinished = manager.book.unfinished(connection)
    return tuple(
        job
        for job in unfinished
        if not job.final and (job.space_id, job.account) == (generation.bound.id, name)
    )


def billed_since(connection: Connection, name: str, generation: Generation) -> float | None:
    """US dollars billed to the index *name* in the generation's space since it was begun; None if unknown."""
    charges = [
        each
        for each in billed(connection, name, generation.created_at)
        if each.space_id == generation.bound.id
    ]
    if any(each.price is None and each.usage.tokens for each in charges):
        return None
    return sum((each.price or 0.0) * each.usage.tokens / 1_000_000 for each in charges)
