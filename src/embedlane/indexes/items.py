"""Items and contents: which item has which content, kept apart from who paid for the content.

A document is replaced as a whole: items that it no longer has are removed, whether or not the run prunes.
Items of documents that are gone from a source are removed only by a pruning run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import orjson
from sqlalchemy import and_, bindparam, delete, false, func, insert, not_, or_, select, update

from embedlane.indexes.binding import mark_changed
from embedlane.ledger.dialects import among, upsert
from embedlane.ledger.schema import contents, item_variants, items, job_rows
from embedlane.text.hashing import content_hash

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import ColumnElement, Connection

    from embedlane.text.documents import Item


@attrs.frozen(kw_only=True)
class DocumentItems:
    """A document that was cut into items."""

    #: The document's id.
    document: str
    #: The file or stream it came from.
    source: str
    #: Its items.
    items: tuple[Item, ...]
    #: Ids of items that could not be taken this time; what the index has of them stays.
    kept: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class Changes:
    """What adding came to, in items."""

    #: New ids.
    added: int = 0
    #: Known ids with another content or other metadata.
    updated: int = 0
    #: Known ids with the same content and metadata.
    unchanged: int = 0
    #: Ids that are gone.
    removed: int = 0

    def __add__(self, other: Changes) -> Changes:
        """Both together."""
        return Changes(
            **{
                field.name: getattr(self, field.name) + getattr(other, field.name)
                for field in attrs.fields(Changes)
            }
        )


@attrs.frozen
class ItemBook:
    """The items of one index. All methods take the connection of the caller's write transaction."""

    #: The index's number.
    index_id: int

    def put(
        self, connection: Connection, documents: Sequence[DocumentItems], run: int = 0, *, whole: bool = True
    ) -> Changes:
        """Put *documents* in the place of what the index has under their ids.

        Args:
            connection: A write transaction.
            documents: Documents. Of two items with one id, the later one stays.
            run: The number of the pruning run, or 0.
            whole: Whether what the index has of a document, and it has no more, is removed.
        """
        rows = {
            item.id: {
                "index_id": self.index_id,
                "item": item.id,
                "document": document.document,
                "source": document.source,
                "content_hash": content_hash(item.text),
                "metadata": dict(item.metadata),
                "seen": run,
                "text": item.text,
            }
            for document in documents
            for item in document.items
        }
        known = self._known(connection, list(rows))
        added = [row for item, row in rows.items() if item not in known]
        updated = [row for item, row in rows.items() if item in known and known[item] != _essence(row)]
        kept = [item for document in documents for item in document.kept]
        names = [document.document for document in documents] if whole else []
        removed, freed = self._remove_others(connection, names, {*rows, *kept})
        self._write(connection, added, updated)
        outdated = _forget_variants(connection, self.index_id, [str(row["item"]) for row in updated])
        if run:
            self._mark_seen(connection, [*(item for item in rows if item in known), *kept], run)
        changes = Changes(
            added=len(added),
            updated=len(updated),
            unchanged=len(rows) - len(added) - len(updated),
            removed=removed,
        )
        replaced = [str(known[str(row["item"])][0]) for row in updated]
        forget_unused_contents(connection, [*freed, *replaced, *outdated])
        if added or updated or removed:
            mark_changed(connection, self.index_id)
        return changes

    def count(self, connection: Connection) -> int:
        """Number of items."""
        query = select(func.count()).select_from(items).where(items.c.index_id == self.index_id)
        return connection.scalar(query) or 0

    def next_run(self, connection: Connection) -> int:
        """A number for a pruning run, above all before it."""
        query = select(func.coalesce(func.max(items.c.seen), 0)).where(items.c.index_id == self.index_id)
        return (connection.scalar(query) or 0) + 1

    def prune(
        self, connection: Connection, sources: Sequence[str], run: int, keep: Collection[str] = ()
    ) -> int:
        """Remove the items of *sources*, and of what lies below them, that *run* has not seen.

        Args:
            connection: A write transaction.
            sources: Files, folders or streams.
            run: The number of the pruning run.
            keep: Sources, with all below them, that are left alone because they could not be read.

        Returns:
            Number of items removed.
        """
        unseen = and_(
            items.c.index_id == self.index_id,
            items.c.seen != run,
            or_(false(), *(_within(source) for source in sources)),
            not_(or_(false(), *(_within(source) for source in keep))),
        )
        made = _made_of(connection, unseen)
        removed = connection.scalars(delete(items).where(unseen).returning(items.c.content_hash)).all()
        forget_unused_contents(connection, [*removed, *made])
        if removed:
            mark_changed(connection, self.index_id)
        return len(removed)

    def _known(self, connection: Connection, ids: Sequence[str]) -> dict[str, tuple[object, ...]]:
        columns = select(
            items.c.item, items.c.content_hash, items.c.metadata, items.c.document, items.c.source
        )
        return {
            row.item: (row.content_hash, _told(row.metadata), row.document, row.source)
            for row in connection.execute(
                columns.where(items.c.index_id == self.index_id, among(items.c.item, ids))
            )
        }

    def _write(
        self, connection: Connection, added: list[dict[str, object]], updated: list[dict[str, object]]
    ) -> None:
        texts = {row["content_hash"]: row["text"] for row in (*added, *updated)}
        if texts:
            connection.execute(
                upsert(connection, contents).on_conflict_do_nothing(),
                [{"hash": key, "text": text, "characters": len(str(text))} for key, text in texts.items()],
            )
        columns = [column.name for column in items.c if column.name != "id"]
        if added:
            connection.execute(insert(items), [{name: row[name] for name in columns} for row in added])
        if updated:
            changed = ("document", "source", "content_hash", "metadata", "seen")
            connection.execute(
                update(items)
                .where(items.c.index_id == self.index_id, items.c.item == bindparam("known"))
                .values({name: bindparam(f"new_{name}") for name in changed}),
                [{"known": row["item"]} | {f"new_{name}": row[name] for name in changed} for row in updated],
            )

    def _remove_others(
        self, connection: Connection, documents: Sequence[str], present: Collection[str]
    ) -> tuple[int, list[str]]:
        """Remove items that *documents* had and no longer have; return how many, and hashes of contents."""
        columns = select(items.c.id, items.c.item, items.c.content_hash)
        stale = [
            row
            for row in connection.execute(
                columns.where(items.c.index_id == self.index_id, among(items.c.document, documents))
            )
            if row.item not in present
        ]
        gone = among(items.c.id, [row.id for row in stale])
        made = _made_of(connection, gone) if stale else []
        if stale:
            connection.execute(delete(items).where(gone))
        return len(stale), [*(row.content_hash for row in stale), *made]

    def _mark_seen(self, connection: Connection, ids: Sequence[str], run: int) -> None:
        connection.execute(
            update(items).where(items.c.index_id == self.index_id, among(items.c.item, ids)).values(seen=run)
        )


