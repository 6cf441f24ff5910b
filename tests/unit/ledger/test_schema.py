"""The schema, and the migrations that make it."""

from __future__ import annotations

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import NullPool, String, create_engine, inspect, make_url

from embedlane.ledger import schema


@pytest.fixture
def connection(ledger):
    """A connection to a migrated ledger."""
    with ledger.read() as connection:
        yield connection


@pytest.fixture
def plain(ledger, request, tmp_path):
    """A connection to a database of the same kind, whose tables were made from the code."""
    if ledger.engine.dialect.name == "sqlite":
        engine = create_engine(f"sqlite:///{tmp_path / 'plain.db'}", poolclass=NullPool)
    else:
        address = make_url(request.getfixturevalue("pg_empty").address)
        engine = create_engine(address.set(drivername="postgresql+psycopg"), poolclass=NullPool)
    schema.metadata.create_all(engine)
    with engine.connect() as connection:
        yield connection


def _shape(connection):
    """What Alembic does not compare: constraints, conditions of indexes, defaults, collations, sequences."""
    inspector = inspect(connection)
    found = {}
    for table in schema.metadata.tables:
        found[table] = {
            "columns": [
                (column["name"], repr(column["type"]), column["default"], column["nullable"])
                for column in inspector.get_columns(table)
            ],
            "checks": {(each["name"], each["sqltext"]) for each in inspector.get_check_constraints(table)},
            "keys": inspector.get_pk_constraint(table),
            "foreign": sorted(inspector.get_foreign_keys(table), key=lambda each: each["name"]),
            "unique": sorted(inspector.get_unique_constraints(table), key=lambda each: each["name"]),
            "indexes": [
                (each["name"], each["column_names"], each["unique"], _conditions(each))
                for each in sorted(inspector.get_indexes(table), key=lambda each: each["name"])
            ],
        }
    return found


def _conditions(index):
    return {name: str(value) for name, value in index["dialect_options"].items() if name.endswith("where")}


def test_the_code_is_written_for_the_newest_migration():
    """`HEAD` is Alembic's head."""
    config = Config()
    config.set_main_option("script_location", "embedlane.ledger:migrations")
    assert ScriptDirectory.from_config(config).get_current_head() == schema.HEAD


def test_the_migrations_make_the_schema(connection):
    """Alembic finds no difference between a migrated ledger and the tables of the code."""
    options = {"compare_type": True, "version_table": schema.VERSION_TABLE}
    context = MigrationContext.configure(connection, opts=options)
    assert compare_metadata(context, schema.metadata) == []


def test_what_alembic_does_not_compare_is_the_same(connection, plain):
    """On each database, a migrated ledger has the shape that the tables of the code would have."""
    here = _shape(connection)
    assert here == _shape(plain)
    assert {name for name, _ in here["jobs"]["checks"]} == {"ck_jobs_named", "ck_jobs_purpose"}
    assert {name for name, _ in here["job_rows"]["checks"]} == {
        "ck_job_rows_purpose",
        "ck_job_rows_verdict",
    }
    (conditions,) = [each[-1] for each in here["job_rows"]["indexes"] if each[0] == "uq_job_rows_open"]
    assert "verdict" in "".join(conditions.values())


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_every_text_is_compared_by_its_bytes(connection):
    """Also on a server whose own order of texts is that of a language."""
    kept = [column for table in schema.metadata.tables for column in inspect(connection).get_columns(table)]
    collations = [column["type"].collation for column in kept if isinstance(column["type"], String)]
    assert len(collations) > 20
    assert set(collations) == {"C"}


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_what_grows_is_counted_in_large_numbers(connection):
    """A batch file may be larger than 2 GB, and rows and tokens may be more than 2 billion."""
    types = {
        f"{table}.{column['name']}": str(column["type"])
        for table in schema.metadata.tables
        for column in inspect(connection).get_columns(table)
    }
    large = {name for name, its in types.items() if its == "BIGINT"}
    assert {"jobs.size", "jobs.tokens", "jobs.estimated_tokens"} <= large
    assert {name for name in types if name.endswith((".id", "_id"))} <= large
