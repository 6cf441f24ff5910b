"""A file of vectors as an import sees it: who wrote it, of which space it is, and its records."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Self

import attrs

from embedlane.errors import InputError
from embedlane.text.documents import Unreadable
from embedlane.text.finding import source_name
from embedlane.transfer.files import PAGE
from embedlane.transfer.formats import open_source
from embedlane.transfer.rows import OWN, BadRowError, Fields, foreign_record, own_record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path
    from typing import Any

    from embedlane.models.space import Space
    from embedlane.transfer.files import Source
    from embedlane.transfer.records import Header, Record
    from embedlane.workspace.transfers import ImportOptions


def _unheard(_row: Unreadable) -> None:
    return


@attrs.frozen(kw_only=True)
class VectorFile:
    """One file of an import."""

    #: The file.
    path: Path
    #: What it declares; None for a file of another program.
    declared: Header | None
    #: Which fields of its rows are what.
    fields: Fields
    #: What its items come from: its path, relative to the folder of the configuration.
    name: str
    _source: Source

    @classmethod
    def open(cls, path: Path, options: ImportOptions, root: Path) -> Self:
        """Look at the file at *path*.

        Raises:
            UsageError: If its suffix is none of a format.
            InputError: If there is none, or it can't be read.
        """
        asked = Fields(id=options.id_field, text=options.text_field, vector=options.vector_field)
        source = open_source(path, asked.vector)
        declared = source.header()
        if declared is not None and asked != OWN:
            source = open_source(path, OWN.vector)
        return cls(
            path=path,
            declared=declared,
            fields=asked if declared is None else OWN,
            name=source_name(path, root),
            source=source,
        )

    @property
    def space(self) -> Space | None:
        """The space that it declares."""
        return None if self.declared is None else self.declared.space

    @property
    def size(self) -> int | None:
        """How many numbers its vectors have, by the header or the first vector; None if there is none."""
        if self.declared is not None:
            return self.declared.space.dimensions
        for _, row in self._source.rows():
            vector = None if isinstance(row, str) else row.get(self.fields.vector)
            if vector is not None:
                return len(vector) if hasattr(vector, "__len__") else None
        return None

    def records(self, dimensions: int, on_bad: Callable[[Unreadable], None] = _unheard) -> Iterator[Record]:
        """Read all records, with vectors of unit length; *on_bad* is called with what is none.

        Raises:
            InputError: If the file can't be read any further, or ends before its end.
        """
        count = 0
        for number, row in self._source.rows():
            count += 1
            try:
                yield self._record(row, dimensions)
            except BadRowError as error:
                on_bad(Unreadable(source=self.name, reason=str(error), line=number))
        if self.declared is not None and count < self.declared.items:
            raise InputError(
                f"{self.path} ends after {count:,} of {self.declared.items:,} items.", "Export it again."
            )

    def _record(self, row: Mapping[str, Any] | str, dimensions: int) -> Record:
        if isinstance(row, str):
            raise BadRowError(row)
        if self.declared is not None:
            return own_record(row, dimensions)
        return foreign_record(row, self.fields, self.name, dimensions)

    def __str__(self) -> str:
        return str(self.path)


def pages(records: Iterable[Record]) -> Iterator[list[Record]]:
    """Cut *records* into lists that are held at once."""
    stream = iter(records)
    while page := list(itertools.islice(stream, PAGE)):
        yield page
