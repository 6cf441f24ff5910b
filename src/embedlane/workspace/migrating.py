"""Moving an index to another model, or another size, while it answers queries and takes items."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import attrs

from embedlane.errors import RefusedError
from embedlane.indexes.binding import load_index
from embedlane.jobs.states import BEFORE_THE_PROVIDER, REMOTE
from embedlane.models.capabilities import require_alive, require_dimensions
from embedlane.models.card import Lane
from embedlane.models.space import Space
from embedlane.workspace.building import Building, open_jobs, tally_in
from embedlane.workspace.gating import QualityGate, measure_gate, terms_of_swap
from embedlane.workspace.migration_planning import choose_lane, plan_migration, require_affordable
from embedlane.workspace.migration_reports import (
    AbortReport,
    BuildReport,
    FinishReport,
    MigrationPlan,
    MigrationStatus,
    SwapReport,
)
from embedlane.workspace.migration_standing import Standing, paused, status_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection

    from embedlane.indexes.binding import IndexRecord
    from embedlane.indexes.generations import Generation
    from embedlane.jobs.job import Job
    from embedlane.jobs.manager import BatchManager
    from embedlane.ledger.database import Ledger
    from embedlane.workspace.lanes import Lanes


def _silent(_: object) -> None:
    return


@attrs.frozen(kw_only=True)
class Migration:
    """The generations of one index, and the deeds that move it. Comes from `Workspace.migration`.

    Each deed may be killed at any instruction; the same deed again goes on.
    """

    #: The index's name.
    name: str
    _ledger: Ledger
    _lanes: Lanes
    _manager: BatchManager

    def plan(self, model: str, dimensions: int | None = None) -> MigrationPlan:
        """Say what moving to *model* would take. Sends nothing, writes nothing.

        Args:
            model: The model, as publisher:model.
            dimensions: Size of the vectors; None for the model's native size.

        Raises:
            UnknownNameError: If there is no such index or model.
            CapabilityError: If the model is retired or has no such size.
        """
        new = self._space(model, dimensions)
        with self._ledger.read() as connection:
            record = load_index(connection, self.name)
            return plan_migration(connection, record, new, self._lanes, self._manager.clock())

    def start(
        self,
        model: str,
        dimensions: int | None = None,
        *,
        lane: Lane | str | None = None,
        budget: float | None = None,
        gate: str | QualityGate = "",
        wait: bool = True,
        on_progress: Callable[[int], None] = _silent,
        on_change: Callable[[Job], None] = _silent,
    ) -> BuildReport:
        """Begin to move to *model*, or go on with it: the new generation is built beside the one that serves.

        A smaller size of a Matryoshka model is cut from stored vectors, without a call.

        Args:
            model: The model, as publisher:model.
            dimensions: Size of the vectors; None for the model's native size.
            lane: What embeds; None for the batch lane where the model has one.
            budget: The most US dollars that the migration may cost; None for any amount.
            gate: What the quality must be for a swap, such as ``ndcg@10 >= 0.98 * current``; alone, or with
                the queries that it is measured on.
            wait: In the batch lane, wait until the jobs have ended and their results are stored.
            on_progress: In the sync lane, called with numbers of contents that were answered.
            on_change: In the batch lane, called with each job that has changed.

        Raises:
            UnknownNameError: If there is no such index or model.
            CapabilityError: If the model is retired, or lacks the size or the lane, or nothing serves it.
            UsageError: If the gate is none.
            InputError: If its queries can't be read.
            RefusedError: If the index has another migration, this one is paused, or the plan is above the
                budget.
            ProviderError: If the provider fails for good; what came before is stored.
        """
        new = self._space(model, dimensions)
        terms = terms_of_swap(gate)
        with self._ledger.read() as connection:
            standing = Standing.of(connection, self.name)
        found = standing.building_in(new, standing.record.variant)
        if found is None:
            found = self._begun(standing.record, new, lane, budget, terms)
        else:
            found = self._continued(standing, found, lane, budget, terms)
        return self._build(standing.record, found, on_progress, on_change, wait=wait)

    def vary(
        self,
        variant: str,
        *,
        lane: Lane | str | None = None,
        budget: float | None = None,
        wait: bool = True,
        on_progress: Callable[[int], None] = _silent,
        on_change: Callable[[Job], None] = _silent,
    ) -> BuildReport:
        """Begin to embed what a model made of the items, or go on with it, in the space that serves.

        Args:
            variant: Who made it, as the ledger has it; empty for the items' own texts.
            lane: What embeds; None for the batch lane where the model has one.
            budget: The most US dollars that the generation may cost; None for any amount.
            wait: In the batch lane, wait until the jobs have ended and their results are stored.
            on_progress: In the sync lane, called with numbers of contents that were answered.
            on_change: In the batch lane, called with each job that has changed.

        Raises:
            RefusedError: If the index has another migration, this one is paused, or the plan is above the
                budget.
        """
        with self._ledger.read() as connection:
            standing = Standing.of(connection, self.name)
        record = attrs.evolve(standing.record, variant=variant)
        found, space = standing.building_in(record.bound.space, variant), record.bound.space
        if found is None:
            found = self._begun(record, space, lane, budget, {})
        else:
            found = self._continued(standing, found, lane, budget, {})
        return self._build(record, found, on_progress, on_change, wait=wait)

    def status(self) -> MigrationStatus:
        """Say how the generations of the index stand.

        Raises:
            UnknownNameError: If there is no such index.
        """
        with self._ledger.read() as connection:
            return self._status(connection)

    def pause(self) -> MigrationStatus:
        """Send nothing more for the new generation; what is at the provider goes on, and is stored.

        Raises:
            RefusedError: If no generation is being built.
        """
        with self._ledger.write() as connection:
            standing = Standing.of(connection, self.name)
            standing.book.adjust(connection, standing.building, paused=True)
            return self._status(connection)

    def resume(
        self,
        *,
        wait: bool = True,
        budget: float | None = None,
        on_progress: Callable[[int], None] = _silent,
        on_change: Callable[[Job], None] = _silent,
    ) -> BuildReport:
        """Go on with the new generation, paused or not.

        Args:
            wait: In the batch lane, wait until the jobs have ended and their results are stored.
            budget: The most US dollars that the whole migration may cost; None for what was said before.
            on_progress: In the sync lane, called with numbers of contents that were answered.
            on_change: In the batch lane, called with each job that has changed.

        Raises:
            RefusedError: If no generation is being built, or the plan is above the budget.
            ProviderError: If the provider fails for good; what came before is stored.
        """
        with self._ledger.write() as connection:
            standing = Standing.of(connection, self.name)
            values = {"paused": False} | ({} if budget is None else {"budget": budget})
            building = standing.book.adjust(connection, standing.building, **values)
        return self._build(standing.record, building, on_progress, on_change, wait=wait)

    def abort(self) -> AbortReport:
        """Give up the new generation. Its vectors stay: they are paid for, and count if it is begun again.

        Jobs that the provider has not seen are cancelled. What runs there goes on: it is billed, and stored.

        Raises:
            RefusedError: If no generation is being built.
        """
        self.pause()
        with self._ledger.read() as connection:
            standing = Standing.of(connection, self.name)
            building = standing.building
            jobs = open_jobs(connection, self._manager, self.name, building)
        # First the jobs: whoever is killed in between finds the migration paused, and aborts again.
        cancelled = tuple(filter(None, map(self._cancelled, jobs)))
        with self._ledger.write() as connection:
            standing.book.abort(connection, building, self._manager.clock())
            left = open_jobs(connection, self._manager, self.name, building)
            return AbortReport(status=self._status(connection), cancelled=cancelled, running=left)

    def swap(self, *, allow_missing: int = 0) -> SwapReport:
        """Switch readers to the new generation, in one transaction, and keep the old one.

        Args:
            allow_missing: The most contents that may lack a vector in the new generation.

        Raises:
            RefusedError: If more are missing, the gate does not hold, or no generation is being built.
        """
        with self._ledger.read() as connection:
            standing = Standing.of(connection, self.name)
        if standing.building.lane is None and not standing.building.paused:
            self._filler(standing.record, standing.building).cut(_silent)
        measured = measure_gate(self._ledger, self._lanes, self.name, standing.serving, standing.building)
        with self._ledger.write() as connection:
            standing = Standing.of(connection, self.name)
            building, now = standing.building, self._manager.clock()
            tally = tally_in(connection, building, now)
            missing = tally.wanted - tally.stored
            if missing > allow_missing:
                raise _incomplete(self.name, building, tally.wanted, missing)
            standing.book.swap(connection, standing.serving, building, now)
            return SwapReport(status=self._status(connection), missing=missing, measured=measured)

    def rollback(self) -> SwapReport:
        """Switch readers back to the generation that was kept, in one transaction; undoes `swap` exactly.

        The other one is being built again, and paused: `swap` switches to it once more, `abort` drops it.

        Raises:
            RefusedError: If no generation is kept.
        """
        with self._ledger.write() as connection:
            standing = Standing.of(connection, self.name)
            kept, now = standing.kept, self._manager.clock()
            standing.book.roll_back(connection, standing.serving, kept, now)
            tally = tally_in(connection, kept, now)
            return SwapReport(status=self._status(connection), missing=tally.wanted - tally.stored)

    def finish(self, *, keep_vectors: bool = False) -> FinishReport:
        """Drop the generation that was kept, for good, and its vectors if no other index needs them.

        Args:
            keep_vectors: Leave its vectors in the ledger; moving back costs nothing then.

        Raises:
            RefusedError: If no generation is kept.
        """
        with self._ledger.write() as connection:
            standing = Standing.of(connection, self.name)
            kept, now = standing.kept, self._manager.clock()
            removed = standing.book.finish(connection, kept, now, keep_vectors=keep_vectors)
            return FinishReport(status=self._status(connection), dropped=kept, removed=removed)

    def _status(self, connection: Connection) -> MigrationStatus:
        return status_of(connection, self._manager, self.name)

    def _space(self, model: str, dimensions: int | None) -> Space:
        card = self._lanes.registry.card(model)
        require_alive(card, self._lanes.today())
        return Space.of(card, require_dimensions(card, dimensions))

    def _begun(
        self,
        record: IndexRecord,
        new: Space,
        lane: Lane | str | None,
        budget: float | None,
        terms: Mapping[str, str],
    ) -> Generation:
        """Enter a generation, if it can be filled and paid for."""
        chosen, now = choose_lane(self._lanes, record, new, lane), self._manager.clock()
        if chosen is not None and budget is not None:
            require_affordable(self._ledger, record, new, self._lanes, chosen, budget, now)
        with self._ledger.write() as connection:
            standing = Standing.of(connection, self.name)
            # Another process may have begun the same in this moment.
            return standing.building_in(new, record.variant) or standing.book.begin(
                connection, new, now, lane=chosen, budget=budget, variant=record.variant, **terms
            )

    def _continued(
        self,
        standing: Standing,
        found: Generation,
        lane: Lane | str | None,
        budget: float | None,
        terms: Mapping[str, str],
    ) -> Generation:
        """Go on with a generation that is being built, under what is said anew.

        Raises:
            RefusedError: If it is paused.
        """
        if found.paused:
            raise paused(self.name)
        values: dict[str, object] = dict(terms)
        if lane is not None:
            chosen = choose_lane(self._lanes, standing.record, found.bound.space, lane)
            values["lane"] = chosen.value if chosen else None
        values |= {"budget": budget} if budget is not None else {}
        if not values:
            return found
        with self._ledger.write() as connection:
            return standing.book.adjust(connection, found, **values)

    def _build(
        self,
        record: IndexRecord,
        generation: Generation,
        on_progress: Callable[[int], None],
        on_change: Callable[[Job], None],
        *,
        wait: bool,
    ) -> BuildReport:
        filler = self._filler(record, generation)
        if generation.lane is None:
            return BuildReport(cut=filler.cut(on_progress), status=self.status())
        embedded = filler.embed(on_progress, on_change, wait=wait)
        return BuildReport(embedded=embedded, status=self.status())

    def _filler(self, record: IndexRecord, generation: Generation) -> Building:
        return Building(
            ledger=self._ledger,
            lanes=self._lanes,
            manager=self._manager,
            record=record,
            generation=generation,
        )

    def _cancelled(self, job: Job) -> Job | None:
        """Cancel *job* if the provider has not seen it."""
        if job.state not in BEFORE_THE_PROVIDER - REMOTE:
            return None
        # Another process may be submitting it in this moment.
        with contextlib.suppress(RefusedError):
            return self._manager.cancel(job)
        return None


def _incomplete(name: str, building: Generation, wanted: int, missing: int) -> RefusedError:
    brings = (
        f"`embedlane embed {name}` and then `embedlane migrate resume {name}` bring them"
        if building.lane is None
        else f"`embedlane migrate resume {name} --wait` embeds them"
    )
    return RefusedError(
        f"Generation {building.number} of '{name}' lacks {missing:,} of {wanted:,} contents.",
        f"{brings}; `embedlane migrate swap {name} --allow-missing {missing}` switches without them.",
    )
