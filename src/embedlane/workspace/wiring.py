"""What a workspace opens when it is first needed, and closes: the ledger, the lanes, the jobs' manager."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from embedlane.jobs.manager import BatchManager
from embedlane.ledger.database import Ledger
from embedlane.workspace.lanes import Lanes

if TYPE_CHECKING:
    from collections.abc import Callable

    from embedlane.config.settings import Config
    from embedlane.jobs.desk import BatchLane
    from embedlane.jobs.job import Job
    from embedlane.plugin.discovery import Plugins
    from embedlane.workspace.catalogue import Catalogue


@attrs.define(kw_only=True)
class Wiring:
    """Opens each thing once."""

    #: All settings.
    config: Config
    #: What discovery found.
    plugins: Plugins
    #: All model cards and routes.
    catalogue: Catalogue
    #: Seconds since 1970.
    clock: Callable[[], float]
    _ledger: Ledger | None = attrs.field(default=None, init=False)
    _lanes: Lanes | None = attrs.field(default=None, init=False)

    @property
    def has_ledger(self) -> bool:
        """Whether there is a ledger yet."""
        place = self.config.ledger
        return self._ledger is not None or not isinstance(place, Path) or place.exists()

    @property
    def ledger(self) -> Ledger:
        """The ledger; made when it is first asked for."""
        if self._ledger is None:
            self._ledger = Ledger.open(self.config.ledger)
        return self._ledger

    @property
    def lanes(self) -> Lanes:
        """Opens routes."""
        if self._lanes is None:
            self._lanes = Lanes(
                config=self.config,
                registry=self.catalogue.registry,
                plugins=self.plugins,
                directory=self.config.directory / "providers",
                clock=self.clock,
            )
        return self._lanes

    @property
    def manager(self) -> BatchManager:
        """Drives batch jobs."""
        return BatchManager(
            ledger=self.ledger,
            open_lane=self._open_lane,
            directory=self.config.directory / "jobs",
            clock=self.clock,
        )

    def close(self) -> None:
        """Close the ledger and all lanes."""
        if self._lanes is not None:
            self._lanes.close()
        if self._ledger is not None:
            self._ledger.close()
        self._lanes = self._ledger = None

    def _open_lane(self, job: Job) -> BatchLane:
        return self.lanes.of_job(self.ledger, job)
