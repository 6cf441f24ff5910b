"""Alembic's entry: runs migrations on the connection it is given."""

from alembic import context

from embedlane.ledger.schema import VERSION_TABLE, metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, version_table=VERSION_TABLE
)
context.run_migrations()
