"""Items with their vectors, out of an index and into it: the deeds on the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np
from sqlalchemy import and_, insert, select, update

from embedlane.indexes.binding import mark_changed
from embedlane.indexes.items import Changes, DocumentItems, ItemBook
from embedlane.ledger.dialects import among
from embedlane.ledger.schema import contents, imports, spaces, vectors
from embedlane.text.documents import Item
from embedlane.text.hashing import content_hash
from embedlane.transfer.files import PAGE
from embedlane.transfer.records import Record
from embedlane.vectors.archive import STORED, Archive
from embedlane.vectors.effective import effective

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray
    from sqlalchemy import Connection

    from embedlane.indexes.binding import IndexRecord
    from embedlane.models.space import Space

_COLUMNS = ("item", "metadata", "document", "source")


def outgoing(connection: Connection, record: IndexRecord) -> Iterator[list[Record]]:
    """Stream the items of an index with their vectors, page by page, in the order of their ids.

    In a variant, the text is the one that was embedded: it is what the vector belongs to.
    """
    items = effective(record.variant)
    mine = and_(vectors.c.content_hash == items.c.content_hash, vectors.c.space_id == record.bound.id)
    query = (
        select(*(items.c[name] for name in _COLUMNS), contents.c.text, vectors.c.vector)
        .join(contents, contents.c.hash == items.c.content_hash)
        .outerjoin(vectors, mine)
        .where(items.c.index_id == record.id)
        # As the database's index has them: nothing has to be sorted, and so held.
        .order_by(items.c.item)
    )
    with connection.execute(query.execution_options(yield_per=PAGE)) as found:
        for page in found.partitions():
            yield [
                Record(
                    id=row.item,
                    text=row.text,
                    metadata=row.metadata,
                    document=row.document,
                    source=row.source,
                    vector=None if row.vector is None else np.frombuffer(row.vector, dtype=STORED),
                )
                for row in page
            ]


def stored_vectors(
    connection: Connection, space: Space, hashes: Iterable[str]
) -> dict[str, NDArray[np.float32]]:
    """The vectors in *space* that those of *hashes* have which have one, by their hash."""
    query = (
        select(vectors.c.content_hash, vectors.c.vector)
        .join(spaces, spaces.c.id == vectors.c.space_id)
        .where(spaces.c.fingerprint == space.fingerprint, among(vectors.c.content_hash, hashes))
    )
    return {row.content_hash: np.frombuffer(row.vector, dtype=STORED) for row in connection.execute(query)}


@attrs.frozen(kw_only=True)
class Arrival:
    """One import, as the ledger remembers it."""

    #: When, in seconds since 1970.
    at: float
    #: The files, as they were named.
    files: tuple[str, ...]
    #: Whether a sample was compared with new vectors; false where it was asked not to.
    checked: bool
    #: Vectors that were compared.
    compared: int = 0
    #: Their lowest cosine; None if nothing was compared.
    lowest: float | None = None
    #: Items that were new or changed.
    items: int = 0
    #: Vectors that were new.
    vectors: int = 0


@attrs.frozen
class Intake:
    """Takes records into one index. All methods take the connection of the caller's write transaction."""

    #: The index.
    record: IndexRecord

    def begin(self, connection: Connection, arrival: Arrival) -> int:
        """Note that vectors arrive, before the first one is stored; return the note's number."""
        row = attrs.asdict(arrival) | {"index_id": self.record.id, "files": list(arrival.files)}
        number: int = connection.execute(insert(imports).returning(imports.c.id), row).scalar_one()
        return number

    def put(self, connection: Connection, records: Sequence[Record], arrival: int) -> tuple[Changes, int]:
        """Enter items, and store the vectors of contents that have none yet.

        Args:
            connection: A write transaction.
            records: Checked records; their vectors are unit vectors of the index's space.
            arrival: The number of the note.

        Returns:
            What changed among the items, and how many vectors were stored.
        """
        documents = [
            DocumentItems(
                document=record.document,
                source=record.source,
                items=(Item(record.id, record.text, record.metadata),),
            )
            for record in records
        ]
        changes = ItemBook(self.record.id).put(connection, documents, whole=False)
        stored = self._store(connection, records)
        if stored:
            mark_changed(connection, self.record.id)
        grown = {
            "items": imports.c["items"] + changes.added + changes.updated,
            "vectors": imports.c.vectors + stored,
        }
        connection.execute(update(imports).where(imports.c.id == arrival).values(grown))
        return changes, stored

    def _store(self, connection: Connection, records: Sequence[Record]) -> int:
        """Store vectors; what the archive has stays as it is."""
        given: dict[str, NDArray[np.float32]] = {}
        for record in records:
            if record.vector is not None:
                given.setdefault(content_hash(record.text), record.vector)
        bound = self.record.bound
        known = stored_vectors(connection, bound.space, given)
        new = [content for content in given if content not in known]
        if new:
            Archive(bound).store(connection, new, np.stack([given[content] for content in new]))
        return len(new)


def arrivals(connection: Connection, index_id: int) -> list[Arrival]:
    """All imports into an index, the oldest first."""
    names = [field.name for field in attrs.fields(Arrival)]
    query = select(*(imports.c[name] for name in names)).where(imports.c.index_id == index_id)
    return [
        Arrival(**{**row, "files": tuple(row["files"])})
        for row in connection.execute(query.order_by(imports.c.id)).mappings()
    ]
