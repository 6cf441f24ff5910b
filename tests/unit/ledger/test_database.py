"""Opening the ledger, its transactions, and what its errors say."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
import time

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import IntegrityError

from embedlane.errors import LedgerError
from embedlane.ledger.database import Ledger
from embedlane.ledger.dialects import among
from embedlane.ledger.schema import contents, job_rows, metadata, spaces


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


def test_a_new_ledger_has_all_tables(ledger, path):
    """Opening makes the folder, the file and the schema."""
    assert path.is_file()
    with ledger.read() as connection:
        names = set(connection.scalars(text("SELECT name FROM sqlite_master WHERE type = 'table'")))
    assert names - {"sqlite_sequence"} == {*metadata.tables, "alembic_version"}


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


def test_opening_again_finds_what_was_written(ledger, path):
    """A second opening neither migrates nor changes anything."""
    with ledger.write() as connection:
        connection.execute(insert(contents), _content(1))
    again = Ledger.open(path)
    assert len(_count(again)) == 1
    again.close()


def test_a_failed_transaction_leaves_nothing(ledger):
    """What was written before an error in the block is rolled back."""
    with contextlib.suppress(RuntimeError), ledger.write() as connection:
        connection.execute(insert(contents), _content(1))
        raise RuntimeError
    assert _count(ledger) == []


def test_a_reader_sees_one_state(ledger):
    """A commit in the middle of a read transaction is not seen by it, and neither waits for the other."""
    with ledger.read() as reader:
        assert reader.execute(select(contents)).all() == []
        with ledger.write() as writer:
            writer.execute(insert(contents), _content(1))
        assert reader.execute(select(contents)).all() == []
    assert len(_count(ledger)) == 1


def test_a_writer_holds_the_lock_from_its_start(path, ledger):
    """A write transaction that has only read so far keeps others from writing."""
    other = Ledger.open(path, busy_timeout=10)
    with ledger.write(), pytest.raises(LedgerError, match="held by another process"), other.write():
        pytest.fail("two writers")
    other.close()


def test_foreign_keys_hold(ledger):
    """A row can't belong to a job that is not there; that error is not translated."""
    row = {"job_id": 7, "position": 0, "key": "k", "space_id": 1}
    with pytest.raises(IntegrityError), ledger.write() as connection:
        connection.execute(insert(job_rows), row)


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


def test_a_newer_ledger_is_refused(ledger, path):
    """A schema that this release does not know is left alone; the advice is to upgrade."""
    with ledger.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    ledger.close()
    with pytest.raises(LedgerError, match="schema 9999, which is newer") as caught:
        Ledger.open(path)
    assert "pip install --upgrade embedlane" in caught.value.hint


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


def test_any_other_refusal_names_the_ledger(ledger, path):
    """An error without a translation keeps SQLite's words."""
    with pytest.raises(LedgerError, match="no such table: nowhere") as caught, ledger.read() as connection:
        connection.execute(text("SELECT * FROM nowhere"))
    assert str(path) in caught.value.message
    assert caught.value.hint


_HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.readline()
"""


def test_a_lock_held_by_another_process_is_told(ledger, path):
    """Beyond the timeout, the advice is to wait; reading goes on in the meantime."""
    ledger.close()
    impatient = Ledger.open(path, busy_timeout=50)
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(LedgerError, match="held by another process") as caught, impatient.write():
            pytest.fail("two writers")
        assert _count(impatient) == []
        holder.communicate(b"\n")
    assert "run the same command again" in caught.value.hint
    with impatient.write() as connection:
        connection.execute(insert(contents), _content(1))
    impatient.close()


_OPEN = """
import pathlib, sys, time
from embedlane.ledger.database import Ledger
while time.time() < float(sys.argv[2]):
    pass
Ledger.open(pathlib.Path(sys.argv[1]))
"""


def test_processes_that_make_one_ledger_at_once_agree(path):
    """The one that comes first migrates; the others wait and find it done."""
    start = str(time.time() + 1.0)
    command = [sys.executable, "-c", _OPEN, str(path), start]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(3)]
    assert [(process.communicate()[1], process.returncode) for process in processes] == [(b"", 0)] * 3


def test_metadata_is_kept_as_it_is_written(ledger):
    """JSON in the ledger is not escaped, so that SQLite finds keys of any script."""
    from embedlane.ledger.schema import indexes

    with ledger.write() as connection:
        connection.execute(insert(spaces), {"id": 1, "fingerprint": "f", "canonical": "c", "created_at": 0.0})
        connection.execute(
            insert(indexes), {"name": "a", "space_id": 1, "settings": {"schlüssel": "é"}, "created_at": 0.0}
        )
        assert connection.scalar(text("SELECT settings FROM indexes")) == '{"schlüssel":"é"}'
        assert connection.scalar(select(indexes.c.settings)) == {"schlüssel": "é"}


def test_any_number_of_values_can_be_compared_with(ledger):
    """Texts of every kind and numbers are found, more than one statement may bind one by one."""
    names = ["plain", 'with "quotes"', "über\n\\", "💡", *map(str, range(100_000))]
    with ledger.write() as connection:
        connection.execute(insert(contents), [{"hash": n, "text": "", "characters": 0} for n in names[:6]])
        found = connection.scalars(select(contents.c.hash).where(among(contents.c.hash, names[1:]))).all()
        assert sorted(found) == sorted(names[1:6])
        number = select(contents.c.characters).where(among(contents.c.characters, range(3))).limit(1)
        assert connection.scalar(number) == 0
        assert connection.scalar(select(contents.c.hash).where(among(contents.c.hash, []))) is None
