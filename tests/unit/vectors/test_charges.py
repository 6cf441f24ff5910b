"""The bill: what is charged is what was stored, whatever fails, is tried again, or is killed."""

from __future__ import annotations

import itertools

import attrs
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, select

from embedlane.errors import RequestRefusedError
from embedlane.indexes.binding import create_index
from embedlane.indexes.items import DocumentItems, ItemBook
from embedlane.indexes.settings import IndexSettings
from embedlane.jobs import collecting
from embedlane.jobs.book import JobBook
from embedlane.jobs.collecting import Collector
from embedlane.jobs.planning import JobSize, plan_jobs
from embedlane.ledger.schema import charges, vectors
from embedlane.models.card import Dimensions, InputLimits, Lane, ModelCard, Price, TaskMechanism, TaskScheme
from embedlane.models.space import Space
from embedlane.providers.caller import Caller, Retries
from embedlane.providers.checks import Checker
from embedlane.providers.rates import RateLimit
from embedlane.providers.values import Correlation, RawEmbeddings, Refusal, Vector
from embedlane.text.documents import Item
from embedlane.text.hashing import content_hash
from embedlane.vectors.cargo import EmbeddingCargo
from embedlane.vectors.charges import Charges, Origin, Usage, as_said, billed, billed_for
from embedlane.vectors.claims import LEASE
from embedlane.vectors.meter import Basis, Meter, MeteredRows
from embedlane.vectors.pending import Pending
from embedlane.vectors.sync_lane import SyncLane

_CARD = ModelCard(
    id="test:priced",
    lanes=frozenset(Lane),
    dimensions=Dimensions(native=4),
    limits=InputLimits(inputs_per_request=3),
    tasks=TaskScheme(mechanism=TaskMechanism.PREFIX, document="doc: {text}", query="q: {text}"),
    price=Price(sync=2.0, batch=1.0),
)
_SPACE = Space.of(_CARD)
_METER = Meter(basis=Basis.ESTIMATED, characters_per_token=3.0, overhead=5)
_TEXTS = {content_hash(text): text for text in (f"text {'x' * number}" for number in range(9))}
_names = itertools.count()


def _billed_for(text):
    """What the provider counts: not what we plan."""
    return len(text) % 7 + 1


class _KilledError(Exception):
    pass


@attrs.define
class Killer:
    """Kills at a number of transaction boundaries from now on, and lets nothing happen after that."""

    left: int | None = None

    def look(self, _connection):
        """Count a boundary, and die at the last."""
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise _KilledError


@attrs.define
class Provider:
    """Refuses some texts, and says what it bills, or not."""

    says: bool
    refused: frozenset

    def embed(self, inputs, role):
        """Embed *inputs*, which hold the template."""
        texts = [text.removeprefix("doc: ") for text in inputs]
        if self.refused & set(map(content_hash, texts)):
            raise RequestRefusedError("no", code="POLICY")
        tokens = sum(map(_billed_for, texts)) if self.says else None
        return RawEmbeddings(vectors=[[1.0, 2.0, 3.0, 4.0] for _ in texts], tokens=tokens)

    def close(self):
        """Do nothing."""


