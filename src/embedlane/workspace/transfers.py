"""What bringing and taking vectors is asked for, and what it came to, as values."""

from __future__ import annotations

from pathlib import Path

import attrs

from embedlane.indexes.items import Changes
from embedlane.text.documents import Unreadable
from embedlane.vectors.pending import Tally

#: Rows that are compared unless asked otherwise. Where one in three is wrong, eight miss it once in 26 times.
SAMPLE = 8


@attrs.frozen(kw_only=True)
class ImportOptions:
    """How files are read, and how their vectors are checked."""

    #: The model that the vectors are of, as publisher:model; None for what the files declare themselves.
    model: str | None = None
    #: Size of the vectors; None for what the files declare, or the size of their first vector.
    dimensions: int | None = None
    #: The field that holds an item's id.
    id_field: str = "id"
    #: The field that holds its text.
    text_field: str = "text"
    #: The field that holds its vector.
    vector_field: str = "vector"
    #: Rows that are embedded again and compared; 0 to compare none.
    sample: int = attrs.field(default=SAMPLE, validator=attrs.validators.ge(0))


@attrs.frozen(kw_only=True)
class ExportReport:
    """What an export came to."""

    #: The file.
    path: Path
    #: Items in it.
    items: int
    #: Items in it that have no vector yet.
    pending: int
    #: Bytes in it.
    size: int


@attrs.frozen
class Compared:
    """One row of the sample."""

    #: The item's id.
    id: str
    #: Cosine of the file's vector and a new one of the same text; None if the provider refused the text.
    cosine: float | None


@attrs.frozen(kw_only=True)
class SampleReport:
    """What comparing a sample came to."""

    #: The provider that embedded it.
    provider: str
    #: The rows.
    rows: tuple[Compared, ...]
    #: Tokens that were billed, or the estimate where the provider does not say.
    tokens: int
    #: US dollars for them; None where no price is known.
    cost: float | None

    @property
    def cosines(self) -> list[float]:
        """What was compared."""
        return [row.cosine for row in self.rows if row.cosine is not None]

    @property
    def lowest(self) -> float | None:
        """The lowest cosine; None if nothing could be compared."""
        return min(self.cosines, default=None)


@attrs.frozen(kw_only=True)
class ImportReport:
    """What an import came to."""

    #: The index.
    index: str
    #: Rows read.
    rows: int
    #: Items added, updated and unchanged.
    changes: Changes
    #: Vectors that were stored; contents that had one keep it.
    stored: int
    #: Rows that came without a vector.
    without: int
    #: What the comparison came to; None where nothing was left to compare, or it was asked not to.
    check: SampleReport | None
    #: Whether it was asked to compare nothing.
    unchecked: bool
    #: Rows that were not taken.
    bad: int
    #: The first of them, with their reasons.
    bad_rows: tuple[Unreadable, ...]
    #: Where the index's contents stand now.
    tally: Tally

    @property
    def complete(self) -> bool:
        """Whether every row was taken."""
        return not self.bad
