"""A ledger in a file: its settings, and what SQLite's errors mean."""

from __future__ import annotations

import contextlib
import sqlite3

import pytest
from sqlalchemy import insert, select, text

from embedlane.errors import LedgerError
from embedlane.ledger.database import Ledger
from embedlane.ledger.schema import contents, indexes


@pytest.fixture
def path(tmp_path):
    """Where the ledger of a test is."""
    return tmp_path / "deep" / "lane.db"


@pytest.fixture
def ledger(path):
    """A new ledger."""
    ledger = Ledger.open(path)
    yield ledger
    ledger.close()


def _content(number, size=1):
    return {"hash": f"{number:040}", "text": "x" * size, "characters": size}


def _count(ledger):
    with ledger.read() as connection:
        return connection.execute(select(contents.c.hash)).all()


@pytest.mark.parametrize(
    ("pragma", "value"),
    [
        ("page_size", 16384),
        ("journal_mode", "wal"),
        ("synchronous", 2),
        ("foreign_keys", 1),
        ("busy_timeout", 30_000),
        ("temp_store", 2),
    ],
)
def test_pragmas_are_in_force_on_every_connection(ledger, pragma, value):
    """Two connections at once have the settings that durability and integrity rest on."""
    with ledger.read() as one, ledger.read() as two:
        assert [c.exec_driver_sql(f"PRAGMA {pragma}").scalar() for c in (one, two)] == [value, value]


@pytest.mark.parametrize("data", [b"this is a text, not a database\n" * 50, b"\x00" * 5000])
def test_another_kind_of_file_is_refused(path, data):
    """A file that is no database is named, left alone, and the advice is to move it."""
    path.parent.mkdir()
    path.write_bytes(data)
    with pytest.raises(LedgerError, match="not a database") as caught:
        Ledger.open(path)
    assert str(path) in caught.value.message
    assert "move it away" in caught.value.hint
    assert path.read_bytes() == data


def test_a_damaged_database_is_told(ledger, path):
    """Bytes written over the middle of the file are found when it is read."""
    with ledger.write() as connection:
        connection.execute(insert(contents), [_content(number, 2000) for number in range(200)])
    ledger.close()
    data = bytearray(path.read_bytes())
    data[16384:] = b"\xa5" * (len(data) - 16384)
    path.write_bytes(data)
    with pytest.raises(LedgerError, match="damaged") as caught:
        _count(Ledger.open(path))
    assert "backup" in caught.value.hint


def test_a_truncated_database_is_told(ledger, path):
    """A file that lost its second half is found when it is read."""
    with ledger.write() as connection:
        connection.execute(insert(contents), [_content(number, 2000) for number in range(500)])
    ledger.close()
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 32768 * 16384])
    with pytest.raises(LedgerError, match="damaged") as caught:
        _count(Ledger.open(path))
    assert "backup" in caught.value.hint


def test_a_foreign_database_is_refused(path):
    """The database of another program is not migrated."""
    path.parent.mkdir()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE invoices (id)")
    with pytest.raises(LedgerError, match=r"not a ledger of embedlane \(its tables: invoices\)") as caught:
        Ledger.open(path)
    assert "Name another file" in caught.value.hint
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("invoices",)]


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    """A path below a file can't become a folder, for root neither."""
    (tmp_path / "file").write_text("")
    with pytest.raises(LedgerError, match="can't be made") as caught:
        Ledger.open(tmp_path / "file" / "below" / "lane.db")
    assert "`ledger` in the configuration" in caught.value.hint


def test_a_folder_in_place_of_the_file_is_told(tmp_path):
    """A directory can't be opened as a database."""
    with pytest.raises(LedgerError, match="can't be opened"):
        Ledger.open(tmp_path)


def test_a_database_that_is_read_only_is_told(ledger):
    """A write to a database that takes none is explained."""

    def write():
        with ledger.write() as connection:
            connection.exec_driver_sql("PRAGMA query_only = ON")
            connection.execute(insert(contents), _content(1))

    with pytest.raises(LedgerError, match="can't be opened for writing") as caught:
        write()
    assert "permissions" in caught.value.hint


def test_a_full_disk_is_told_and_loses_nothing(ledger):
    """SQLite's own "full" is explained; what was committed before is still there."""
    with ledger.write() as connection:
        connection.execute(insert(contents), _content(1))

    def overflow():
        with ledger.write() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
            connection.execute(insert(contents), [_content(number, 5000) for number in range(2, 100)])

    with pytest.raises(LedgerError, match="disk is full") as caught:
        overflow()
    assert "Free some space" in caught.value.hint
    assert len(_count(ledger)) == 1


def test_metadata_is_kept_as_it_is_written(ledger):
    """JSON in the ledger is not escaped, so that SQLite finds keys of any script."""
    with ledger.write() as connection:
        connection.execute(insert(indexes), {"name": "a", "settings": {"schlüssel": "é"}, "created_at": 0.0})
        assert connection.scalar(text("SELECT settings FROM indexes")) == '{"schlüssel":"é"}'
        assert connection.scalar(select(indexes.c.settings)) == {"schlüssel": "é"}
