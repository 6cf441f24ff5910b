"""Taking an index out: into a file with its space, which anyone can read."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from embedlane.indexes.binding import load_index
from embedlane.indexes.exchange import outgoing
from embedlane.indexes.items import ItemBook
from embedlane.transfer.files import replacing
from embedlane.transfer.formats import open_sink, suffix_of
from embedlane.transfer.records import Header
from embedlane.workspace.transfers import ExportReport

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from embedlane.ledger.database import Ledger


def export_index(ledger: Ledger, name: str, path: Path, on_progress: Callable[[int], None]) -> ExportReport:
    """Write all items of the index *name*, with one state of the ledger, to *path*.

    Args:
        ledger: The ledger.
        name: The index.
        path: The file; its suffix says the format. What is there is replaced when all is written.
        on_progress: Called with numbers of items.

    Raises:
        UsageError: If the suffix is none of a format.
        InputError: If nothing can be written there.
        MissingDependencyError: If the format needs a package that is not installed.
    """
    suffix = suffix_of(path)
    count, pending = 0, 0
    with ledger.read() as connection, replacing(path) as part:
        record = load_index(connection, name)
        header = Header(
            index=name,
            items=ItemBook(record.id).count(connection),
            space=record.bound.space,
            settings=record.settings.to_json(),
        )
        with contextlib.closing(open_sink(part, suffix, header)) as sink:
            for records in outgoing(connection, record):
                sink.write(records)
                count += len(records)
                pending += sum(each.vector is None for each in records)
                on_progress(len(records))
    return ExportReport(path=path, items=count, pending=pending, size=path.stat().st_size)