@attrs.define
class World:
    """An index whose contents go through both lanes, and its clock."""

    ledger: object
    now: float = 0.0
    record: object = None
    #: Jobs with their keys and what is answered to them.
    entered: list = attrs.field(factory=list)

    def __attrs_post_init__(self):
        with self.ledger.write() as connection:
            name = f"docs{next(_names)}"
            space = attrs.evolve(_SPACE, revision=name)
            self.record = create_index(connection, name, space, IndexSettings(), 0.0)
            items = tuple(Item(key, text) for key, text in _TEXTS.items())
            document = DocumentItems(document="d", source="s", items=items)
            ItemBook(self.record.id).put(connection, [document], 0)

    def clock(self):
        """The time."""
        return self.now

    @property
    def checker(self):
        """Checks vectors."""
        return Checker("tester", _CARD, self.record.bound.space)

    def sync(self, says, refused, limit):
        """One run of the sync lane."""
        caller = Caller(
            embedder=Provider(says, frozenset(refused)),
            checker=self.checker,
            rate=RateLimit(),
            retries=Retries(attempts=1),
        )
        SyncLane(
            ledger=self.ledger,
            bound=self.record.bound,
            caller=caller,
            concurrency=1,
            clock=self.clock,
            account=self.record.name,
            meter=_METER,
        ).run(self.record.id, limit)

    def job(self, answers, limit):
        """One job with *answers*; what a kill leaves is collected by the next process."""
        book = JobBook(self.clock)
        pending = MeteredRows(Pending(self.record.id, self.record.bound.id), _METER)
        space_id = self.record.bound.id
        planned = plan_jobs(
            self.ledger,
            book,
            pending,
            space_id,
            "tester",
            size=JobSize(),
            limit=limit,
            account=self.record.name,
        )
        self.entered += [(job, self.keys(job), answers) for job in planned]
        return [(book, job, self.cargo(job), answers) for job in planned]

    def keys(self, job):
        """The rows of *job*, in their order."""
        with self.ledger.read() as connection:
            return [row.key for row in self.cargo(job).rows(connection, job.id)]

    def cargo(self, job):
        """What *job* carries."""
        origin = Origin(
            provider="tester",
            lane=Lane.BATCH,
            run=job.tag,
            job_id=job.id,
            account=job.account,
            price=_CARD.price.batch,
        )
        return EmbeddingCargo(self.record.bound, self.checker, origin)

    def collect(self, book, job, cargo, answers):
        """Collect a job as the manager does, and settle it."""
        kinds, total = answers
        keys = self.keys(job)
        results = [_answer(key, kind) for key, kind in zip(keys, itertools.cycle(kinds), strict=False)]
        Collector(ledger=self.ledger, book=book, job=job, cargo=cargo, correlation=Correlation.KEY).collect(
            filter(None, results)
        )
        with self.ledger.write() as connection:
            book.close_rows(connection, job)
            cargo.settle(connection, total, self.now)

    def charges(self, lane):
        """What is charged to the index in a lane, by run."""
        query = select(charges).where(charges.c.account == self.record.name, charges.c.lane == lane)
        with self.ledger.read() as connection:
            return {row.run: row for row in connection.execute(query)}

    def stored(self):
        """The contents that have a vector."""
        query = select(vectors.c.content_hash).where(vectors.c.space_id == self.record.bound.id)
        with self.ledger.read() as connection:
            return set(connection.scalars(query))


def _answer(key, kind):
    tokens = _billed_for(_TEXTS[key])
    return {
        "says": Vector(key, [1.0, 2.0, 3.0, 4.0], tokens),
        "silent": Vector(key, [1.0, 2.0, 3.0, 4.0]),
        "lies": Vector(key, [1.0, 2.0, 3.0, 4.0], -5),
        "invalid": Vector(key, [0.0] * 4, tokens),
        "later": Refusal(key, "429", "later", retryable=True),
        "never": Refusal(key, "400", "never"),
        "missing": None,
    }[kind]


_hashes = st.sets(st.sampled_from(sorted(_TEXTS)), max_size=3)
_limit = st.integers(1, 9)
_kill = st.none() | st.integers(0, 12)
_kinds = st.sampled_from(["says", "says", "silent", "lies", "invalid", "later", "never", "missing"])
_answers = st.tuples(st.lists(_kinds, min_size=1, max_size=5), st.none() | st.integers(0, 50))
_step = st.one_of(
    st.tuples(st.just("sync"), st.booleans(), _hashes, _limit, _kill),
    st.tuples(st.just("job"), _answers, _limit, _kill),
)


def _planned(hashes):
    return sum(_METER.tokens(content, len(_TEXTS[content])) for content in hashes)


