"""The workspace: the one object that wires a config, a ledger and the plugins."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import attrs

from embedlane.config.settings import Config, load_config
from embedlane.errors import RefusedError, UnknownNameError
from embedlane.indexes.binding import create_index, drop_index, list_indexes, load_index
from embedlane.indexes.items import forget_unused_contents
from embedlane.jobs.book import JobBook
from embedlane.jobs.job import EventRecord, Job
from embedlane.jobs.manager import BatchManager
from embedlane.ledger.database import Ledger
from embedlane.models.capabilities import require_alive
from embedlane.models.names import ModelId
from embedlane.plugin.discovery import Declarations, Plugins, discover
from embedlane.plugin.selection import PluginSelection
from embedlane.vectors.pending import Pending, Tally
from embedlane.workspace.agreement import agree, configured_settings, space_of, space_to_make
from embedlane.workspace.catalogue import Catalogue
from embedlane.workspace.checkup import check_all, check_drifts, check_refusals
from embedlane.workspace.comparing import CompareOptions, Comparing
from embedlane.workspace.costs import cost_report
from embedlane.workspace.generating import Generating
from embedlane.workspace.index import Index
from embedlane.workspace.job_reports import JobReports
from embedlane.workspace.lanes import Lanes
from embedlane.workspace.migrating import Migration
from embedlane.workspace.reports import CostReport, Finding, JobReport
from embedlane.workspace.retirement import retirement_notice
from embedlane.workspace.wiring import Wiring
from embedlane.workspace.working import Working

if TYPE_CHECKING:
    from embedlane.generation.reading import RowLike
    from embedlane.indexes.binding import IndexRecord
    from embedlane.indexes.settings import IndexSettings
    from embedlane.models.registry import Registry
    from embedlane.models.space import Space
    from embedlane.providers.embedder import Embedder
    from embedlane.providers.route import Route
    from embedlane.workspace.generation_set import GenerationSet

# What it says is for people, who know no modules.
_log = logging.getLogger("embedlane")


@attrs.define(kw_only=True)
class Workspace:
    """The library's front door. Use it as a context manager, or close it.

    Opening it reads the configuration and finds the plugins; no SDK is imported and no ledger is made
    before something needs it.
    """

    #: All settings.
    config: Config
    #: What discovery found.
    plugins: Plugins
    #: Seconds since 1970; another clock for tests.
    clock: Callable[[], float] = time.time
    _catalogue: Catalogue = attrs.field(
        init=False, default=attrs.Factory(lambda self: Catalogue(self.config, self.plugins), takes_self=True)
    )
    _wiring: Wiring = attrs.field(init=False)
    _told: set[str] = attrs.field(factory=set, init=False)

    @_wiring.default
    def _wire(self) -> Wiring:
        # Tests change the clock of a workspace that is open.
        clock = lambda: self.clock()  # noqa: E731, PLW0108
        return Wiring(config=self.config, plugins=self.plugins, catalogue=self._catalogue, clock=clock)

    @classmethod
    def open(cls, path: str | Path | None = None, *, config: Config | None = None) -> Self:
        """Open the workspace of a folder.

        Args:
            path: A folder, whose configuration is looked for in it and above it, or a configuration file;
                None for the working directory.
            config: Use this configuration instead of reading one.

        Raises:
            ConfigError: If the configuration is malformed; names the file and the key.
        """
        if config is None:
            place = Path(path) if path is not None else None
            config = load_config(file=place) if place and place.is_file() else load_config(place)
        selection = None if config.plugins is None else PluginSelection.parse(config.plugins, config.place)
        return cls(config=config, plugins=discover(selection))

    @property
    def registry(self) -> Registry[Route]:
        """All model cards and routes: the core's, the plugins', and the configuration's."""
        return self._catalogue.registry

    @property
    def declarations(self) -> Declarations:
        """What the plugins declare, and which of them are broken."""
        return self._catalogue.declarations

    def embedder(self, model: str, dimensions: int | None = None) -> Embedder:
        """Open an embedder that needs no index.

        Args:
            model: The model, as publisher:model.
            dimensions: Size of the vectors; None for the model's native size.

        Raises:
            UnknownNameError: If there is no such model; lists near misses.
            CapabilityError: If the model has no such size, or no provider for its sync lane is installed.
        """
        return self.lanes.embedder(self._space(model, dimensions))

    def create_index(
        self,
        name: str,
        model: str | None = None,
        *,
        dimensions: int | None = None,
        settings: IndexSettings | None = None,
    ) -> Index:
        """Make an index and bind it to a model's space for life.

        Args:
            name: Its name.
            model: The model, as publisher:model; None for what the configuration says about the index, or
                else for the best local model that is installed.
            dimensions: Size of the vectors; None for the configuration's, or the model's native size.
            settings: How its documents are cut; None for what the configuration says.

        Raises:
            UnknownNameError: If there is no such model.
            CapabilityError: If the model is retired or has no such size.
            RefusedError: If there is an index of that name.
        """
        planned = self.config.indexes.get(name)
        space = space_to_make(self.config, self.registry, name, model, dimensions, self.default_model)
        require_alive(self.registry.card(space.model), self.lanes.today())
        settings = settings or configured_settings(planned)
        with self.ledger.write() as connection:
            record = create_index(connection, name, space, settings, self.clock())
        return self._index(record)

    def index(self, name: str, *, model: str | None = None, dimensions: int | None = None) -> Index:
        """Open an index; one that the configuration describes is made when it is first asked for.

        Args:
            name: Its name.
            model: The model that the caller expects it to be bound to; None for any.
            dimensions: The size that goes with *model*; None for the model's native size.

        Raises:
            UnknownNameError: If there is none; lists near misses.
            SpaceMismatchError: If it is bound to another space than the configuration or the caller says.
        """
        planned = self.config.indexes.get(name)
        if planned is not None and not self._has_index(name):
            try:
                return self.create_index(name)
            except RefusedError:
                # Another process may have made it in this moment.
                if not self._has_index(name):
                    raise
        self._require_ledger(name)
        with self.ledger.read() as connection:
            record = load_index(connection, name)
            if planned is not None:
                space = self._space(planned.model, planned.dimensions)
                self._tell(agree(connection, record, space, self.config))
        if model is not None:
            record.require(self._space(model, dimensions))
        self._tell(retirement_notice(record, self.registry, self.lanes.today()))
        return self._index(record)

    def migration(self, name: str) -> Migration:
        """The generations of an index, and the deeds that move it to another model.

        Args:
            name: The index; one that the configuration disagrees with can be moved, too.

        Raises:
            UnknownNameError: If there is none; lists near misses.
        """
        self._require_ledger(name)
        with self.ledger.read() as connection:
            load_index(connection, name)
        return Migration(name=name, ledger=self.ledger, lanes=self.lanes, manager=self.manager)

    def indexes(self) -> list[IndexRecord]:
        """All indexes in the ledger, by name."""
        if not self.has_ledger:
            return []
        with self.ledger.read() as connection:
            return list_indexes(connection)

    def tally(self, record: IndexRecord) -> Tally:
        """Count where the contents of an index stand."""
        with self.ledger.read() as connection:
            return Pending(record.id, record.bound.id, variant=record.variant).tally(connection, self.clock())

    def drop_index(self, name: str) -> None:
        """Remove an index, its items, and texts that no other index has.

        Vectors stay in the ledger: they are paid for, and another index of the same space finds them.

        Raises:
            UnknownNameError: If there is none.
        """
        self._require_ledger(name)
        with self.ledger.write() as connection:
            # Not by `index`: one that the configuration disagrees with can be dropped, too.
            drop_index(connection, load_index(connection, name))
            forget_unused_contents(connection)

    def jobs(self) -> list[JobReport]:
        """All batch jobs, the oldest first."""
        return self._jobs.all()

    def job(self, job_id: int) -> JobReport:
        """One batch job.

        Raises:
            UnknownNameError: If there is none of that number.
        """
        return self._jobs.of(self._jobs.get(job_id))

    def job_events(self, job_id: int) -> list[EventRecord]:
        """The story of a batch job.

        Raises:
            UnknownNameError: If there is none of that number.
        """
        return self._jobs.events(job_id)

    def cancel_job(self, job_id: int) -> JobReport:
        """Stop a batch job; rows that have no vector by then are pending again.

        Raises:
            UnknownNameError: If there is none of that number.
            RefusedError: If it can't be cancelled in its state.
        """
        return self._jobs.of(self.manager.cancel(self._jobs.get(job_id)))

    def resolve_job(self, job_id: int, adopt: str | None = None) -> JobReport:
        """Say what a create did whose answer was lost.

        Args:
            job_id: The job's number.
            adopt: The provider's name of the job that was created; None if none was, so that it is created
                anew.

        Raises:
            UnknownNameError: If there is none of that number.
            RefusedError: If nothing about the job is in doubt, or the provider does not know the adopted one.
        """
        return self._jobs.of(self.manager.resolve(self._jobs.get(job_id), adopt))

    def work(self, *, once: bool = False, on_change: Callable[[Job], None] = lambda _job: None) -> list[Job]:
        """Drive all batch jobs: submit, poll, collect. Migrations get jobs for what they lack.

        Args:
            once: Take each job as far as it goes now, instead of waiting until all are final.
            on_change: Called with each job that has changed.

        Returns:
            The jobs that were cared for, as they are now.
        """
        if not self.has_ledger:
            return []
        working = Working(ledger=self.ledger, lanes=self.lanes, manager=self.manager, on_change=on_change)
        return working.once() if once else working.finish()

    def costs(self, name: str | None = None, *, since: float | None = None) -> CostReport:
        """Say what was billed, beside what was planned.

        Args:
            name: The index; None for all, those that are dropped included.
            since: Seconds since 1970; None for all that was ever billed.

        Raises:
            UnknownNameError: If there is no index *name*, and never was one that was billed.
        """
        if name is not None:
            self._require_ledger(name)
        if not self.has_ledger:
            return CostReport()
        with self.ledger.read() as connection:
            return cost_report(connection, JobBook(self.clock), self.registry, name, since)

    def compare(self, name: str, options: CompareOptions) -> Comparing:
        """Compare models and sizes on the texts of an index: see `Comparing.plan` and `Comparing.run`.

        Raises:
            UnknownNameError: If there is no such index.
        """
        return Comparing(
            ledger=self.ledger,
            lanes=self.lanes,
            manager=self.manager,
            record=self.index(name).record,
            options=options,
        )

    def generate(
        self, rows: Iterable[RowLike], model: str, *, schema: Any = None, budget: float | None = None
    ) -> GenerationSet:
        """Enter requests, send them in batch jobs, and return them; see `Generating.enter` and `submit`."""
        made = self.generation.enter(rows, model, schema=schema)
        made.submit(budget=budget)
        return made

    @property
    def generation(self) -> Generating:
        """Sets of requests to models that generate."""
        return Generating(self.lanes, lambda: self.manager, has_ledger=self.has_ledger)

    def doctor(self) -> list[Finding]:
        """Look for what is wrong or soon will be: plugins, keys, retirements, stuck jobs."""
        jobs = [report.job for report in self.jobs()]
        now, records = self.clock(), self.indexes()
        found = list(check_all(self.declarations, self.registry, self.lanes, records, jobs, now))
        if not records:
            return found
        return [*found, *check_drifts(self.ledger, records), *check_refusals(self.ledger, records)]

    def default_model(self) -> ModelId:
        """The model of the best installed route that needs no key."""
        return self._catalogue.default_model()

    @property
    def has_ledger(self) -> bool:
        """Whether there is a ledger yet."""
        return self._wiring.has_ledger

    @property
    def ledger(self) -> Ledger:
        """The ledger; made when it is first asked for."""
        return self._wiring.ledger

    @property
    def lanes(self) -> Lanes:
        """Opens routes."""
        return self._wiring.lanes

    @property
    def manager(self) -> BatchManager:
        """Drives batch jobs."""
        return self._wiring.manager

    def close(self) -> None:
        """Close the ledger and all lanes."""
        self._wiring.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _has_index(self, name: str) -> bool:
        return name in {record.name for record in self.indexes()}

    def _require_ledger(self, name: str) -> None:
        """Say that there is no index *name*, instead of making a ledger to find none in it."""
        if not self.has_ledger:
            raise UnknownNameError.among(
                "index", name, self.config.indexes, f"`embedlane index create {name} --model ID` makes it."
            )

    def _space(self, model: str | ModelId, dimensions: int | None) -> Space:
        return space_of(self.registry, model, dimensions)

    def _tell(self, words: str) -> None:
        """Say *words*, if any, once."""
        if words and words not in self._told:
            self._told.add(words)
            _log.warning("%s", words)

    def _index(self, record: IndexRecord) -> Index:
        return Index(
            ledger=self.ledger,
            lanes=self.lanes,
            manager=self.manager,
            record=record,
            root=self.config.root,
            catalogue=self._catalogue,
        )

    @property
    def _jobs(self) -> JobReports:
        return JobReports(self._wiring, self.registry)
