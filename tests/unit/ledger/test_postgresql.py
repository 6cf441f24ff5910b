"""A ledger on a server: who else is there, what may go wrong, and what PostgreSQL's errors mean."""

from __future__ import annotations

import sys
import threading
import time

import attrs
import pytest
from pg_server import running
from sqlalchemy import event, insert, select, text

from embedlane.errors import LedgerError, MissingDependencyError
from embedlane.ledger.database import Ledger
from embedlane.ledger.postgresql import CLOCKS_DIFFER, Postgresql
from embedlane.ledger.schema import contents, metadata, refusals, spaces
from embedlane.ledger.server import Server

_OWN = "&options=-csearch_path%3D{}"


def _content(number, size=1):
    return {"hash": f"{number:040}", "text": "x" * size, "characters": size}


def _count(ledger):
    with ledger.read() as connection:
        return len(connection.execute(select(contents.c.hash)).all())


def _name(server):
    """The database's name."""
    return server.address.partition("@/")[2].partition("?")[0]


@pytest.fixture
def open_ledger():
    """A function that opens ledgers and closes them at the end."""
    opened = []

    def open_ledger(address, **options):
        opened.append(Ledger.open(address if isinstance(address, Server) else Server(address), **options))
        return opened[-1]

    yield open_ledger
    for ledger in opened:
        ledger.close()


# --- who else is there ------------------------------------------------------------------------------------


def test_tables_of_others_are_left_alone(pg_empty, open_ledger):
    """A database is shared: other tables, and another program's Alembic, stay as they are."""
    running().run(
        "CREATE TABLE invoices (id int)",
        "CREATE TABLE alembic_version (version_num text)",
        "INSERT INTO alembic_version VALUES ('theirs')",
        database=_name(pg_empty),
    )
    open_ledger(pg_empty)
    again = open_ledger(pg_empty)
    assert _count(again) == 0
    found = running().run("SELECT version_num FROM alembic_version", database=_name(pg_empty))
    assert found == [("theirs",)]


def test_tables_of_others_that_are_in_the_way_are_named(pg_empty, open_ledger):
    """Nothing is made beside them; the advice is a schema of one's own, and works."""
    name = _name(pg_empty)
    running().run("CREATE TABLE jobs (id int)", "CREATE TABLE items (id int)", database=name)
    with pytest.raises(LedgerError, match=r"has tables of others .*: items, jobs") as caught:
        open_ledger(pg_empty)
    assert "CREATE SCHEMA embedlane" in caught.value.hint
    assert "?options=-csearch_path%3Dembedlane" in caught.value.hint
    running().run("CREATE SCHEMA embedlane", database=name)
    assert _count(open_ledger(pg_empty.address + _OWN.format("embedlane"))) == 0
    tables = "SELECT count(*) FROM pg_tables WHERE schemaname = '{}'"
    assert running().run(tables.format("public"), database=name) == [(2,)]
    assert running().run(tables.format("embedlane"), database=name) == [(len(metadata.tables) + 1,)]


def test_ledgers_in_two_schemas_never_wait_for_each_other(pg_empty, open_ledger):
    """Each has its own lock, and its own contents."""
    running().run("CREATE SCHEMA one", "CREATE SCHEMA two", database=_name(pg_empty))
    one, two = (
        open_ledger(pg_empty.address + _OWN.format(schema), busy_timeout=100) for schema in ("one", "two")
    )
    with one.write() as first, two.write() as second:
        first.execute(insert(contents), _content(1))
        second.execute(insert(contents), [_content(2), _content(3)])
    assert (_count(one), _count(two)) == (1, 2)