def _expected(keys, answers):
    """Rows, planned, measured and estimated tokens of a job that was collected to its end."""
    kinds, total = answers
    came = dict(zip(keys, itertools.cycle(kinds), strict=False))
    stored = [key for key, kind in came.items() if kind in {"says", "silent", "lies"}]
    measured = sum(_billed_for(_TEXTS[key]) for key, kind in came.items() if kind in {"says", "invalid"})
    estimated = _planned(key for key in stored if came[key] != "says")
    tokens = (measured, estimated) if total is None else (total, 0)
    return (len(stored), _planned(stored), *tokens)


def _take(world, step, jobs, killer):
    """Take one step, and be killed in it perhaps; return the jobs that are not collected yet."""
    kind, *how, kill = step
    if kind == "job":
        jobs = [*jobs, *world.job(*how)]
    killer.left = kill
    try:
        if kind == "sync":
            world.sync(*how)
        while jobs:
            world.collect(*jobs[0])
            jobs = jobs[1:]
    except (_KilledError, RequestRefusedError):
        # The lane takes a first request that is refused as a whole for a fault of its own.
        pass
    killer.left = None
    # Claims of the dead end by their lease, for the test's process lives on.
    world.now += LEASE + 1
    return jobs


@pytest.fixture
def killer(ledger):
    """Something that kills."""
    killer = Killer()
    for moment in ("begin", "commit"):
        event.listen(ledger.engine, moment, killer.look)
    return killer


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(steps=st.lists(_step, min_size=1, max_size=6), batch=st.integers(1, 4))
def test_what_is_charged_is_what_was_stored(ledger, killer, steps, batch):
    """Refusals, silence, lies, kills at any begin and commit: each vector is charged once, in its own run."""
    world, open_jobs = World(ledger), []
    measured = estimated = 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(collecting, "_BATCH", batch)
        for step in steps:
            before = world.stored()
            if step[0] == "sync":
                _take(world, step, [], killer)
                new = world.stored() - before
                measured += sum(_billed_for(_TEXTS[content]) for content in new) if step[1] else 0
                estimated += 0 if step[1] else _planned(new)
            else:
                open_jobs = _take(world, step, open_jobs, killer)
        for each in open_jobs:
            world.collect(*each)
    _assert_balanced(world)
    sync = world.charges("sync").values()
    assert sum(run.measured_tokens for run in sync) == measured
    assert sum(run.estimated_tokens for run in sync) == estimated


def _assert_balanced(world):
    """Each vector is charged once, at what it was planned, and each job at what it came to."""
    stored = world.stored()
    every = world.charges("sync") | world.charges("batch")
    assert sum(run.rows for run in every.values()) == len(stored)
    assert sum(run.planned_tokens for run in every.values()) == _planned(stored)
    assert sum(run.characters for run in every.values()) == sum(len(_TEXTS[key]) + 5 for key in stored)
    for job, keys, answers in world.entered:
        run = world.charges("batch").get(job.tag)
        found = run and (run.rows, run.planned_tokens, run.measured_tokens, run.estimated_tokens)
        assert (found or (0, 0, 0, 0)) == _expected(keys, answers)


@pytest.mark.parametrize("kill", range(16))
def test_a_kill_anywhere_leaves_the_bill_whole(ledger, killer, kill, monkeypatch):
    """Each begin and each commit of both lanes is survived: nothing is charged twice, nothing is left out."""
    monkeypatch.setattr(collecting, "_BATCH", 2)
    world = World(ledger)
    _take(world, ("sync", True, frozenset(sorted(_TEXTS)[:1]), 5, kill), [], killer)
    before = world.stored()
    sync = world.charges("sync").values()
    assert sum(run.measured_tokens for run in sync) == sum(_billed_for(_TEXTS[key]) for key in before)
    left = _take(world, ("job", (["says", "silent", "invalid"], None), 9, kill), [], killer)
    for each in left:
        world.collect(*each)
    _assert_balanced(world)


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        (0, 0),
        (7, 7),
        (np.int64(7), 7),
        (None, None),
        (-1, None),
        (True, None),
        (2.5, None),
        (float("nan"), None),
        ("7", None),
        (1 << 60, None),
    ],
)
def test_a_provider_is_not_believed_every_number(tokens, expected):
    """Only what can be a number of tokens counts as said."""
    assert as_said(tokens) == expected


