"""What an index wants embedded: the text of each item, or in a variant what a model made of it.

A variant holds for an item as long as the item has the content that it was made of. An item that is new, or
that has changed since, is embedded as it is: both are texts of one space, so that it is found at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import and_, func, select

from embedlane.ledger.schema import item_variants, items

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, FromClause


def effective(variant: str) -> FromClause:
    """The items with the content that each has in *variant*: like ``items``, which it is without one."""
    if not variant:
        return items
    made = and_(
        item_variants.c.item_id == items.c.id,
        item_variants.c.variant == variant,
        item_variants.c.source_hash == items.c.content_hash,
    )
    own = [column for column in items.c if column.name != "content_hash"]
    content = func.coalesce(item_variants.c.content_hash, items.c.content_hash).label("content_hash")
    return select(*own, content).select_from(items.outerjoin(item_variants, made)).subquery("effective")


def wants(index_id: int, variant: str, content: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether an item of the index has *content*, which is a column of another table, in *variant*."""
    rows = effective(variant)
    if not variant:
        return select(rows.c.id).where(rows.c.index_id == index_id, rows.c.content_hash == content).exists()
    # No index of the database has what is chosen from two columns: all of it is found once, not once a row.
    return content.in_(select(rows.c.content_hash).where(rows.c.index_id == index_id))
