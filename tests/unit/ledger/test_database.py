"""Opening a ledger, and its transactions: the same on each database."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
import time

import pytest
from sqlalchemy import insert, inspect, select, text
from sqlalchemy.exc import IntegrityError

from embedlane.errors import LedgerError
from embedlane.ledger.database import Ledger
from embedlane.ledger.dialects import among
from embedlane.ledger.schema import VERSION_TABLE, contents, indexes, job_rows, metadata, spaces


@pytest.fixture(params=["sqlite", "postgresql"])
def nothing(request, tmp_path):
    """Where a ledger could be, but is not yet."""
    return tmp_path / "deep" / "lane.db" if request.param == "sqlite" else request.getfixturevalue("pg_empty")


def _content(number, size=1):
    return {"hash": f"{number:040}", "text": "x" * size, "characters": size}


def _count(ledger):
    with ledger.read() as connection:
        return connection.execute(select(contents.c.hash)).all()


def test_a_new_ledger_has_all_tables(nothing):
    """Opening makes the folder, the file and the schema."""
    ledger = Ledger.open(nothing)
    with ledger.read() as connection:
        assert {*inspect(connection).get_table_names()} == {*metadata.tables, VERSION_TABLE}
    ledger.close()


def test_opening_again_finds_what_was_written(ledger, place):
    """A second opening neither migrates nor changes anything."""
    with ledger.write() as connection:
        connection.execute(insert(contents), _content(1))
    again = Ledger.open(place)
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


def test_a_writer_holds_the_lock_from_its_start(place, ledger):
    """A write transaction that has only read so far keeps others from writing, and nobody from reading."""
    other = Ledger.open(place, busy_timeout=10)
    with ledger.write():
        with pytest.raises(LedgerError, match="held by another process") as caught, other.write():
            pytest.fail("two writers")
        assert _count(other) == []
    assert "run the same command again" in caught.value.hint
    with other.write() as connection:
        connection.execute(insert(contents), _content(1))
    other.close()


def test_what_a_writer_reads_is_what_the_one_before_it_wrote(place, ledger):
    """Whoever had to wait for the lock sees what was committed in the meantime, not what was there before."""
    other = Ledger.open(place)
    found = []

    def wait():
        with other.write() as connection:
            found.extend(connection.scalars(select(contents.c.hash)))

    with ledger.write() as connection:
        waiting = threading.Thread(target=wait)
        waiting.start()
        connection.execute(insert(contents), _content(1))
    waiting.join()
    other.close()
    assert len(found) == 1


def test_a_reader_writes_nothing(ledger):
    """On PostgreSQL a reading transaction that writes is an error; on SQLite it is not checked."""
    if ledger.engine.dialect.name == "postgresql":
        with pytest.raises(LedgerError, match="can only be read"), ledger.read() as connection:
            connection.execute(insert(contents), _content(1))


def test_foreign_keys_hold(ledger):
    """A row can't belong to a job that is not there; that error is not translated."""
    row = {"job_id": 7, "position": 0, "key": "k", "space_id": 1}
    with pytest.raises(IntegrityError), ledger.write() as connection:
        connection.execute(insert(job_rows), row)


def test_a_newer_ledger_is_refused(ledger, place):
    """A schema that this release does not know is left alone; the advice is to upgrade."""
    with ledger.write() as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))
    ledger.close()
    with pytest.raises(LedgerError, match="schema 9999, which is newer") as caught:
        Ledger.open(place)
    assert "pip install --upgrade embedlane" in caught.value.hint


def test_any_other_refusal_names_the_ledger(ledger, place):
    """An error without a translation keeps the database's words."""
    with pytest.raises(LedgerError, match="nowhere") as caught, ledger.read() as connection:
        connection.execute(text("SELECT * FROM nowhere"))
    assert str(place) in caught.value.message
    assert caught.value.hint


_OPEN = """
import pathlib, sys, time
from embedlane.config.settings import read_ledger
from embedlane.ledger.database import Ledger
while time.time() < float(sys.argv[2]):
    pass
Ledger.open(read_ledger(sys.argv[1], pathlib.Path(), "argv")).close()
"""


def test_processes_that_make_one_ledger_at_once_agree(nothing):
    """The one that comes first migrates; the others wait and find it done."""
    start = str(time.time() + 1.0)
    command = [sys.executable, "-c", _OPEN, str(nothing), start]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(3)]
    assert [(process.communicate()[1], process.returncode) for process in processes] == [(b"", 0)] * 3


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


@pytest.mark.parametrize(
    "values",
    [["b", "a", "B", "A"], ["a/b", "a-b", "a0", "a b"], ["é", "f", "z", "Z"], ["", " ", "💡", "\uffff"]],
)
def test_texts_are_ordered_by_their_bytes(ledger, values):
    """As Python orders them, whatever language a server is set to: pages and pruning rest on it."""
    rows = [{"hash": value, "text": value, "characters": 0} for value in values]
    with ledger.write() as connection:
        connection.execute(insert(contents), rows)
        for column in (contents.c.hash, contents.c.text):
            assert list(connection.scalars(select(column).order_by(column))) == sorted(values)
            above = connection.scalars(select(column).where(column > values[0]))
            assert set(above) == {value for value in values if value > values[0]}


def test_json_is_kept_as_it_is(ledger):
    """Texts of any script, the order of keys, and the kinds of numbers."""
    value = {"schlüssel": "é💡", "b": [1, 1.0, True, None, 2**63 - 1, 1e300], "a": {"\u0001": "\\u0000"}}
    with ledger.write() as connection:
        connection.execute(insert(spaces), {"id": 1, "fingerprint": "f", "canonical": "c", "created_at": 0.0})
        row = {"name": "a", "space_id": 1, "settings": value, "created_at": 0.1 + 0.2}
        connection.execute(insert(indexes), row)
        found = connection.execute(select(indexes.c.settings, indexes.c.created_at)).one()
    assert repr(found.settings) == repr(value)
    assert found.created_at == 0.1 + 0.2
