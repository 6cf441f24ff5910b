"""Tables of the batch lane: requests that were given, jobs with their rows and stories; and of the bill."""

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
    Table,
    false,
    text,
)

from embedlane.ledger.tables.metadata import metadata
from embedlane.ledger.types import Large, Timestamp, words

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
    # For telling whether the same was asked in another set.
    Index("ix_requests_key", "key"),
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