@pytest.fixture
def bill(ledger, fill, space):
    """A function that makes the charge of a run or job of the index ``docs``, and its space's number."""
    space_id = fill(["a"]).bound.id

    def bill(run, lane=Lane.BATCH, price=1.0, account="docs"):
        origin = Origin(provider="p", lane=lane, run=run, account=account, price=price)
        return Charges(space_id, origin)

    return bill


def _all(ledger):
    with ledger.read() as connection:
        return connection.execute(select(charges).order_by(charges.c.id)).all()


def test_a_charge_grows_with_each_transaction(ledger, bill):
    """A run has one row, whose time is that of its last change and whose price that of its first."""
    usage = Usage(rows=2, characters=30, planned=10, measured=4, estimated=5)
    with ledger.write() as connection:
        bill("one").add(connection, usage, 1.0)
        bill("one", price=9.0).add(connection, usage, 2.0)
        bill("two").add(connection, Usage(), 3.0)
    (row,) = _all(ledger)
    assert (row.rows, row.characters, row.planned_tokens) == (4, 60, 20)
    assert (row.measured_tokens, row.estimated_tokens, row.price, row.at) == (8, 10, 1.0, 2.0)


@pytest.mark.parametrize(
    ("measured", "estimated", "said", "billed_tokens"),
    [(4, 0, None, 4), (4, 5, None, None), (0, 5, 7, 7), (4, 0, 7, 7), (4, 5, "lots", None)],
)
def test_the_word_on_the_whole_job_is_the_last(ledger, bill, measured, estimated, said, billed_tokens):
    """It stands for all that was said or estimated before; without one, only a full account is a bill."""
    with ledger.write() as connection:
        bill("job").add(connection, Usage(rows=2, planned=9, measured=measured, estimated=estimated), 1.0)
        assert bill("job").settle(connection, said, 2.0) == billed_tokens
    (row,) = _all(ledger)
    assert (row.rows, row.planned_tokens) == (2, 9)
    expected = (7, 0) if said == 7 else (measured, estimated)
    assert (row.measured_tokens, row.estimated_tokens) == expected


def test_a_job_without_a_vector_is_charged_what_the_provider_says(ledger, bill):
    """A job that failed or was cancelled may cost money; one that nobody bills has no charge."""
    with ledger.write() as connection:
        assert bill("failed").settle(connection, 40, 1.0) == 40
        assert bill("free").settle(connection, None, 1.0) is None
    (row,) = _all(ledger)
    assert (row.run, row.rows, row.measured_tokens, row.planned_tokens) == ("failed", 0, 40, 0)


def test_bills_are_grouped_by_what_makes_a_price(ledger, bill):
    """Index, space, lane and price keep charges apart; account and time choose among them."""
    with ledger.write() as connection:
        for run, lane, price, account in (
            ("a", Lane.SYNC, 2.0, "docs"),
            ("b", Lane.SYNC, 2.0, "docs"),
            ("c", Lane.SYNC, None, "docs"),
            ("d", Lane.BATCH, 1.0, "docs"),
            ("e", Lane.BATCH, 1.0, "else"),
        ):
            usage = Usage(rows=1, planned=10, measured=3, estimated=4)
            bill(run, lane, price, account).add(connection, usage, float(ord(run)))
        everything = billed(connection)
        found = [(each.account, each.lane, each.price, each.usage.rows) for each in everything]
        assert sorted(found, key=str) == [
            ("docs", Lane.BATCH, 1.0, 1),
            ("docs", Lane.SYNC, 2.0, 2),
            ("docs", Lane.SYNC, None, 1),
            ("else", Lane.BATCH, 1.0, 1),
        ]
        assert {each.usage.tokens // each.usage.rows for each in everything} == {7}
        assert {each.account for each in billed(connection, "else")} == {"else"}
        assert sum(each.usage.rows for each in billed(connection, None, float(ord("c")))) == 3
        assert billed_for(connection, 1) is None
