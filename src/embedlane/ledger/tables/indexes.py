"""Tables of what is indexed: generations bind indexes to spaces, items map to contents."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    Table,
    false,
    text,
)

from embedlane.ledger.tables.metadata import metadata
from embedlane.ledger.types import Hash, Large, Timestamp, words

spaces = Table(
    "spaces",
    metadata,
    Column("id", Large, primary_key=True),
    Column("fingerprint", words(12), nullable=False, unique=True),
    Column("canonical", words(), nullable=False),
    # Grows with every change of the space's vectors, so that loaded copies know when they are stale.
    Column("changes", Integer, nullable=False, server_default="0"),
    Column("created_at", Timestamp, nullable=False),
)

indexes = Table(
    "indexes",
    metadata,
    Column("id", Large, primary_key=True),
    Column("name", words(100), nullable=False, unique=True),
    Column("settings", JSON, nullable=False),
    # Grows with every change of the index's items.
    Column("changes", Integer, nullable=False, server_default="0"),
    Column("created_at", Timestamp, nullable=False),
    # A number is never given again, so that an object held across a drop finds nothing.
    sqlite_autoincrement=True,
)

# Each time that vectors came in from files, for the question where they are from.
imports = Table(
    "imports",
    metadata,
    Column("id", Large, primary_key=True),
    Column("index_id", ForeignKey("indexes.id", ondelete="CASCADE"), nullable=False),
    Column("at", Timestamp, nullable=False),
    # Their names, as they were given.
    Column("files", JSON, nullable=False),
    # Items and vectors that were new.
    Column("items", Integer, nullable=False, server_default="0"),
    Column("vectors", Integer, nullable=False, server_default="0"),
    # Vectors that were compared with new ones of the same text, and their lowest cosine; null where it was
    # asked not to, or nothing was left to compare.
    Column("compared", Integer, nullable=False),
    Column("lowest", Float(53)),
    Column("checked", Boolean, nullable=False),
    Index("ix_imports_index_id", "index_id"),
)

# What an index has its vectors in: a space for life. One generation serves; one at most is being built, or is
# kept to go back to.
generations = Table(
    "generations",
    metadata,
    Column("id", Large, primary_key=True),
    Column("index_id", ForeignKey("indexes.id", ondelete="CASCADE"), nullable=False),
    # From 1 for each index.
    Column("number", Integer, nullable=False),
    Column("space_id", ForeignKey("spaces.id"), nullable=False),
    Column("state", words(8), nullable=False),
    # Which texts of its items it holds, as in `item_variants`; empty for their own.
    Column("variant", words(), nullable=False, server_default=""),
    # What fills it while it is built; null for the first one, and for one that is cut from stored vectors.
    Column("lane", words(5)),
    Column("paused", Boolean, nullable=False, server_default=false()),
    # What the quality must be for a swap; empty for nothing.
    Column("gate", words(), nullable=False, server_default=""),
    # The files that it is measured with; empty for queries that are derived from the index's own texts.
    Column("queries", words(), nullable=False, server_default=""),
    Column("qrels", words(), nullable=False, server_default=""),
    # US dollars that building it may cost; null for any amount.
    Column("budget", Float(53)),
    Column("created_at", Timestamp, nullable=False),
    # Of the last change of its state.
    Column("changed_at", Timestamp, nullable=False),
    Index("uq_generations_index_id_number", "index_id", "number", unique=True),
    Index(
        "uq_generations_serving",
        "index_id",
        unique=True,
        sqlite_where=text("state = 'serving'"),
        postgresql_where=text("state = 'serving'"),
    ),
    Index(
        "uq_generations_building",
        "index_id",
        unique=True,
        sqlite_where=text("state = 'building'"),
        postgresql_where=text("state = 'building'"),
    ),
    Index(
        "uq_generations_kept",
        "index_id",
        unique=True,
        sqlite_where=text("state = 'kept'"),
        postgresql_where=text("state = 'kept'"),
    ),
    Index("ix_generations_space_id", "space_id"),
    CheckConstraint("state IN ('building', 'serving', 'kept', 'dropped')", "state"),
)

contents = Table(
    "contents",
    metadata,
    Column("hash", Hash, primary_key=True),
    Column("text", words(), nullable=False),
    Column("characters", Integer, nullable=False),
)

items = Table(
    "items",
    metadata,
    Column("id", Large, primary_key=True),
    Column("index_id", ForeignKey("indexes.id", ondelete="CASCADE"), nullable=False),
    Column("item", words(), nullable=False),
    # What is replaced as a whole when it is added again.
    Column("document", words(), nullable=False),
    # The file or stream; pruning looks at all items of a source.
    Column("source", words(), nullable=False),
    Column("content_hash", ForeignKey("contents.hash"), nullable=False),
    Column("metadata", JSON, nullable=False),
    # The number of the last pruning run that saw the item.
    Column("seen", Integer, nullable=False, server_default="0"),
    Index("uq_items_index_id_item", "index_id", "item", unique=True),
    Index("ix_items_index_id_document", "index_id", "document"),
    Index("ix_items_index_id_content_hash", "index_id", "content_hash"),
    # For telling whether any index still needs a content.
    Index("ix_items_content_hash", "content_hash"),
)

# What a model made of an item: a text to embed in place of its own, or questions that it answers.
item_variants = Table(
    "item_variants",
    metadata,
    Column("item_id", ForeignKey("items.id", ondelete="CASCADE"), primary_key=True),
    # Who made it: an enricher and a model.
    Column("variant", words(), primary_key=True),
    # What the item's content was then; it holds for no other.
    Column("source_hash", Hash, nullable=False),
    Column("content_hash", ForeignKey("contents.hash"), nullable=False),
    # For telling whether any item still needs a content.
    Index("ix_item_variants_content_hash", "content_hash"),
)
