"""What is pending, against plain set arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, text

from embedlane.indexes.binding import create_index
from embedlane.indexes.items import DocumentItems, ItemBook
from embedlane.indexes.settings import IndexSettings
from embedlane.jobs.book import JobBook
from embedlane.ledger.schema import claims
from embedlane.models.card import Lane
from embedlane.models.space import Space
from embedlane.text.documents import Item
from embedlane.text.hashing import content_hash
from embedlane.vectors.archive import Archive, Refused
from embedlane.vectors.charges import Origin
from embedlane.vectors.failures import Failures
from embedlane.vectors.pending import ATTEMPTS, Pending, Tally, Text

_ORIGIN = Origin(provider="p", lane=Lane.SYNC, run="r", account="docs", price=None)
_TEXTS = [f"text {number}" for number in range(8)]
_NOW = 1000.0

_some = st.sets(st.sampled_from(range(8)))
_index = st.lists(st.sampled_from(range(8)), max_size=12)
_worlds = st.fixed_dictionaries(
    {
        # Items of three indexes: two in one space, the third in another.
        "items": st.tuples(_index, _index, _index),
        # By space: vectors, open and closed rows, live and dead claims; refusals for good, once, and twice.
        "stored": st.tuples(_some, _some),
        "open": st.tuples(_some, _some),
        "closed": st.tuples(_some, _some),
        "claimed": st.tuples(_some, _some),
        "expired": st.tuples(_some, _some),
        "refused": st.tuples(_some, _some),
        "retried": st.tuples(_some, _some),
        "again": st.tuples(_some, _some),
    }
)


def _hashes(numbers):
    return [content_hash(_TEXTS[number]) for number in sorted(numbers)]


def _build(connection, world, card):
    """Enter *world*, in an order that lets each part stand as it is said."""
    spaces = [Space.of(card, 4), Space.of(card, 2)]
    records = []
    for name, numbers in enumerate(world["items"]):
        record = create_index(connection, f"i{name}", spaces[name == 2], IndexSettings(), 0.0)
        items = tuple(Item(str(position), _TEXTS[number]) for position, number in enumerate(numbers))
        ItemBook(record.id).put(connection, [DocumentItems(document="d", source="s", items=items)], 0)
        records.append(record)
    book = JobBook(lambda: _NOW)
    for side, bound in enumerate((records[0].bound, records[2].bound)):
        part = {kind: numbers[side] for kind, numbers in world.items() if kind != "items"}
        _judge(connection, bound, part)
        for kind, expires_at in (("expired", _NOW), ("claimed", _NOW + 1)):
            _claim(
                connection,
                bound,
                _hashes(part[kind] - (part["claimed"] if kind == "expired" else set())),
                expires_at,
            )
        if part["closed"]:
            book.close_rows(connection, book.enter(connection, bound.id, "p", _hashes(part["closed"])))
        if part["open"]:
            book.enter(connection, bound.id, "p", _hashes(part["open"]))
    return records


def _judge(connection, bound, part):
    stored = _hashes(part["stored"])
    matrix = np.ones((len(stored), bound.space.dimensions), dtype=np.float32)
    Archive(bound).store(connection, stored, matrix)
    for kind, times in (("refused", 1), ("retried", 1), ("again", ATTEMPTS - 1)):
        retryable = kind != "refused"
        for _ in range(times):
            numbers = part[kind] - (part["refused"] if retryable else set())
            rows = [Refused(content, "c", "m", retryable) for content in _hashes(numbers)]
            Archive(bound).refuse(connection, rows, _ORIGIN, 0.0)


def _claim(connection, bound, hashes, expires_at):
    for content in hashes:
        values = {"space_id": bound.id, "content_hash": content, "owner": "o", "expires_at": expires_at}
        connection.execute(insert(claims), values)


def _expected(world, name):
    side = int(name == 2)
    wanted = set(world["items"][name])
    stored = wanted & world["stored"][side]
    # Two attempts and one are as many as there may be.
    given_up = world["refused"][side] | (world["again"][side] & world["retried"][side])
    refused = (wanted & given_up) - stored
    in_flight = (wanted & (world["open"][side] | world["claimed"][side])) - stored - refused
    return wanted, stored, refused, in_flight, wanted - stored - refused - in_flight


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(world=_worlds, cut=st.integers(1, 4))
def test_pending_is_set_arithmetic(ledger, card, world, cut):
    """Wanted - stored - in flight - refused, for each index in its space; pages join to the whole."""
    with ledger.write() as connection:
        nested = connection.begin_nested()
        records = _build(connection, world, card)
        for name, record in enumerate(records):
            pending = Pending(record.id, record.bound.id)
            wanted, stored, refused, in_flight, rest = _expected(world, name)
            expected = sorted(_hashes(rest))
            assert pending.hashes(connection, _NOW, 100) == expected
            texts = {content_hash(text): text for text in _TEXTS}
            assert pending.texts(connection, _NOW, 100) == [Text(h, texts[h]) for h in expected]
            pages, after = [], ""
            while page := pending.hashes(connection, _NOW, cut, after):
                assert len(page) <= cut
                pages += page
                after = page[-1]
            assert pages == expected
            assert pending.tally(connection, _NOW) == Tally(
                wanted=len(wanted),
                stored=len(stored),
                refused=len(refused),
                in_flight=len(in_flight),
                pending=len(rest),
                pending_characters=sum(len(_TEXTS[number]) for number in rest),
            )
            lengths = {len(_TEXTS[0]): len(rest)} if rest else {}
            assert pending.lengths(connection, _NOW) == lengths
            # What counts as refused is what is listed as a failure.
            report = Failures(record.id, record.bound.id).report(connection, None)
            assert report.total == len(report.failures) == len(refused)
            assert {failure.content for failure in report.failures} == set(_hashes(refused))
        nested.rollback()


def test_an_empty_index_has_an_empty_tally(ledger, fill):
    """Nothing is wanted, so nothing is pending."""
    record = fill([])
    with ledger.read() as connection:
        assert Pending(record.id, record.bound.id).tally(connection, _NOW) == Tally()


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
@pytest.mark.parametrize("query", ["hashes", "tally", "lengths"])
def test_the_queries_use_the_indexes(ledger, fill, query):
    """No table but the index's own items is scanned, however many jobs and vectors there are."""
    record = fill(["a"])
    from sqlalchemy import event

    plans = []

    def explain(connection, _cursor, statement, parameters, *_):
        if statement.startswith("SELECT"):
            plans.extend(
                row[-1]
                for row in connection.connection.execute("EXPLAIN QUERY PLAN " + statement, parameters)
            )

    event.listen(ledger.engine, "before_cursor_execute", explain)
    with ledger.read() as connection:
        pending = Pending(record.id, record.bound.id)
        getattr(pending, query)(connection, _NOW, *([10] if query == "hashes" else []))
    assert plans
    assert [plan for plan in plans if plan.startswith("SCAN") and "anon" not in plan] == []


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_a_page_looks_its_contents_up(ledger, fill):
    """PostgreSQL does not read all vectors, rows and claims into memory for a page of pending contents."""
    record = fill(["a"])
    query = Pending(record.id, record.bound.id)._page(_NOW, 10, "")
    with ledger.read() as connection:
        page = query.compile(connection, compile_kwargs={"literal_binds": True})
        plan = "\n".join(connection.scalars(text(f"EXPLAIN {page}")))
    assert "SubPlan" in plan
    assert "hashed" not in plan
