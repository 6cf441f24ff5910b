"""The first schema: spaces, indexes, items, contents, vectors, job sets, the batch lane, and the bill."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_LARGE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _text(length: int | None = None) -> sa.types.TypeEngine[str]:
    plain, compared_by_bytes = (
        (sa.Text(), sa.Text(collation="C"))
        if length is None
        else (sa.String(length), sa.String(length, collation="C"))
    )
    return plain.with_variant(compared_by_bytes, "postgresql")


def upgrade() -> None:
    op.create_table(
        "contents",
        sa.Column("hash", _text(40), nullable=False),
        sa.Column("text", _text(), nullable=False),
        sa.Column("characters", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_contents")),
    )
    op.create_table(
        "spaces",
        sa.Column("id", _LARGE, nullable=False),
        sa.Column("fingerprint", _text(12), nullable=False),
        sa.Column("canonical", _text(), nullable=False),
        sa.Column("changes", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", sa.Float(precision=53), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_spaces")),
        sa.UniqueConstraint("fingerprint", name=op.f("uq_spaces_fingerprint")),
    )
    op.create_table(
        "claims",
        sa.Column("space_id", _LARGE, nullable=False),
        sa.Column("content_hash", _text(40), nullable=False),
        sa.Column("owner", _text(), nullable=False),
        sa.Column("expires_at", sa.Float(precision=53), nullable=False),
        sa.ForeignKeyConstraint(["space_id"], ["spaces.id"], name=op.f("fk_claims_space_id")),
        sa.PrimaryKeyConstraint("space_id", "content_hash", name=op.f("pk_claims")),
    )
    op.create_index("ix_claims_owner", "claims", ["owner"], unique=False)
    op.create_table(
        "indexes",
        sa.Column("id", _LARGE, nullable=False),
        sa.Column("name", _text(100), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("changes", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", sa.Float(precision=53), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_indexes")),
        sa.UniqueConstraint("name", name=op.f("uq_indexes_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "imports",
        sa.Column("id", _LARGE, nullable=False),
        sa.Column("index_id", _LARGE, nullable=False),
        sa.Column("at", sa.Float(precision=53), nullable=False),
        sa.Column("files", sa.JSON(), nullable=False),
        sa.Column("items", sa.Integer(), server_default="0", nullable=False),
        sa.Column("vectors", sa.Integer(), server_default="0", nullable=False),
        sa.Column("compared", sa.Integer(), nullable=False),
        sa.Column("lowest", sa.Float(precision=53), nullable=True),
        sa.Column("checked", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["index_id"], ["indexes.id"], name=op.f("fk_imports_index_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_imports")),
    )
    op.create_index("ix_imports_index_id", "imports", ["index_id"], unique=False)
    op.create_table(
        "generations",
        sa.Column("id", _LARGE, nullable=False),
        sa.Column("index_id", _LARGE, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("space_id", _LARGE, nullable=False),
        sa.Column("state", _text(8), nullable=False),
        sa.Column("variant", _text(), server_default="", nullable=False),
        sa.Column("lane", _text(5), nullable=True),
        sa.Column("paused", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("gate", _text(), server_default="", nullable=False),
        sa.Column("queries", _text(), server_default="", nullable=False),
        sa.Column("qrels", _text(), server_default="", nullable=False),
        sa.Column("budget", sa.Float(precision=53), nullable=True),
        sa.Column("created_at", sa.Float(precision=53), nullable=False),
        sa.Column("changed_at", sa.Float(precision=53), nullable=False),
        sa.CheckConstraint(
            "state IN ('building', 'serving', 'kept', 'dropped')", name=op.f("ck_generations_state")
        ),
        sa.ForeignKeyConstraint(
            ["index_id"], ["indexes.id"], name=op.f("fk_generations_index_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["space_id"], ["spaces.id"], name=op.f("fk_generations_space_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_generations")),
    )
    op.create_index("ix_generations_space_id", "generations", ["space_id"], unique=False)
    op.create_index("uq_generations_index_id_number", "generations", ["index_id", "number"], unique=True)
    op.create_index(
        "uq_generations_serving",
        "generations",
        ["index_id"],
        unique=True,
        sqlite_where=sa.text("state = 'serving'"),
        postgresql_where=sa.text("state = 'serving'"),
    )
    op.create_index(
        "uq_generations_building",
        "generations",
        ["index_id"],
        unique=True,
        sqlite_where=sa.text("state = 'building'"),
        postgresql_where=sa.text("state = 'building'"),
    )
    op.create_index(
        "uq_generations_kept",
        "generations",
        ["index_id"],
        unique=True,
        sqlite_where=sa.text("state = 'kept'"),
        postgresql_where=sa.text("state = 'kept'"),
    )
    op.create_table(
        "jobsets",
        sa.Column("id", _LARGE, nullable=False),
        sa.Column("name", _text(100), nullable=False),
        sa.Column("model", _text(), nullable=False),
        sa.Column("provider", _text(), nullable=False),
        sa.Column("digest", _text(64), nullable=False),
        sa.Column("source", _text(), server_default="", nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Float(precision=53), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobsets")),
        sa.UniqueConstraint("name", name=op.f("uq_jobsets_name")),
        sqlite_autoincrement=True,
    )
    op.create_index("uq_jobsets_digest_model", "jobsets", ["digest", "model"], unique=True)
    op.create_table(
        "requests",
        sa.Column("jobset_id", _LARGE, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("key", _text(), nullable=False),
        sa.Column("request", _text(), nullable=False),
        sa.Column("response", _text(), nullable=True),
        sa.Column("tokens", sa.Integer(), nullable=False),
        sa.Column("output_tokens", sa.Integer(), nullable=True),
        sa.Column("code", _text(), nullable=True),
        sa.Column("message", _text(), nullable=True),
        sa.Column("retryable", sa.Boolean(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(
            ["jobset_id"], ["jobsets.id"], name=op.f("fk_requests_jobset_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("jobset_id", "position", name=op.f("pk_requests")),
    )
    op.create_index("ix_requests_key", "requests", ["key"], unique=False)
    op.create_index("uq_requests_jobset_id_key", "requests", ["jobset_id", "key"], unique=True)
    op.create_table(
        "jobs",
        sa.Column("id", _LARGE, nullable=False),
        sa.Column("tag", _text(63), nullable=False),
        sa.Column("space_id", _LARGE, nullable=True),
        sa.Column("jobset_id", _LARGE, nullable=True),
        sa.Column("account", _text(), server_default="", nullable=False),
        sa.Column("provider", _text(), nullable=False),
        sa.Column("state", _text(20), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("canaries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("file", _text(), nullable=True),
        sa.Column("size", _LARGE, nullable=True),
        sa.Column("digest", _text(64), nullable=True),
        sa.Column("staged", sa.JSON(), nullable=True),
        sa.Column("remote", _text(), nullable=True),
        sa.Column("remote_state", _text(), server_default="", nullable=False),
        sa.Column("reason", _text(), server_default="", nullable=False),
        sa.Column("tokens", _LARGE, nullable=True),
        sa.Column("created_at", sa.Float(precision=53), nullable=False),
        sa.Column("changed_at", sa.Float(precision=53), nullable=False),
        sa.Column("submitted_at", sa.Float(precision=53), nullable=True),
        sa.Column("ended_at", sa.Float(precision=53), nullable=True),
        sa.Column("due_at", sa.Float(precision=53), nullable=False),
        sa.Column("waits", sa.Integer(), server_default="0", nullable=False),
        sa.Column("cleaned", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("worker", _text(), nullable=True),
        sa.Column("lease_until", sa.Float(precision=53), nullable=True),
        sa.Column("fence", sa.Integer(), server_default="0", nullable=False),
        sa.Column("estimated_tokens", _LARGE, server_default="0", nullable=False),
        sa.Column("expired", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.CheckConstraint(
            "(remote IS NOT NULL) OR state NOT IN ('submitted', 'ended', 'stored')",
            name=op.f("ck_jobs_named"),
        ),
        sa.CheckConstraint("(space_id IS NULL) <> (jobset_id IS NULL)", name=op.f("ck_jobs_purpose")),
        sa.ForeignKeyConstraint(["jobset_id"], ["jobsets.id"], name=op.f("fk_jobs_jobset_id")),
        sa.ForeignKeyConstraint(["space_id"], ["spaces.id"], name=op.f("fk_jobs_space_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
        sa.UniqueConstraint("tag", name=op.f("uq_jobs_tag")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_jobs_state", "jobs", ["state"], unique=False)
    op.create_table(
        "canaries",
        sa.Column("space_id", _LARGE, nullable=False),
        sa.Column("key", _text(), nullable=False),
        sa.Column("text", _text(), nullable=False),
        sa.Column("own", sa.Boolean(), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=True),
        sa.Column("provider", _text(), nullable=True),
        sa.Column("lane", _text(5), nullable=True),
        sa.Column("at", sa.Float(precision=53), nullable=True),
        sa.ForeignKeyConstraint(["space_id"], ["spaces.id"], name=op.f("fk_canaries_space_id")),
        sa.PrimaryKeyConstraint("space_id", "key", name=op.f("pk_canaries")),
    )
    op.create_table(
        "drifts",
        sa.Column("space_id", _LARGE, nullable=False),
        sa.Column("at", sa.Float(precision=53), nullable=False),
        sa.Column("provider", _text(), nullable=False),
        sa.Column("lane", _text(5), nullable=False),
        sa.Column("message", _text(), nullable=False),
        sa.ForeignKeyConstraint(["space_id"], ["spaces.id"], name=op.f("fk_drifts_space_id")),
        sa.PrimaryKeyConstraint("space_id", name=op.f("pk_drifts")),
    )
    op.create_table(
        "refusals",
        sa.Column("space_id", _LARGE, nullable=False),
        sa.Column("content_hash", _text(40), nullable=False),
        sa.Column("code", _text(), nullable=False),
        sa.Column("message", _text(), nullable=False),
        sa.Column("retryable", sa.Boolean(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="1", nullable=False),
        sa.Column("at", sa.Float(precision=53), nullable=False),
        sa.ForeignKeyConstraint(["space_id"], ["spaces.id"], name=op.f("fk_refusals_space_id")),
        sa.PrimaryKeyConstraint("space_id", "content_hash", name=op.f("pk_refusals")),
    )
    op.create_table(
        "refusal_events",
        sa.Column("id", _LARGE, nullable=False),
        sa.Column("space_id", _LARGE, nullable=False),
        sa.Column("content_hash", _text(40), nullable=False),
        sa.Column("at", sa.Float(precision=53), nullable=False),
        sa.Column("provider", _text(), nullable=False),
        sa.Column("lane", _text(5), nullable=False),
        sa.Column("job_id", _LARGE, nullable=True),
        sa.Column("code", _text(), nullable=False),
        sa.Column("message", _text(), nullable=False),
        sa.Column("retryable", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_refusal_events_job_id")),
        sa.ForeignKeyConstraint(["space_id"], ["spaces.id"], name=op.f("fk_refusal_events_space_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refusal_events")),
    )
    op.create_index(
        "ix_refusal_events_space_id_content_hash",
        "refusal_events",
        ["space_id", "content_hash"],
        unique=False,
    )
    op.create_table(
        "vectors",
        sa.Column("id", _LARGE, nullable=False),
        sa.Column("space_id", _LARGE, nullable=False),
        sa.Column("content_hash", _text(40), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["space_id"], ["spaces.id"], name=op.f("fk_vectors_space_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_vectors")),
    )
    op.create_index("uq_vectors_space_id_content_hash", "vectors", ["space_id", "content_hash"], unique=True)
    op.create_table(
        "items",
        sa.Column("id", _LARGE, nullable=False),
        sa.Column("index_id", _LARGE, nullable=False),
        sa.Column("item", _text(), nullable=False),
        sa.Column("document", _text(), nullable=False),
        sa.Column("source", _text(), nullable=False),
        sa.Column("content_hash", _text(40), nullable=False),
        sa.Column("metadata", sa.JSON(), nullable=False),
        sa.Column("seen", sa.Integer(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["content_hash"], ["contents.hash"], name=op.f("fk_items_content_hash")),
        sa.ForeignKeyConstraint(
            ["index_id"], ["indexes.id"], name=op.f("fk_items_index_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_items")),
    )
    op.create_index("ix_items_content_hash", "items", ["content_hash"], unique=False)
    op.create_index("ix_items_index_id_content_hash", "items", ["index_id", "content_hash"], unique=False)
    op.create_index("ix_items_index_id_document", "items", ["index_id", "document"], unique=False)
    op.create_index("uq_items_index_id_item", "items", ["index_id", "item"], unique=True)
    op.create_table(
        "item_variants",
        sa.Column("item_id", _LARGE, nullable=False),
        sa.Column("variant", _text(), nullable=False),
        sa.Column("source_hash", _text(40), nullable=False),
        sa.Column("content_hash", _text(40), nullable=False),
        sa.ForeignKeyConstraint(
            ["content_hash"], ["contents.hash"], name=op.f("fk_item_variants_content_hash")
        ),
        sa.ForeignKeyConstraint(
            ["item_id"], ["items.id"], name=op.f("fk_item_variants_item_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("item_id", "variant", name=op.f("pk_item_variants")),
    )
    op.create_index("ix_item_variants_content_hash", "item_variants", ["content_hash"], unique=False)
    op.create_table(
        "job_events",
        sa.Column("id", _LARGE, nullable=False),
        sa.Column("job_id", _LARGE, nullable=False),
        sa.Column("at", sa.Float(precision=53), nullable=False),
        sa.Column("event", _text(), nullable=False),
        sa.Column("state_before", _text(20), nullable=False),
        sa.Column("state_after", _text(20), nullable=False),
        sa.Column("detail", _text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name=op.f("fk_job_events_job_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_events")),
    )
    op.create_index("ix_job_events_job_id", "job_events", ["job_id"], unique=False)
    op.create_table(
        "job_rows",
        sa.Column("job_id", _LARGE, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("key", _text(), nullable=False),
        sa.Column("space_id", _LARGE, nullable=True),
        sa.Column("jobset_id", _LARGE, nullable=True),
        sa.Column("tokens", sa.Integer(), server_default="0", nullable=False),
        sa.Column("verdict", _text(8), server_default="open", nullable=False),
        sa.CheckConstraint(
            "verdict IN ('open', 'stored', 'refused', 'missing', 'canary')",
            name=op.f("ck_job_rows_verdict"),
        ),
        sa.CheckConstraint("(space_id IS NULL) <> (jobset_id IS NULL)", name=op.f("ck_job_rows_purpose")),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_job_rows_job_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["jobset_id"], ["jobsets.id"], name=op.f("fk_job_rows_jobset_id")),
        sa.ForeignKeyConstraint(["space_id"], ["spaces.id"], name=op.f("fk_job_rows_space_id")),
        sa.PrimaryKeyConstraint("job_id", "position", name=op.f("pk_job_rows")),
    )
    op.create_index("uq_job_rows_job_id_key", "job_rows", ["job_id", "key"], unique=True)
    op.create_index(
        "uq_job_rows_open",
        "job_rows",
        ["key", "space_id"],
        unique=True,
        sqlite_where=sa.text("verdict = 'open'"),
        postgresql_where=sa.text("verdict = 'open'"),
    )
    op.create_index(
        "uq_job_rows_open_request",
        "job_rows",
        ["key", "jobset_id"],
        unique=True,
        sqlite_where=sa.text("verdict = 'open'"),
        postgresql_where=sa.text("verdict = 'open'"),
    )
    op.create_table(
        "charges",
        sa.Column("id", _LARGE, nullable=False),
        sa.Column("run", _text(), nullable=False),
        sa.Column("account", _text(), nullable=False),
        sa.Column("space_id", _LARGE, nullable=True),
        sa.Column("jobset_id", _LARGE, nullable=True),
        sa.Column("provider", _text(), nullable=False),
        sa.Column("lane", _text(5), nullable=False),
        sa.Column("job_id", _LARGE, nullable=True),
        sa.Column("at", sa.Float(precision=53), nullable=False),
        sa.Column("rows", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("characters", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("planned_tokens", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("measured_tokens", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("estimated_tokens", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("price", sa.Float(precision=53), nullable=True),
        sa.Column("output_tokens", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("output_price", sa.Float(precision=53), nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_charges_job_id")),
        sa.ForeignKeyConstraint(["jobset_id"], ["jobsets.id"], name=op.f("fk_charges_jobset_id")),
        sa.ForeignKeyConstraint(["space_id"], ["spaces.id"], name=op.f("fk_charges_space_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_charges")),
        sa.UniqueConstraint("run", name=op.f("uq_charges_run")),
    )
    op.create_index("ix_charges_account", "charges", ["account"], unique=False)
    op.create_index("ix_charges_job_id", "charges", ["job_id"], unique=False)
