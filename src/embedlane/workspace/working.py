"""Driving all batch jobs, and topping up the generations that are being built in the batch lane."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import attrs

from embedlane.errors import EmbedlaneError
from embedlane.indexes.binding import load_index
from embedlane.indexes.generations import building_generations
from embedlane.jobs.driver import Driver
from embedlane.models.card import Lane
from embedlane.workspace.building import Building

if TYPE_CHECKING:
    from collections.abc import Callable

    from embedlane.jobs.job import Job
    from embedlane.jobs.manager import BatchManager
    from embedlane.ledger.database import Ledger
    from embedlane.workspace.lanes import Lanes

_log = logging.getLogger(__name__)


@attrs.frozen(kw_only=True)
class Working:
    """What ``embedlane work`` does."""

    ledger: Ledger
    lanes: Lanes
    manager: BatchManager
    #: Called with each job that has changed.
    on_change: Callable[[Job], None]

    def once(self) -> list[Job]:
        """Take each job as far as it goes now."""
        self._top_up()
        return self._driver.advance()

    def finish(self) -> list[Job]:
        """Drive all jobs until they have ended, and those for what is added to a migration meanwhile."""
        seen: dict[int, Job] = {}
        stored = -1
        while True:
            self._top_up()
            seen |= {job.id: job for job in self._driver.finish()}
            now = sum(building.tally().stored for building in self._building())
            # Without progress the same would only happen again.
            if now <= max(stored, 0):
                return list(seen.values())
            stored = now

    @property
    def _driver(self) -> Driver:
        return Driver(manager=self.manager, on_change=self.on_change)

    def _building(self) -> list[Building]:
        """The generations that are being built, of all indexes."""
        with self.ledger.read() as connection:
            return [
                Building(
                    ledger=self.ledger,
                    lanes=self.lanes,
                    manager=self.manager,
                    record=load_index(connection, name),
                    generation=generation,
                )
                for name, generation in building_generations(connection)
            ]

    def _top_up(self) -> None:
        for building in self._building():
            try:
                self._fill(building)
            except EmbedlaneError as error:
                # The jobs there are, and other migrations, may be well.
                _log.warning("the migration of '%s' waits: %s", building.record.name, error)

    def _fill(self, building: Building) -> None:
        if building.generation.lane is None:
            building.cut(lambda _count: None)
        elif building.generation.lane is Lane.BATCH and building.tally().pending:
            building.embed(lambda _count: None, self.on_change, wait=False)
