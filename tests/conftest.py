"""Ledgers on both databases: in a file, and on a PostgreSQL of this process's own."""

from __future__ import annotations

import pytest
from pg_server import running

from embedlane.ledger.database import Ledger
from embedlane.ledger.server import Server


@pytest.fixture(scope="session")
def pg_template():
    """The name of a database with an empty ledger: a copy of it is made faster than the migrations run."""
    name = running().create()
    Ledger.open(Server(running().address(name))).close()
    return name


@pytest.fixture
def pg_place(pg_template):
    """A PostgreSQL database with an empty ledger."""
    name = running().create(pg_template)
    yield Server(running().address(name))
    running().drop(name)


@pytest.fixture
def pg_empty():
    """A PostgreSQL database with nothing in it."""
    name = running().create()
    yield Server(running().address(name))
    running().drop(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request, tmp_path):
    """Where a new ledger may be; a test for one database names it by ``parametrize(..., indirect=True)``."""
    return tmp_path / "lane.db" if request.param == "sqlite" else request.getfixturevalue("pg_place")


@pytest.fixture
def ledger(place):
    """A new ledger."""
    ledger = Ledger.open(place)
    yield ledger
    ledger.close()
