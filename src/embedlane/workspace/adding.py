"""Adding documents to an index: read, cut, put; a bounded number at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from embedlane.indexes.items import Changes, DocumentItems, ItemBook
from embedlane.models.card import Role
from embedlane.text.cutting import Cutter
from embedlane.text.documents import Document, Unreadable
from embedlane.workspace.reports import KEPT, AddReport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from embedlane.indexes.binding import IndexRecord
    from embedlane.ledger.database import Ledger
    from embedlane.text.cutting import Cut
    from embedlane.workspace.lanes import Lanes

#: Items in one transaction: enough to amortise a commit, little enough to hold.
_BATCH = 5000


@attrs.define(kw_only=True)
class Adder:
    """Adds documents to one index and keeps count."""

    ledger: Ledger
    book: ItemBook
    cutter: Cutter
    #: Called with the number of items that were put.
    on_progress: Callable[[int], None]
    _report: AddReport = attrs.field(factory=AddReport, init=False)
    _batch: list[DocumentItems] = attrs.field(factory=list, init=False)
    _size: int = attrs.field(default=0, init=False)
    _items: int = attrs.field(default=0, init=False)
    _run: int = attrs.field(default=0, init=False)

    def add(self, documents: Iterable[Document | Unreadable], prune: Sequence[str] | None) -> AddReport:
        """Add *documents*; a document that is known is replaced as a whole.

        Args:
            documents: Documents, and places that could not be read.
            prune: Sources whose items are removed if *documents* no longer has them; None to remove none.
        """
        if prune is not None:
            with self.ledger.write() as connection:
                self._run = self.book.next_run(connection)
        for document in documents:
            if isinstance(document, Unreadable):
                self._note_unreadable(document)
            else:
                self._take(document)
        self._flush()
        if prune is not None:
            self._prune(prune)
        return self._report

    def _take(self, document: Document) -> None:
        cut = self.cutter.cut(document)
        self._note_cut(cut)
        self._batch.append(
            DocumentItems(
                document=document.id,
                source=document.source,
                items=cut.items,
                kept=tuple(refused.id for refused in cut.refused),
            )
        )
        # Documents count as well: a run of empty ones must not be held for ever.
        self._size += 1 + len(cut.items)
        self._items += len(cut.items)
        if self._size >= _BATCH:
            self._flush()

    def _flush(self) -> None:
        if not self._batch:
            return
        with self.ledger.write() as connection:
            changes = self.book.put(connection, self._batch, self._run)
        self._report = attrs.evolve(self._report, changes=self._report.changes + changes)
        self.on_progress(self._items)
        self._batch, self._size, self._items = [], 0, 0

    def _prune(self, sources: Sequence[str]) -> None:
        """Remove what the run has not seen; what could not be read is kept, for it may still be there."""
        unreadable = {place.source for place in self._report.unreadable_places}
        if self._report.unreadable > len(self._report.unreadable_places):
            unreadable.update(sources)
        with self.ledger.write() as connection:
            removed = self.book.prune(connection, sources, self._run, keep=unreadable)
        self._report = attrs.evolve(self._report, changes=self._report.changes + Changes(removed=removed))

    def _note_unreadable(self, place: Unreadable) -> None:
        report = self._report
        self._report = attrs.evolve(
            report,
            unreadable=report.unreadable + 1,
            unreadable_places=(*report.unreadable_places, place)[:KEPT],
        )

    def _note_cut(self, cut: Cut) -> None:
        report = self._report
        self._report = attrs.evolve(
            report,
            documents=report.documents + 1,
            truncated=report.truncated + len(cut.truncated),
            truncated_items=(*report.truncated_items, *cut.truncated)[:KEPT],
            refused=report.refused + len(cut.refused),
            refused_items=(*report.refused_items, *cut.refused)[:KEPT],
        )


def cutter_of(record: IndexRecord, lanes: Lanes) -> Cutter:
    """What cuts documents for an index's model, whose limit counts the space's template, too."""
    space = record.bound.space
    counter = lanes.counter(space)
    limit = lanes.registry.card(space.model).limits.tokens_per_input
    template = space.render("", Role.DOCUMENT)
    if limit is not None and template:
        limit -= counter.count([template])[0]
    return Cutter(record.settings.chunks, record.settings.on_too_long, limit, counter)