def test_a_database_that_lacks_characters_is_refused(open_ledger):
    """Texts of any script have to be kept."""
    running().run("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
    try:
        with pytest.raises(LedgerError, match="has the encoding LATIN1, not UTF8") as caught:
            open_ledger(running().address("latin"))
    finally:
        running().drop("latin")
    assert "ENCODING 'UTF8'" in caught.value.hint


@pytest.mark.parametrize(("ahead", "way"), [(CLOCKS_DIFFER + 5, "ahead of"), (-CLOCKS_DIFFER - 5, "behind")])
def test_a_machine_whose_clock_is_wrong_is_refused(ledger_of_test, ahead, way):
    """Its deadlines would be others' too early or too late; a small difference is borne."""
    server, ledger = ledger_of_test
    wrong = Postgresql(server, clock=lambda: time.time() + ahead)
    right = Postgresql(server, clock=lambda: time.time() + ahead / 2)
    with ledger.read() as connection:
        right.examine(connection, new=False)
        with pytest.raises(LedgerError, match=rf"clock of this machine is 6\d s {way} that of") as caught:
            wrong.examine(connection, new=False)
    assert "NTP" in caught.value.hint


@pytest.fixture
def ledger_of_test(pg_place, open_ledger):
    """An address, and the ledger there."""
    return pg_place, open_ledger(pg_place)


# --- what may go wrong ------------------------------------------------------------------------------------


def test_a_server_that_cannot_be_reached_is_told(open_ledger, tmp_path):
    """No socket there, nobody on the port."""
    for place in (f"/db?host={tmp_path}", "127.0.0.1:1/db"):
        with pytest.raises(LedgerError, match="can't be reached") as caught:
            open_ledger(f"postgresql://me:secret@{place}")
        assert "Check host and port in `ledger`" in caught.value.hint
        assert "secret" not in str(caught.value)


@pytest.fixture
def guarded():
    """A user whose password the server wants to know."""
    running().run("CREATE ROLE guarded LOGIN PASSWORD 'right'")
    yield "guarded"
    running().run("DROP ROLE guarded")


@pytest.mark.parametrize("password", ["", ":wrong"])
def test_a_wrong_password_is_told_and_not_shown(open_ledger, guarded, monkeypatch, password):
    """Nor is a missing one guessed at; the advice is where to put it."""
    monkeypatch.delenv("PGPASSWORD", raising=False)
    with pytest.raises(LedgerError, match="does not let this user in") as caught:
        open_ledger(running().address(user=guarded + password))
    assert "PGPASSWORD or ~/.pgpass" in caught.value.hint
    assert "wrong" not in str(caught.value)


def test_a_password_is_taken_from_the_address_or_the_environment(guarded, monkeypatch):
    """Both let the user in; what is refused then is something else."""
    for login, variable in ((guarded, "right"), (f"{guarded}:right", "wrong")):
        monkeypatch.setenv("PGPASSWORD", variable)
        with pytest.raises(LedgerError, match="lacks a permission"):
            Ledger.open(Server(running().address(user=login)))


def test_an_unknown_user_is_told(open_ledger):
    """By the server's words."""
    with pytest.raises(LedgerError, match=r'let this user in .*role "nobody" does not exist'):
        open_ledger(running().address(user="nobody"))


def test_a_database_that_is_not_there_is_told(open_ledger):
    """The advice is to make it."""
    with pytest.raises(LedgerError, match=r'is not there .*database "nowhere" does not exist') as caught:
        open_ledger(running().address("nowhere"))
    assert "createdb" in caught.value.hint


def test_missing_permissions_are_told(pg_empty, open_ledger):
    """To make tables in the schema, and to connect to the database."""
    name = _name(pg_empty)
    running().run("CREATE ROLE guest LOGIN")
    try:
        for lacking in ("permission denied for schema public", "permission denied for database"):
            with pytest.raises(LedgerError, match=f"lacks a permission .*{lacking}") as caught:
                open_ledger(running().address(name, user="guest"))
            assert "GRANT" in caught.value.hint
            running().run(f"REVOKE CONNECT ON DATABASE {name} FROM PUBLIC")
    finally:
        running().run("DROP ROLE guest")


def test_a_search_path_without_a_schema_is_told(pg_empty, open_ledger):
    """There is nowhere to make tables."""
    with pytest.raises(LedgerError, match="no schema has been selected"):
        open_ledger(pg_empty.address + _OWN.format("nowhere"))


@pytest.mark.parametrize(
    ("code", "meaning", "advice"),
    [
        ("53100", "the disk is full", "Free some space"),
        ("53300", "takes no connection at the moment", "in a while"),
        ("55P03", "held by another process", "run the same command again"),
        ("25006", "can only be read", "not a standby"),
        ("XX000", "refused an operation", "embedlane doctor"),
    ],
)
def test_a_server_in_trouble_is_told_and_nothing_is_lost(ledger_of_test, code, meaning, advice):
    """By the code that the server sends; what was committed before is still there."""
    _, ledger = ledger_of_test
    with ledger.write() as connection:
        connection.execute(insert(contents), _content(1))
    trouble = f"DO $$ BEGIN RAISE EXCEPTION 'some words' USING ERRCODE = '{code}'; END $$"

    def write():
        with ledger.write() as connection:
            connection.execute(insert(contents), _content(2))
            connection.exec_driver_sql(trouble)

    with pytest.raises(LedgerError, match=rf"{meaning}.* \(some words") as caught:
        write()
    assert advice in caught.value.hint
    assert _count(ledger) == 1


def test_a_connection_that_is_cut_off_is_told_and_made_anew(ledger_of_test):
    """The transaction is undone; the next one has a connection of its own."""
    _, ledger = ledger_of_test

    def write(*, cut_off):
        with ledger.write() as connection:
            connection.execute(insert(contents), _content(1))
            if cut_off:
                process = connection.scalar(text("SELECT pg_backend_pid()"))
                running().run(f"SELECT pg_terminate_backend({process}, 5000)")
            connection.execute(insert(contents), _content(2))

    with pytest.raises(LedgerError, match="was cut off in the middle") as caught:
        write(cut_off=True)
    assert "run the same command again" in caught.value.hint
    assert _count(ledger) == 0
    write(cut_off=False)
    assert _count(ledger) == 2


def test_a_connection_that_broke_while_nobody_used_it_is_replaced(ledger_of_test):
    """A worker sleeps for minutes, and the server is restarted in the meantime."""
    server, ledger = ledger_of_test
    assert _count(ledger) == 0
    running().run(
        f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{_name(server)}'"
    )
    assert _count(ledger) == 0


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://me:secret@host:port/db",
        "postgresql://me:secret@[::1/db",
        "postgresql://me:secret@h:1:2/",
    ],
)
def test_an_address_that_cannot_be_read_is_told(address):
    """The error names it without the password, and shows how one is written."""
    with pytest.raises(LedgerError) as caught:
        Ledger.open(Server(address))
    assert "postgresql://user@host:5432/database" in caught.value.hint
    assert "secret" not in str(caught.value)
    assert "secret" not in repr(caught.value.__cause__)


