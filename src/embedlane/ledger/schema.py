"""The tables of the ledger, as SQLAlchemy Core.

What belongs together: generations bind indexes to spaces; items map to contents; vectors are keyed by space
and content hash; refusals and claims keep content from being sent; canaries tell whether a model still
answers as it did, drifts that one does not; jobs, their rows and their events are the batch lane; job sets
hold requests to be generated for and their responses; charges are the bill.

There is no column that says "pending". Pending is wanted (an item has the content) minus stored (a vector),
in flight (an open row or a live claim) and refused for good.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    false,
    text,
)

from embedlane.ledger.types import Hash, Large, Timestamp, words

#: The migration that the code is written for; a test compares it with Alembic's head.
HEAD = "0001"
#: Where Alembic notes it. Not under its own name: on a server others may use Alembic beside us.
VERSION_TABLE = "embedlane_version"

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

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
    # What fills it while it is built; null for the first one, and for one that is cut from stored vectors.
    Column("lane", words(5)),
    Column("paused", Boolean, nullable=False, server_default=false()),
    # What the quality must be for a swap; empty for nothing.
    Column("gate", words(), nullable=False, server_default=""),
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

# Requests that were given together, for one model that generates.
jobsets = Table(
    "jobsets",
    metadata,
    Column("id", Large, primary_key=True),
    Column("name", words(100), nullable=False, unique=True),
    Column("model", words(), nullable=False),
    Column("provider", words(), nullable=False),
    # SHA-256 of keys and requests: the same input for the same model is the same set.
    Column("digest", words(64), nullable=False),
    # Where the requests came from, for people.
    Column("source", words(), nullable=False, server_default=""),
    Column("rows", Integer, nullable=False),
    Column("created_at", Timestamp, nullable=False),
    Index("uq_jobsets_digest_model", "digest", "model", unique=True),
    sqlite_autoincrement=True,
)

requests = Table(
    "requests",
    metadata,
    Column("jobset_id", ForeignKey("jobsets.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("key", words(), nullable=False),
    # JSON in the API's own form, both of them; as text, so that it comes back as it was.
    Column("request", words(), nullable=False),
    Column("response", words()),
    # Tokens of the request, estimated, and the most that it lets its answer have; null if it does not say.
    Column("tokens", Integer, nullable=False),
    Column("output_tokens", Integer),
    # The last refusal, and how many there were; null and 0 without one.
    Column("code", words()),
    Column("message", words()),
    Column("retryable", Boolean),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Index("uq_requests_jobset_id_key", "jobset_id", "key", unique=True),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", Large, primary_key=True),
    Column("tag", words(63), nullable=False, unique=True),
    # What its rows are for: vectors of a space, or responses of a job set.
    Column("space_id", ForeignKey("spaces.id")),
    Column("jobset_id", ForeignKey("jobsets.id")),
    # Whose bill it is on: the name of an index, or of a job set.
    Column("account", words(), nullable=False, server_default=""),
    Column("provider", words(), nullable=False),
    Column("state", words(20), nullable=False),
    Column("rows", Integer, nullable=False),
    # Canaries, which the file has before those rows.
    Column("canaries", Integer, nullable=False, server_default="0"),
    # The batch file: its name below the jobs' folder, its size and its SHA-256.
    Column("file", words()),
    Column("size", Large),
    Column("digest", words(64)),
    # The provider's side: what was staged, the job's name, its state in the provider's word.
    Column("staged", JSON),
    Column("remote", words()),
    Column("remote_state", words(), nullable=False, server_default=""),
    # Why it ended as it did, in words.
    Column("reason", words(), nullable=False, server_default=""),
    Column("tokens", Large),
    Column("created_at", Timestamp, nullable=False),
    Column("changed_at", Timestamp, nullable=False),
    # Of the last network call that might have created the job.
    Column("submitted_at", Timestamp),
    Column("ended_at", Timestamp),
    # Not worth a step before then; doubled waits are counted in `waits`.
    Column("due_at", Timestamp, nullable=False),
    Column("waits", Integer, nullable=False, server_default="0"),
    Column("cleaned", Boolean, nullable=False, server_default=false()),
    # Who takes its next step, and until when; `fence` grows with each claim and change, and guards writes.
    Column("worker", words()),
    Column("lease_until", Timestamp),
    Column("fence", Integer, nullable=False, server_default="0"),
    # Counted or estimated from the texts when the job was planned; the sum over its rows.
    Column("estimated_tokens", Large, nullable=False, server_default="0"),
    # Whether the provider gave it up because it took too long; the next ones are smaller.
    Column("expired", Boolean, nullable=False, server_default=false()),
    Index("ix_jobs_state", "state"),
    CheckConstraint("(space_id IS NULL) <> (jobset_id IS NULL)", "purpose"),
    CheckConstraint("(remote IS NOT NULL) OR state NOT IN ('submitted', 'ended', 'stored')", "named"),
    # A number is never given again, so that an object held across a drop finds nothing.
    sqlite_autoincrement=True,
)

job_rows = Table(
    "job_rows",
    metadata,
    Column("job_id", ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),
    # What the row is called at the provider: the content hash, or the key of a request.
    Column("key", words(), nullable=False),
    # Those of the job.
    Column("space_id", ForeignKey("spaces.id")),
    Column("jobset_id", ForeignKey("jobsets.id")),
    # Counted or estimated when the job was planned.
    Column("tokens", Integer, nullable=False, server_default="0"),
    # open: in flight; stored, refused, missing: the answer; canary: its answer is no vector to store
    Column("verdict", words(8), nullable=False, server_default="open"),
    Index("uq_job_rows_job_id_key", "job_id", "key", unique=True),
    # In-flight rows only: a row may be open in one job at a time.
    Index(
        "uq_job_rows_open",
        "key",
        "space_id",
        unique=True,
        sqlite_where=text("verdict = 'open'"),
        postgresql_where=text("verdict = 'open'"),
    ),
    Index(
        "uq_job_rows_open_request",
        "key",
        "jobset_id",
        unique=True,
        sqlite_where=text("verdict = 'open'"),
        postgresql_where=text("verdict = 'open'"),
    ),
    CheckConstraint("(space_id IS NULL) <> (jobset_id IS NULL)", "purpose"),
    CheckConstraint("verdict IN ('open', 'stored', 'refused', 'missing', 'canary')", "verdict"),
)

job_events = Table(
    "job_events",
    metadata,
    Column("id", Large, primary_key=True),
    Column("job_id", ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    Column("at", Timestamp, nullable=False),
    Column("event", words(), nullable=False),
    Column("state_before", words(20), nullable=False),
    Column("state_after", words(20), nullable=False),
    Column("detail", words(), nullable=False, server_default=""),
    Index("ix_job_events_job_id", "job_id"),
)

charges = Table(
    "charges",
    metadata,
    Column("id", Large, primary_key=True),
    # The tag of a job, or the name of a run of the sync lane.
    Column("run", words(), nullable=False, unique=True),
    # The name of the index, which stays when the index is dropped, or of the job set.
    Column("account", words(), nullable=False),
    Column("space_id", ForeignKey("spaces.id")),
    Column("jobset_id", ForeignKey("jobsets.id")),
    Column("provider", words(), nullable=False),
    Column("lane", words(5), nullable=False),
    # Null in the sync lane.
    Column("job_id", ForeignKey("jobs.id")),
    # Of its last change.
    Column("at", Timestamp, nullable=False),
    # Vectors or responses that were stored, and the characters that were sent for them.
    Column("rows", BigInteger, nullable=False, server_default="0"),
    Column("characters", BigInteger, nullable=False, server_default="0"),
    # What those vectors were planned at, and what was billed: by the provider's word, or without one.
    Column("planned_tokens", BigInteger, nullable=False, server_default="0"),
    Column("measured_tokens", BigInteger, nullable=False, server_default="0"),
    Column("estimated_tokens", BigInteger, nullable=False, server_default="0"),
    # US dollars for a million tokens at that time; null where no price was known.
    Column("price", Float(53)),
    # Tokens of responses, by the provider's word, and their price; vectors have none.
    Column("output_tokens", BigInteger, nullable=False, server_default="0"),
    Column("output_price", Float(53)),
    Index("ix_charges_account", "account"),
    Index("ix_charges_job_id", "job_id"),
)
