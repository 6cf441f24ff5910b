"""The schema, and the migrations that make it."""

from __future__ import annotations

import re

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.schema import CreateIndex, CreateTable

from embedlane.ledger import schema
from embedlane.ledger.database import Ledger


@pytest.fixture
def connection(tmp_path):
    """A connection to a migrated ledger."""
    ledger = Ledger.open(tmp_path / "lane.db")
    with ledger.read() as connection:
        yield connection
    ledger.close()


def _sql(statement):
    return re.sub(r"\s+", " ", re.sub(r'["\n\t]', " ", str(statement))).replace("( ", "(").strip()


def test_the_code_is_written_for_the_newest_migration():
    """`HEAD` is Alembic's head."""
    config = Config()
    config.set_main_option("script_location", "embedlane.ledger:migrations")
    assert ScriptDirectory.from_config(config).get_current_head() == schema.HEAD


def test_the_migrations_make_the_schema(connection):
    """Alembic finds no difference between a migrated ledger and the tables of the code."""
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    assert compare_metadata(context, schema.metadata) == []


def test_checks_partial_indexes_and_defaults_are_the_same(connection):
    """What Alembic does not compare is the same, too: CHECK constraints, conditions of indexes, defaults."""
    plain = create_engine("sqlite://")
    schema.metadata.create_all(plain)
    with plain.connect() as other:
        here, there = inspect(connection), inspect(other)
        for table in schema.metadata.tables:
            checks = {(check["name"], check["sqltext"]) for check in here.get_check_constraints(table)}
            assert checks == {
                (check["name"], check["sqltext"]) for check in there.get_check_constraints(table)
            }
            columns = {
                column["name"]: (column["default"], column["nullable"]) for column in here.get_columns(table)
            }
            assert columns == {
                column["name"]: (column["default"], column["nullable"]) for column in there.get_columns(table)
            }
        query = text(
            "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL ORDER BY name"
        )
        indexes = [(name, _sql(sql)) for name, sql in connection.execute(query)]
        assert indexes == [(name, _sql(sql)) for name, sql in other.execute(query)]
        assert any("WHERE verdict = 'open'" in sql for _, sql in indexes)
        assert {check["name"] for check in here.get_check_constraints("jobs")} == {"ck_jobs_named"}
        assert {check["name"] for check in here.get_check_constraints("job_rows")} == {"ck_job_rows_verdict"}
    plain.dispose()


def test_all_tables_compile_for_postgresql():
    """Nothing in the schema is for SQLite only."""
    from sqlalchemy.dialects import postgresql

    dialect = postgresql.dialect()
    for table in schema.metadata.sorted_tables:
        assert CreateTable(table).compile(dialect=dialect).string
        for index in table.indexes:
            assert CreateIndex(index).compile(dialect=dialect).string
