"""What models made of an index's items: which items lack it, what they are cut from, and where it is kept.

It is made of an item's content as it was then. Once the item has another, it counts no more.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

import attrs
from sqlalchemy import and_, exists, func, select

from embedlane.indexes.binding import mark_changed
from embedlane.ledger.dialects import among, upsert
from embedlane.ledger.schema import contents, item_variants, items
from embedlane.text.hashing import content_hash

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy import ColumnElement, Connection


@attrs.frozen(kw_only=True)
class Chunk:
    """An item with its text."""

    #: Its row in the ledger.
    number: int
    #: Its id.
    id: str
    #: The hash of its content.
    content: str
    #: Its text.
    text: str
    #: Whether the variant lacks it.
    lacking: bool


@attrs.frozen
class VariantBook:
    """One variant of the items of one index. All methods take the connection of the caller's transaction."""

    #: The index's number.
    index_id: int
    #: Who made it.
    variant: str

    def made(self, connection: Connection) -> int:
        """How many items have it."""
        query = select(func.count()).select_from(items).where(self._mine, exists().where(self._made))
        return connection.scalar(query) or 0

    def alone(self, connection: Connection) -> int:
        """How many items without it are their whole document."""
        single = (
            select(items.c.document).where(self._mine).group_by(items.c.document).having(func.count() == 1)
        )
        lacking = (self._mine, ~exists().where(self._made), items.c.document.in_(single))
        return connection.scalar(select(func.count()).select_from(items).where(*lacking)) or 0

    def lacking(self, connection: Connection, limit: int, after: str = "") -> list[str]:
        """Up to *limit* documents above *after*, in their order, that have items without it."""
        query = (
            select(items.c.document)
            .distinct()
            .where(self._mine, items.c.document > after, ~exists().where(self._made))
            .order_by(items.c.document)
            .limit(limit)
        )
        return list(connection.scalars(query))

    def documents(self, connection: Connection, names: Sequence[str]) -> Iterator[list[Chunk]]:
        """The items of each of some documents, in the order in which they were entered."""
        query = (
            select(
                items.c.id,
                items.c.item,
                items.c.document,
                items.c.content_hash,
                contents.c.text,
                exists().where(self._made).label("made"),
            )
            .join(contents, contents.c.hash == items.c.content_hash)
            .where(self._mine, among(items.c.document, names))
            .order_by(items.c.document, items.c.id)
        )
        for _, rows in groupby(connection.execute(query).all(), key=lambda row: row.document):
            yield [
                Chunk(
                    number=row.id, id=row.item, content=row.content_hash, text=row.text, lacking=not row.made
                )
                for row in rows
            ]

    def put(self, connection: Connection, texts: Mapping[int, tuple[str, str]]) -> None:
        """Keep what was made.

        Args:
            connection: A write transaction.
            texts: For each item, by its row: the content that it was made of, and its text. An item that is
                gone by now is passed over.
        """
        there = set(connection.scalars(select(items.c.id).where(among(items.c.id, texts))))
        rows, made = [], {}
        for number in there:
            source, text = texts[number]
            made[content_hash(text)] = text
            rows.append(
                {
                    "item_id": number,
                    "variant": self.variant,
                    "source_hash": source,
                    "content_hash": content_hash(text),
                }
            )
        if not rows:
            return
        connection.execute(
            upsert(connection, contents).on_conflict_do_nothing(),
            [{"hash": key, "text": text, "characters": len(text)} for key, text in made.items()],
        )
        statement = upsert(connection, item_variants)
        changed = {name: statement.excluded[name] for name in ("source_hash", "content_hash")}
        connection.execute(
            statement.on_conflict_do_update(index_elements=["item_id", "variant"], set_=changed), rows
        )
        mark_changed(connection, self.index_id)

    def texts(self, connection: Connection) -> Iterator[tuple[str, str]]:
        """The id of each item that has it, with what was made, in the order of the ids."""
        query = (
            select(items.c.item, contents.c.text)
            .join(item_variants, self._made)
            .join(contents, contents.c.hash == item_variants.c.content_hash)
            .where(self._mine)
            .order_by(items.c.item)
        )
        with connection.execute(query.execution_options(yield_per=1000)) as rows:
            for row in rows:
                yield row.item, row.text

    @property
    def _mine(self) -> ColumnElement[bool]:
        return items.c.index_id == self.index_id

    @property
    def _made(self) -> ColumnElement[bool]:
        return and_(
            item_variants.c.item_id == items.c.id,
            item_variants.c.variant == self.variant,
            item_variants.c.source_hash == items.c.content_hash,
        )


def variants_of(connection: Connection, index_id: int) -> list[str]:
    """The variants of an index's items, the one that most of them have first."""
    mine = items.c.index_id == index_id
    query = select(item_variants.c.variant).join(items, items.c.id == item_variants.c.item_id).where(mine)
    number = func.count().desc()
    grouped = query.group_by(item_variants.c.variant).order_by(number, item_variants.c.variant)
    return list(connection.scalars(grouped))
