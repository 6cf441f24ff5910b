"""Bringing a ledger to the schema that the code is written for."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from embedlane.errors import LedgerError
from embedlane.ledger.schema import VERSION_TABLE

if TYPE_CHECKING:
    from sqlalchemy import Connection


def upgrade(connection: Connection, place: str) -> None:
    """Run all migrations that *connection*'s database lacks, in its transaction.

    Raises:
        LedgerError: If the ledger was made by a newer release.
    """
    config = Config()
    config.set_main_option("script_location", "embedlane.ledger:migrations")
    config.attributes["connection"] = connection
    scripts = ScriptDirectory.from_config(config)
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    found = context.get_current_revision()
    if found is not None and found not in {script.revision for script in scripts.walk_revisions()}:
        raise LedgerError(
            f"The ledger {place} has schema {found}, which is newer than this release of embedlane.",
            "Upgrade: pip install --upgrade embedlane.",
        )
    logging.getLogger("alembic").setLevel(logging.WARNING)
    command.upgrade(config, "head")
