"""Tables of vectors, keyed by space and content hash, and of what keeps a content from being sent."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, LargeBinary, Table

from embedlane.ledger.tables.metadata import metadata
from embedlane.ledger.types import Hash, Large, Timestamp, words

vectors = Table(
    "vectors",
    metadata,
    Column("id", Large, primary_key=True),
    Column("space_id", ForeignKey("spaces.id"), nullable=False),
    Column("content_hash", Hash, nullable=False),
    # float32, little endian, unit length
    Column("vector", LargeBinary, nullable=False),
    Index("uq_vectors_space_id_content_hash", "space_id", "content_hash", unique=True),
)

refusals = Table(
    "refusals",
    metadata,
    Column("space_id", ForeignKey("spaces.id"), primary_key=True),
    Column("content_hash", Hash, primary_key=True),
    Column("code", words(), nullable=False),
    Column("message", words(), nullable=False),
    Column("retryable", Boolean, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="1"),
    Column("at", Timestamp, nullable=False),
)

# Each time that a content was refused; it stays when the refusal is gone.
refusal_events = Table(
    "refusal_events",
    metadata,
    Column("id", Large, primary_key=True),
    Column("space_id", ForeignKey("spaces.id"), nullable=False),
    Column("content_hash", Hash, nullable=False),
    Column("at", Timestamp, nullable=False),
    Column("provider", words(), nullable=False),
    Column("lane", words(5), nullable=False),
    # Null in the sync lane.
    Column("job_id", ForeignKey("jobs.id")),
    Column("code", words(), nullable=False),
    Column("message", words(), nullable=False),
    Column("retryable", Boolean, nullable=False),
    Index("ix_refusal_events_space_id_content_hash", "space_id", "content_hash"),
)

# Texts whose vectors are known.
canaries = Table(
    "canaries",
    metadata,
    Column("space_id", ForeignKey("spaces.id"), primary_key=True),
    # What its row is called in a job: no content hash looks like it.
    Column("key", words(), primary_key=True),
    Column("text", words(), nullable=False),
    # Whether it is the head of a content of an index.
    Column("own", Boolean, nullable=False),
    # The reference: float32, little endian, unit length; null until an answer has brought it.
    Column("vector", LargeBinary),
    # Whose answer it was, and when.
    Column("provider", words()),
    Column("lane", words(5)),
    Column("at", Timestamp),
)

# Spaces whose model answered a canary with another vector; writes to them stop until the row is gone.
drifts = Table(
    "drifts",
    metadata,
    Column("space_id", ForeignKey("spaces.id"), primary_key=True),
    Column("at", Timestamp, nullable=False),
    Column("provider", words(), nullable=False),
    Column("lane", words(5), nullable=False),
    Column("message", words(), nullable=False),
)

claims = Table(
    "claims",
    metadata,
    Column("space_id", ForeignKey("spaces.id"), primary_key=True),
    Column("content_hash", Hash, primary_key=True),
    Column("owner", words(), nullable=False),
    Column("expires_at", Timestamp, nullable=False),
    Index("ix_claims_owner", "owner"),
)
