"""An index as the library's users see it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

import attrs

from embedlane.errors import UsageError
from embedlane.indexes.binding import load_index
from embedlane.indexes.exchange import Arrival, arrivals
from embedlane.indexes.filters import conditions
from embedlane.indexes.items import ItemBook
from embedlane.indexes.search import Hit, MovedOnError, Searcher
from embedlane.indexes.variants import variants_of
from embedlane.models.card import Lane
from embedlane.models.space import Space
from embedlane.text.documents import Document
from embedlane.text.reading import read_jsonl, read_paths
from embedlane.vectors.failures import FailureReport, Failures
from embedlane.vectors.pending import Pending, Tally
from embedlane.workspace.adding import Adder, cutter_of
from embedlane.workspace.checking import check_index
from embedlane.workspace.embedding import Embedding
from embedlane.workspace.enrichers import choose_generator, find_enricher
from embedlane.workspace.enriching import Enrichment
from embedlane.workspace.exporting import export_index
from embedlane.workspace.given import ItemLike, document_of, sources_of
from embedlane.workspace.planning import plan_lanes
from embedlane.workspace.reports import AddReport, CheckReport, EmbedReport, Plan
from embedlane.workspace.retirement import queries_of
from embedlane.workspace.transfers import ExportReport

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from embedlane.indexes.binding import IndexRecord
    from embedlane.jobs.job import Job
    from embedlane.jobs.manager import BatchManager
    from embedlane.ledger.database import Ledger
    from embedlane.text.documents import Unreadable
    from embedlane.workspace.catalogue import Catalogue
    from embedlane.workspace.lanes import Lanes

_Progress: TypeAlias = Callable[[int], None]


def _silent(_count: int) -> None:
    return


@attrs.define(kw_only=True)
class Index:
    """A named map from items to content, in one space at a time. Comes from `Workspace.index`.

    It keeps its vectors in memory after the first search, until they change. When a migration switches to
    another generation, here or in another process, each search sees the one or the other, never both.
    """

    _ledger: Ledger
    _lanes: Lanes
    _manager: BatchManager
    _record: IndexRecord
    #: Folder that item ids are relative to.
    _root: Path
    _catalogue: Catalogue
    _searcher: Searcher = attrs.field(init=False)

    @_searcher.default
    def _make_searcher(self) -> Searcher:
        return Searcher(self._ledger, self._record)

    @property
    def name(self) -> str:
        """Its name."""
        return self._record.name

    @property
    def space(self) -> Space:
        """The space of the generation that serves now."""
        with self._ledger.read() as connection:
            return self._load(connection).bound.space

    @property
    def record(self) -> IndexRecord:
        """What the ledger has of it now."""
        with self._ledger.read() as connection:
            return self._load(connection)

    def add(
        self,
        items: Iterable[ItemLike],
        *,
        source: str = "python",
        prune: bool = False,
        on_progress: _Progress = _silent,
    ) -> AddReport:
        """Add items. Known ids are updated; unchanged content costs nothing, now or later.

        Args:
            items: Each an `Item`, ``(id, text)`` or ``(id, text, metadata)``; may be a generator of millions.
            source: What they come from; pruning looks at one source.
            prune: Remove items of *source* that are not among *items*.
            on_progress: Called now and then with a number of items.

        Raises:
            UsageError: If something among *items* is no item.
        """
        # No path looks like it, so that pruning a folder never takes these.
        name = f"<{source}>"
        documents = (document_of(item, name) for item in items)
        return self._add(documents, [name] if prune else None, on_progress)

    def add_paths(
        self,
        paths: Sequence[str | Path],
        *,
        root: Path | None = None,
        stdin: BinaryIO | None = None,
        prune: bool = False,
        on_progress: _Progress = _silent,
    ) -> AddReport:
        """Add files and directories, read by their suffix; ``-`` is *stdin*.

        Args:
            paths: What to read.
            root: Ids are paths relative to it; None for the folder of the configuration.
            stdin: Standard input, opened for bytes.
            prune: Remove items below *paths* that are no longer there.
            on_progress: Called now and then with a number of items.
        """
        root = root or self._root
        documents = read_paths(paths, root=root, stdin=stdin)
        return self._add(documents, sources_of(paths, root) if prune else None, on_progress)

    def add_jsonl(
        self,
        paths: Sequence[str | Path],
        *,
        id_field: str = "id",
        text_field: str = "text",
        root: Path | None = None,
        stdin: BinaryIO | None = None,
        prune: bool = False,
        on_progress: _Progress = _silent,
    ) -> AddReport:
        """Add JSON Lines, an item for each line; the other fields become its metadata.

        Args:
            paths: Files to read.
            id_field: The field that holds an item's id.
            text_field: The field that holds its text.
            root: Sources are paths relative to it; None for the folder of the configuration.
            stdin: Standard input, opened for bytes.
            prune: Remove items of these files that are no longer in them.
            on_progress: Called now and then with a number of items.
        """
        root = root or self._root
        lines = read_jsonl(paths, root=root, id_field=id_field, text_field=text_field, stdin=stdin)
        return self._add(lines, sources_of(paths, root) if prune else None, on_progress)

    def embed(
        self,
        lane: Lane | str = Lane.SYNC,
        *,
        limit: int | None = None,
        budget: float | None = None,
        wait: bool = True,
        on_progress: _Progress = _silent,
        on_change: Callable[[Job], None] = lambda _job: None,
    ) -> EmbedReport:
        """Embed what is pending.

        Running it again after an interruption or a crash goes on where it stopped.

        Args:
            lane: ``sync`` or ``batch``.
            limit: The most contents to send; None for all.
            budget: The most US dollars to spend, by the plan and by the bill of this run; None for any
                amount. If the plan is above it, nothing is sent. The sync lane stops when the next request
                might go beyond it.
            wait: In the batch lane, wait until the jobs have ended and their results are stored.
            on_progress: In the sync lane, called with numbers of contents that were answered.
            on_change: In the batch lane, called with each job that has changed.

        Raises:
            UsageError: If *lane* is none, or *budget* no amount.
            CapabilityError: If the model lacks the lane, or no installed provider serves it.
            RefusedError: If the plan is above *budget*, or the price is not known.
            SpaceMismatchError: If the model's card no longer describes the index's space.
            DriftError: If the model answers differently than it did, now or when it was asked last.
            ProviderError: If the provider fails for good; what came before is stored.
        """
        if lane not in set(Lane):
            raise UsageError(f"{lane!r} is no lane.", f"Use one of {', '.join(Lane)}.")
        record = self._require_current()
        embedding = Embedding(
            ledger=self._ledger,
            lanes=self._lanes,
            manager=self._manager,
            record=record,
            limit=limit,
            budget=budget,
        )
        if lane == Lane.SYNC:
            return embedding.now(on_progress)
        return embedding.in_jobs(on_change, wait=wait)

    def enrichment(self, enricher: str, model: str | None = None) -> Enrichment:
        """What a model can be asked of each chunk, in batch jobs: see `Enrichment.plan` and `Enrichment.run`.

        Args:
            enricher: Its name: ``context``, ``questions``, or one that a plugin declares.
            model: The model that is asked, as publisher:model; None for the one that was asked before, or the
                cheapest that is installed.

        Raises:
            UnknownNameError: If there is no such enricher or model.
            CapabilityError: If the model generates nothing, is retired, or no installed provider serves it.
        """
        asking = find_enricher(self._catalogue.declarations, enricher)
        with self._ledger.read() as connection:
            variants = variants_of(connection, self._load(connection).id)
        return Enrichment(
            ledger=self._ledger,
            lanes=self._lanes,
            manager=self._manager,
            index=self.name,
            enricher=asking,
            card=choose_generator(self._lanes, asking, model, variants),
        )

    def search(
        self, query: str, k: int = 10, *, where: Mapping[str, Any] | Iterable[str] | None = None
    ) -> list[Hit]:
        """Find the *k* items nearest to *query* by cosine, exactly.

        Args:
            query: The text to look for; embedded in the space's query role.
            k: How many.
            where: Conditions on the metadata, as in ``{"lang": "en", "year": {">=": 2020}}``, or as text, as
                in ``["lang=en", "year>=2020"]``.

        Raises:
            UsageError: If *k* is below 1, or the query empty or over the model's limit.
        """
        if k < 1:
            raise UsageError(f"k is {k}.", "Ask for one hit at least.")
        found = conditions(where)
        while True:
            space = self._require_current().bound.space
            vector = queries_of(self._lanes, self.name, space).embed_query(query)
            # Switched in between: the query has to be embedded in the new space.
            with contextlib.suppress(MovedOnError):
                return self._searcher.nearest(vector, k, found, space=space)

    async def asearch(
        self, query: str, k: int = 10, *, where: Mapping[str, Any] | Iterable[str] | None = None
    ) -> list[Hit]:
        """Do what `search` does, without blocking the event loop."""
        return await asyncio.to_thread(self.search, query, k, where=where)

    def export(self, path: str | Path, *, on_progress: _Progress = _silent) -> ExportReport:
        """Write all items with their vectors and their space to a file; `import_index` reads it.

        Args:
            path: The file; ``.parquet``, ``.jsonl``, ``.jsonl.gz`` or ``.npz``. It is replaced when all is
                written.
            on_progress: Called now and then with a number of items.

        Raises:
            UsageError: If the suffix is another one.
            InputError: If nothing can be written there.
            MissingDependencyError: If the format needs a package that is not installed.
        """
        return export_index(self._ledger, self.name, Path(path), on_progress)

    def imports(self) -> list[Arrival]:
        """All imports of vectors into the index, the oldest first."""
        with self._ledger.read() as connection:
            return arrivals(connection, self._record.id)

    def plan(self) -> Plan:
        """Say what embedding the pending contents would cost in each lane. Sends nothing."""
        with self._ledger.read() as connection:
            return plan_lanes(connection, self._load(connection), self._lanes, self._manager.clock())

    def tally(self) -> Tally:
        """Count where the contents of the index stand."""
        with self._ledger.read() as connection:
            record = self._load(connection)
            return Pending(record.id, record.bound.id, variant=record.variant).tally(
                connection, self._manager.clock()
            )

    def count(self) -> int:
        """Number of items in the index, embedded or not."""
        with self._ledger.read() as connection:
            return ItemBook(self._record.id).count(connection)

    def failures(self, limit: int | None = 100, *, every: bool = False) -> FailureReport:
        """List contents that were refused, with all attempts: for good, or as often as they are tried.

        Args:
            limit: The most to list; None for all.
            every: List also those that will be tried again by themselves.
        """
        with self._ledger.read() as connection:
            return self._failures(connection).report(connection, limit, every=every)

    def retry(self, items: Iterable[str] = (), *, code: str = "", every: bool = False) -> int:
        """Make contents pending again that were refused for good. Their history stays.

        Args:
            items: Ids of items whose contents to try again.
            code: The provider's last code of those to try again.
            every: Try all of them again.

        Returns:
            How many contents are pending again.

        Raises:
            UsageError: If not exactly one of the three is given.
            UnknownNameError: If one of *items*, or *code*, is not among the failures; nothing changes then.
        """
        names = list(items)
        if sum(map(bool, (names, code, every))) != 1:
            raise UsageError("Say which failures to try again.", "Give items, or a code, or ask for all.")
        with self._ledger.write() as connection:
            failures = self._failures(connection)
            if names:
                return failures.retry_items(connection, names)
            if code:
                return failures.retry_code(connection, code)
            return failures.retry_all(connection)

    def check(self) -> CheckReport:
        """Ask now whether the model still answers as it did, in the sync lane of each provider in use.

        Writes that were stopped because it did not go on if it does. The model of a migration is asked,
        too, if writes to its space are stopped.

        Raises:
            CapabilityError: If no provider for the sync lane is installed.
            ProviderError: If no provider answers.
        """
        record = self._require_current()
        return check_index(self._ledger, self._lanes, record, self._manager.clock)

    def _load(self, connection: Connection) -> IndexRecord:
        """The index as it is now; one that was dropped and made again has to be of the same space."""
        found = load_index(connection, self._record.name)
        if found.id != self._record.id:
            found.require(self._record.bound.space)
        self._record = found
        return found

    def _failures(self, connection: Connection) -> Failures:
        record = self._load(connection)
        return Failures(record.id, record.bound.id, record.variant)

    def _require_current(self) -> IndexRecord:
        """The index as it is now, refused when the registry's card describes another space than its own."""
        with self._ledger.read() as connection:
            record = self._load(connection)
        space = record.bound.space
        record.require(Space.of(self._lanes.registry.card(space.model), space.dimensions))
        return record

    def _add(
        self, documents: Iterable[Document | Unreadable], prune: list[str] | None, on_progress: _Progress
    ) -> AddReport:
        with self._ledger.read() as connection:
            record = self._load(connection)
        adder = Adder(
            ledger=self._ledger,
            book=ItemBook(record.id),
            cutter=cutter_of(record, self._lanes),
            on_progress=on_progress,
        )
        report = adder.add(documents, prune)
        return attrs.evolve(report, tally=self.tally())