def test_a_wrong_option_is_told(open_ledger):
    """Such as a misspelt sslmode."""
    with pytest.raises(LedgerError, match='invalid connection option "sslmod"') as caught:
        open_ledger(running().address(query="&sslmod=require"))
    assert "Correct `ledger`" in caught.value.hint


def test_the_address_says_more_than_the_defaults(pg_place, open_ledger):
    """What is said there about the connection holds; what is not, has values for long-running workers."""
    ledger = open_ledger(pg_place.address + "&application_name=mine")
    with ledger.read() as connection:
        assert connection.scalar(text("SHOW application_name")) == "mine"
        raw = connection.connection.dbapi_connection.info
        assert raw.get_parameters()["connect_timeout"] == "10"


def test_a_missing_driver_is_told(pg_place, monkeypatch):
    """With the line that installs it."""
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingDependencyError, match="needs psycopg") as caught:
        Ledger.open(pg_place)
    assert "pip install 'embedlane[postgresql]'" in caught.value.hint


def test_a_driver_without_a_library_is_told(pg_place, monkeypatch):
    """The driver alone does not work where there is no libpq."""
    for name in [name for name in sys.modules if name.partition(".")[0] in ("psycopg", "psycopg_binary")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setenv("PSYCOPG_IMPL", "nonsense")
    with pytest.raises(MissingDependencyError, match=r"can't be imported .*nonsense"):
        Ledger.open(pg_place)


def test_what_a_provider_says_may_hold_a_nul(ledger_of_test):
    """PostgreSQL's text can't; U+FFFD stands in its place, and nothing fails."""
    _, ledger = ledger_of_test
    with ledger.write() as connection:
        space = {"id": 1, "fingerprint": "f", "canonical": "c", "created_at": 0.0}
        connection.execute(insert(spaces), space)
        row = {
            "space_id": 1,
            "content_hash": "h",
            "code": "\0",
            "message": "a\0b",
            "retryable": False,
            "at": 0.0,
        }
        connection.execute(insert(refusals), row)
        assert connection.scalar(select(refusals.c.message)) == "a\ufffdb"


# --- transactions -----------------------------------------------------------------------------------------


def test_writers_take_turns(ledger_of_test):
    """Read, then write what was read plus one, in four threads: no increment is lost."""
    _, ledger = ledger_of_test
    with ledger.write() as connection:
        connection.execute(insert(contents), _content(1) | {"characters": 0})

    def count():
        for _ in range(10):
            with ledger.write() as connection:
                now = connection.scalar(select(contents.c.characters))
                connection.execute(contents.update().values(characters=now + 1))

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with ledger.read() as connection:
        assert connection.scalar(select(contents.c.characters)) == 40


def test_rows_are_streamed(ledger_of_test):
    """With `yield_per`, rows come through a cursor of the server's, some at a time."""
    _, ledger = ledger_of_test
    fetches = []
    with ledger.write() as connection:
        connection.execute(insert(contents), [_content(number) for number in range(100)])

    @event.listens_for(ledger.engine, "after_cursor_execute")
    def watch(_connection, cursor, *_):
        fetches.append(cursor)

    with ledger.read() as connection:
        query = select(contents.c.hash).execution_options(yield_per=10)
        with connection.execute(query) as found:
            next(found)
            assert fetches[-1].name
            assert fetches[-1].rownumber <= 20
            assert len(list(found)) == 99


def test_a_ledger_shows_no_password(pg_place, open_ledger):
    """Neither its place nor its own text, nor what logs print of its engine."""
    address = pg_place.address.replace("postgres@", "postgres:secret@")
    ledger = open_ledger(address)
    assert "postgres:***@" in ledger.place
    assert "secret" not in f"{ledger.place} {ledger} {ledger.engine} {ledger.engine.url}"
    assert "secret" not in repr(attrs.asdict(ledger, recurse=False))