def forget_unused_contents(connection: Connection, hashes: Sequence[str] | None = None) -> None:
    """Remove texts that no item of any index has, in no variant, and no open row of a job carries.

    Vectors stay: they are paid for, and hold the hash only.

    Args:
        connection: A write transaction.
        hashes: Those to look at; None for all.
    """
    used = select(items.c.id).where(items.c.content_hash == contents.c.hash).exists()
    varied = select(item_variants.c.item_id).where(item_variants.c.content_hash == contents.c.hash).exists()
    carried = (
        select(job_rows.c.key).where(job_rows.c.key == contents.c.hash, job_rows.c.verdict == "open").exists()
    )
    unused = delete(contents).where(not_(used), not_(varied), not_(carried))
    if hashes is None:
        connection.execute(unused)
    elif hashes:
        connection.execute(unused.where(among(contents.c.hash, dict.fromkeys(hashes))))


def _forget_variants(connection: Connection, index_id: int, names: Sequence[str]) -> Sequence[str]:
    """Remove what was made of contents that the items *names* no longer have; return its hashes."""
    if not names:
        return ()
    mine = select(items.c.id).where(items.c.index_id == index_id, among(items.c.item, names))
    now = select(items.c.content_hash).where(items.c.id == item_variants.c.item_id).scalar_subquery()
    outdated = and_(item_variants.c.item_id.in_(mine), item_variants.c.source_hash != now)
    statement = delete(item_variants).where(outdated).returning(item_variants.c.content_hash)
    return connection.scalars(statement).all()


def _made_of(connection: Connection, which: ColumnElement[bool]) -> Sequence[str]:
    """Hashes of what was made of the items that are *which*."""
    joined = item_variants.join(items, items.c.id == item_variants.c.item_id)
    return connection.scalars(select(item_variants.c.content_hash).select_from(joined).where(which)).all()


def _essence(row: dict[str, object]) -> tuple[object, ...]:
    return (row["content_hash"], _told(row["metadata"]), row["document"], row["source"])


def _told(metadata: object) -> bytes:
    """*metadata* as text: for Python, 1 and true and 1.0 are equal."""
    return orjson.dumps(metadata, option=orjson.OPT_SORT_KEYS)


def _within(source: str) -> ColumnElement[bool]:
    """Whether an item's source is *source* itself, or a file below it."""
    if source == ".":
        # The root itself: every relative path, but no stream, no <python> and no absolute path.
        return and_(items.c.source != "-", not_(items.c.source.between("<", "=")), not_(_below("/")))
    return or_(items.c.source == source, _below(f"{source.rstrip('/')}/"))


def _below(folder: str) -> ColumnElement[bool]:
    # A range, not LIKE: SQLite's LIKE takes capitals for small letters. "0" follows "/".
    return and_(items.c.source >= folder, items.c.source < f"{folder[:-1]}0")
