"""Embedding what is pending in an index: now, or in jobs; within a budget, if there is one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from embedlane.jobs.dispatch import Dispatch
from embedlane.jobs.driver import Driver
from embedlane.jobs.planning import JobSize
from embedlane.models.card import Lane
from embedlane.vectors.canaries import Canaries, Canary
from embedlane.vectors.drift import require_no_drift
from embedlane.vectors.meter import Meter, MeteredRows
from embedlane.vectors.pending import Part, Pending, Tally
from embedlane.vectors.sync_lane import SyncLane
from embedlane.workspace.budget import require_budget
from embedlane.workspace.carrying import Carried
from embedlane.workspace.planning import meter_of
from embedlane.workspace.reports import EmbedReport

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from embedlane.indexes.binding import IndexRecord
    from embedlane.jobs.job import Job
    from embedlane.jobs.manager import BatchManager
    from embedlane.ledger.database import Ledger
    from embedlane.models.card import ModelCard
    from embedlane.workspace.lanes import Lanes


@attrs.frozen(kw_only=True)
class Embedding:
    """Embeds the pending contents of one index."""

    ledger: Ledger
    lanes: Lanes
    manager: BatchManager
    record: IndexRecord
    #: The most contents to send; None for all.
    limit: int | None
    #: The most US dollars to spend; None for any amount.
    budget: float | None
    #: The part of the index to embed; None for all of it.
    part: Part | None = None
    #: The generation that *record* is of, while it is being built; None for the serving one.
    generation_id: int | None = None

    def now(self, on_progress: Callable[[int], None]) -> EmbedReport:
        """Embed through the sync lane."""
        self.lanes.route(self._card, Lane.SYNC)
        carried = Carried(canaries=self._canaries())
        meter, allowance = self._measure(Lane.SYNC, carried)
        embedder = self.lanes.embedder(self.record.bound.space)
        try:
            report = SyncLane(
                ledger=self.ledger,
                bound=self.record.bound,
                caller=embedder.caller,
                concurrency=embedder.concurrency,
                clock=self.manager.clock,
                account=self.record.name,
                meter=meter,
                allowance=allowance,
                canaries=carried.canaries,
                part=self.part,
                variant=self.record.variant,
                generation_id=self.generation_id,
                on_progress=on_progress,
            ).run(self.record.id, self.limit)
        finally:
            embedder.close()
        provider = embedder.caller.checker.provider
        return EmbedReport(lane=Lane.SYNC, provider=provider, sync=report, tally=self._tally())

    def in_jobs(self, on_change: Callable[[Job], None], *, wait: bool) -> EmbedReport:
        """Embed in batch jobs; those that an earlier run has left are driven, too."""
        provider = self.lanes.route(self._card, Lane.BATCH).provider
        limits = self.lanes.batch_limits(provider, self.record.bound)
        theirs = self.lanes.provider_limits(provider, self.record.bound)
        carried = Carried.in_jobs(self._canaries(), theirs, limits)
        meter, allowance = self._measure(Lane.BATCH, carried)
        size = JobSize(
            rows=carried.rows,
            tokens=limits.enqueued_tokens,
            in_all=allowance,
            canaries=carried.sizes(meter),
        )
        driver = Driver(manager=self.manager, on_change=on_change)
        dispatch = Dispatch(
            driver=driver,
            pending=MeteredRows(self._pending, meter),
            provider=provider,
            account=self.record.name,
            space_id=self.record.bound.id,
        )
        earlier = dispatch.earlier()
        submitted = dispatch.submit(size, self.limit)
        drive = driver.finish if wait else driver.submit
        jobs = submitted | {job.id: job for job in drive({*submitted, *earlier})}
        return EmbedReport(lane=Lane.BATCH, provider=provider, jobs=tuple(jobs.values()), tally=self._tally())

    @property
    def _card(self) -> ModelCard:
        return self.lanes.registry.card(self.record.bound.space.model)

    @property
    def _pending(self) -> Pending:
        return Pending(
            self.record.id, self.record.bound.id, self.part, self.generation_id, self.record.variant
        )

    def _tally(self) -> Tally:
        with self.ledger.read() as connection:
            return self._pending.tally(connection, self.manager.clock())

    def _canaries(self) -> Sequence[Canary]:
        """The canaries to carry; chosen when the first contents are about to be sent.

        Raises:
            DriftError: If the model is known to have drifted.
        """
        now, bound = self.manager.clock(), self.record.bound
        with self.ledger.read() as connection:
            require_no_drift(connection, bound)
            if not self.lanes.config.canaries or not self._pending.hashes(connection, now, 1):
                return ()
        with self.ledger.write() as connection:
            return Canaries(bound).chosen(connection, self.record.id)

    def _measure(self, lane: Lane, carried: Carried) -> tuple[Meter, int | None]:
        """What says how many tokens a content has, and how many may be billed."""
        now = self.manager.clock()
        with self.ledger.read() as connection:
            meter = meter_of(connection, self.record, self.lanes, now, self.part)
            rows = MeteredRows(self._pending, meter, carried.besides(meter))
            if self.budget is None:
                return meter, None
            return meter, require_budget(
                connection, rows, self.record, self.lanes, lane, self.budget, self.limit, now
            )
