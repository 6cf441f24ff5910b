"""The sync lane, with embedders that are slow, broken, or say no."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
import time
from collections import Counter

import attrs
import numpy as np
import pytest
from sqlalchemy import event, select

from embedlane.errors import (
    CredentialError,
    LedgerError,
    RequestRefusedError,
    ResponseError,
    TransientError,
)
from embedlane.ledger.schema import charges, claims, refusal_events, refusals, vectors
from embedlane.models.card import Price
from embedlane.providers.caller import Caller, Retries
from embedlane.providers.checks import Checker
from embedlane.providers.rates import RateLimit
from embedlane.providers.values import RawEmbeddings
from embedlane.text.hashing import content_hash
from embedlane.vectors.claims import LEASE, Claims
from embedlane.vectors.meter import Basis, Meter
from embedlane.vectors.pending import Pending
from embedlane.vectors.sync_lane import SyncLane


@attrs.define
class Recorder:
    """Embeds a text as its length and hash, and remembers what was sent."""

    sent: Counter = attrs.field(factory=Counter)
    calls: int = 0
    #: Called before each answer, with the number of the call and its texts.
    before: object = lambda _call, _texts: None
    tokens: int | None = None
    lock: object = attrs.field(factory=threading.Lock)

    def embed(self, inputs, role):
        """Embed *inputs*, after the test's own deed."""
        with self.lock:
            self.calls += 1
            call = self.calls
            self.sent.update(inputs)
        self.before(call, inputs)
        return RawEmbeddings(vectors=[_vector(text) for text in inputs], tokens=self.tokens)

    def close(self):
        """Do nothing."""


def _vector(text):
    return [float(len(text)), 1.0, float(sum(text.encode()) % 97), -2.0]


def _unit(text):
    vector = np.array(_vector(text))
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def _lane(ledger, record, card, embedder, **options):
    caller = Caller(
        embedder=embedder,
        checker=Checker("tester", card, record.bound.space),
        rate=RateLimit(),
        retries=Retries(attempts=1),
    )
    meter = Meter(basis=Basis.ESTIMATED, characters_per_token=4.0)
    options = {"concurrency": 2, "clock": time.time, "account": record.name, "meter": meter} | options
    return SyncLane(ledger=ledger, bound=record.bound, caller=caller, **options)


def _stored(ledger):
    with ledger.read() as connection:
        return {
            row.content_hash: np.frombuffer(row.vector, dtype="<f4")
            for row in connection.execute(select(vectors))
        }


def _assert_stored(ledger, texts):
    stored = _stored(ledger)
    assert set(stored) == {content_hash(text) for text in texts}
    for text in texts:
        np.testing.assert_array_equal(stored[content_hash(text)], _unit(text))


def _no_claims(ledger):
    with ledger.read() as connection:
        return connection.execute(select(claims)).all() == []


_TEXTS = [f"text number {number}" for number in range(23)]


@pytest.mark.parametrize("concurrency", [1, 4])
def test_everything_pending_is_sent_once_and_stored(ledger, fill, card, concurrency):
    """Each text is sent once, in requests within the limit, and its vector is its own."""
    record, embedder, progress = fill(_TEXTS), Recorder(tokens=7), []
    lane = _lane(ledger, record, card, embedder, concurrency=concurrency, on_progress=progress.append)
    report = lane.run(record.id)
    _assert_stored(ledger, _TEXTS)
    assert embedder.sent == Counter(_TEXTS)
    assert (report.stored, report.requests, report.tokens) == (23, 5, 35)
    assert report.tokens_measured
    assert not report.interrupted
    assert sum(progress) == 23
    assert _no_claims(ledger)
    assert _lane(ledger, record, card, embedder).run(record.id).requests == 0


def test_tokens_are_estimated_where_the_provider_says_nothing(ledger, fill, card):
    """The report says that its tokens are an estimate."""
    record = fill(["x" * 40])
    report = _lane(ledger, record, card, Recorder()).run(record.id)
    assert (report.tokens, report.tokens_measured) == (10, False)


@pytest.mark.parametrize("limit", [0, 1, 7, 23, 99])
def test_the_limit_is_honoured(ledger, fill, card, limit):
    """No more contents are sent than asked for."""
    record, embedder = fill(_TEXTS), Recorder()
    report = _lane(ledger, record, card, embedder).run(record.id, limit)
    assert embedder.sent.total() == report.stored == min(limit, 23)


def test_more_than_a_window_is_streamed(ledger, fill, card):
    """Contents beyond the first window of claims are found and sent, too."""
    texts = [f"t{number}" for number in range(600)]
    record, embedder = fill(texts), Recorder()
    assert _lane(ledger, record, card, embedder, concurrency=1).run(record.id).stored == 600
    assert embedder.sent == Counter(texts)


@pytest.mark.parametrize("error", [TransientError("down"), CredentialError("no key"), ResponseError("odd")])
def test_an_error_is_raised_after_what_was_paid_is_stored(ledger, fill, card, error):
    """The nth call fails: every other answer is stored, nothing stays claimed, and the next run goes on."""
    record = fill(_TEXTS)

    def fail_third(call, _texts):
        if call == 3:
            raise error

    embedder = Recorder(before=fail_third)
    with pytest.raises(type(error), match=error.message):
        _lane(ledger, record, card, embedder).run(record.id)
    assert len(_stored(ledger)) == embedder.sent.total() - 5
    assert _no_claims(ledger)
    again = Recorder()
    _lane(ledger, record, card, again).run(record.id)
    _assert_stored(ledger, _TEXTS)
    assert again.sent.total() == 23 - (embedder.sent.total() - 5)


def test_a_refused_text_is_recorded_and_the_others_stored(ledger, fill, card):
    """Halving finds the text at fault; it is not sent again in the next run."""
    record = fill(_TEXTS)

    def refuse(_call, texts):
        if "text number 3" in texts:
            raise RequestRefusedError("too rude", code="POLICY")

    report = _lane(ledger, record, card, Recorder(before=refuse)).run(record.id)
    assert (report.stored, report.refused) == (22, 1)
    _assert_stored(ledger, [text for text in _TEXTS if text != "text number 3"])
    with ledger.read() as connection:
        row = connection.execute(select(refusals)).one()
        tally = Pending(record.id, record.bound.id).tally(connection, time.time())
        (told,) = connection.execute(select(refusal_events)).all()
    assert (row.content_hash, row.code, row.message) == (content_hash("text number 3"), "POLICY", "too rude")
    assert (told.content_hash, told.provider, told.lane, told.job_id) == (
        row.content_hash,
        "tester",
        "sync",
        None,
    )
    assert (tally.refused, tally.pending) == (1, 0)
    again = Recorder()
    _lane(ledger, record, card, again).run(record.id)
    assert again.calls == 0


@pytest.mark.parametrize(
    "spoil",
    [
        lambda raw: raw[:-1],
        lambda raw: [*raw, raw[0]],
        lambda raw: [[float("nan")] * 4, *raw[1:]],
        lambda raw: [[0.0] * 4, *raw[1:]],
        lambda raw: [raw[0][:3], *raw[1:]],
    ],
    ids=["too few", "too many", "NaN", "zero", "short"],
)
def test_nothing_of_a_bad_answer_is_stored(ledger, fill, card, spoil):
    """An answer that breaks the contract is an error; its texts are pending again."""
    record = fill(_TEXTS[:5])

    class Liar(Recorder):
        def embed(self, inputs, role):
            return RawEmbeddings(vectors=spoil(super().embed(inputs, role).vectors))

    with pytest.raises(ResponseError):
        _lane(ledger, record, card, Liar()).run(record.id)
    assert _stored(ledger) == {}
    with ledger.read() as connection:
        assert Pending(record.id, record.bound.id).tally(connection, time.time()).pending == 5


def test_an_interrupt_waits_for_what_is_paid(ledger, fill, card):
    """On Ctrl-C nothing more is sent, and the answers under way are stored."""
    record = fill(_TEXTS)
    sending, finish = threading.Event(), threading.Event()

    def slow(call, _texts):
        if call > 1:
            sending.set()
            assert finish.wait(10)

    def interrupt(_count):
        assert sending.wait(10)
        finish.set()
        lane.on_progress = lambda _count: None
        raise KeyboardInterrupt

    embedder = Recorder(before=slow)
    lane = _lane(ledger, record, card, embedder, on_progress=interrupt)
    report = lane.run(record.id)
    assert report.interrupted
    assert embedder.sent.total() < 23
    _assert_stored(ledger, embedder.sent)
    assert report.stored == embedder.sent.total()
    assert _no_claims(ledger)


def test_an_interrupt_right_after_a_commit_charges_nothing_twice(ledger, fill, card, monkeypatch):
    """What is stored already is neither charged nor refused another time."""
    record = fill(_TEXTS)

    def refuse(_call, texts):
        if "text number 3" in texts:
            raise RequestRefusedError("too rude", code="POLICY")

    lane = _lane(ledger, record, card, Recorder(before=refuse, tokens=7), concurrency=1)
    store = SyncLane._store

    def interrupted(self, outcome, **options):
        usage = store(self, outcome, **options)
        if outcome.refused and not options:
            raise KeyboardInterrupt
        return usage

    monkeypatch.setattr(SyncLane, "_store", interrupted)
    assert lane.run(record.id).interrupted
    stored = len(_stored(ledger))
    with ledger.read() as connection:
        charge = connection.execute(select(charges)).one()
        assert len(connection.execute(select(refusal_events)).all()) == 1
    assert 0 < stored == charge.rows
    assert charge.measured_tokens % 7 == 0


def test_an_interrupt_after_half_a_request_charges_nothing_twice(ledger, fill, card, monkeypatch):
    """Nor is it, when the other half of its request has failed and is still claimed."""
    record = fill(_TEXTS)

    def half(call, _texts):
        if call == 1:
            raise RequestRefusedError("try halves")
        if call == 3:
            raise TransientError("down")

    store = SyncLane._store

    def interrupted(self, outcome, **options):
        usage = store(self, outcome, **options)
        if not options:
            raise KeyboardInterrupt
        return usage

    monkeypatch.setattr(SyncLane, "_store", interrupted)
    assert _lane(ledger, record, card, Recorder(before=half), concurrency=1).run(record.id).interrupted
    with ledger.read() as connection:
        charge = connection.execute(select(charges)).one()
    assert len(_stored(ledger)) == charge.rows > 0


def _spent(ledger):
    with ledger.read() as connection:
        return sum(connection.scalars(select(charges.c.measured_tokens + charges.c.estimated_tokens)))


@pytest.mark.parametrize(("allowance", "sent"), [(0, 0), (19, 0), (20, 5), (91, 20), (92, 23), (999, 23)])
def test_a_run_stops_before_it_costs_more_than_allowed(ledger, fill, card, allowance, sent):
    """Four tokens for each text, five texts in a request: none is sent that may not be paid."""
    record, embedder = fill([f"sixteen characters {n:03}"[-16:] for n in range(23)]), Recorder()
    report = _lane(ledger, record, card, embedder, allowance=allowance).run(record.id)
    assert embedder.sent.total() == sent == report.stored
    assert report.exhausted is (sent < 23)
    assert _spent(ledger) == report.tokens == 4 * sent
    assert _no_claims(ledger)


def test_a_bill_above_the_plan_stops_the_run_earlier(ledger, fill, card):
    """What the provider says it billed counts, and what is under way counts as planned."""
    record = fill([f"sixteen characters {n:03}"[-16:] for n in range(23)])
    lane = _lane(ledger, record, card, Recorder(tokens=40), concurrency=1, allowance=92)
    report = lane.run(record.id)
    # The second request was sent before the first was billed, the third before the second.
    assert report.exhausted
    assert report.stored == 15
    assert report.tokens == _spent(ledger) == 120


def test_each_run_is_charged_at_its_price(ledger, fill, card):
    """A run is one charge: index, provider, lane, price, what was planned and what was billed."""
    record = fill(_TEXTS, "mine")
    priced = attrs.evolve(card, price=Price(sync=2.0))
    report = _lane(ledger, record, priced, Recorder(tokens=7)).run(record.id, 10)
    assert report.cost == 14 * 2.0 / 1_000_000
    _lane(ledger, record, card, Recorder()).run(record.id)
    with ledger.read() as connection:
        first, second = connection.execute(select(charges).order_by(charges.c.id)).all()
    assert (first.account, first.provider, first.lane, first.price) == ("mine", "tester", "sync", 2.0)
    assert (first.rows, first.measured_tokens, first.estimated_tokens) == (10, 14, 0)
    assert (second.rows, second.measured_tokens, second.price) == (13, 0, None)
    assert second.estimated_tokens == second.planned_tokens
    planned = sum(-(-len(text) // 4) for text in _TEXTS)
    assert first.planned_tokens + second.planned_tokens == planned


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_a_ledger_that_takes_nothing_more_ends_the_run(ledger, fill, card):
    """A full disk is an error, not an endless attempt to store the answers under way."""
    record = fill(_TEXTS)
    full = threading.Event()

    @event.listens_for(ledger.engine, "before_cursor_execute")
    def refuse(connection, _cursor, statement, *_):
        if full.is_set() and statement.startswith("INSERT INTO vectors"):
            connection.exec_driver_sql("PRAGMA max_page_count = 1")
            connection.exec_driver_sql("CREATE TABLE filler AS SELECT randomblob(1000000)")

    full.set()
    with pytest.raises(LedgerError, match="disk is full"):
        _lane(ledger, record, card, Recorder()).run(record.id)
    full.clear()
    assert _stored(ledger) == {}


def test_claims_of_a_slow_run_are_renewed(ledger, fill, card):
    """A run that takes longer than a lease keeps its claims, so that nobody sends its texts a second time."""
    record = fill(_TEXTS)
    now = [0.0]
    stolen = []

    def slow(_call, _texts):
        now[0] += LEASE / 4
        with ledger.read() as connection:
            stolen.extend(Pending(record.id, record.bound.id).hashes(connection, now[0], 99))

    embedder = Recorder(before=slow)
    lane = _lane(ledger, record, card, embedder, concurrency=1, clock=lambda: now[0])
    lane.run(record.id)
    assert now[0] > LEASE
    assert stolen == []


def test_claims_are_renewed_while_an_answer_is_out(ledger, fill, card):
    """A single request that takes long keeps its claim, too."""
    record = fill(_TEXTS[:1])
    renewed = threading.Event()

    @event.listens_for(ledger.engine, "after_cursor_execute")
    def watch(_connection, _cursor, statement, *_):
        if statement.startswith("UPDATE claims"):
            renewed.set()

    embedder = Recorder(before=lambda _call, _texts: renewed.wait(10))
    _lane(ledger, record, card, embedder, renew_after=0.01).run(record.id)
    assert renewed.is_set()
    _assert_stored(ledger, _TEXTS[:1])


def test_claims_of_others_are_left_alone(ledger, fill, card):
    """What another run has claimed is not sent, and a dead process's claim is."""
    record, embedder = fill(["mine", "theirs"]), Recorder()
    with ledger.write() as connection:
        Claims(record.bound.id, "elsewhere/1/x").take(connection, [content_hash("theirs")], time.time())
    assert _lane(ledger, record, card, embedder).run(record.id).stored == 1
    assert embedder.sent == Counter(["mine"])


def test_two_threads_on_one_ledger_send_each_text_once(ledger, fill, card):
    """Runs at the same time share the work."""
    texts = [f"t{number}" for number in range(300)]
    record = fill(texts)
    embedder = Recorder(before=lambda _call, _texts: time.sleep(0.001))

    def run():
        while _lane(ledger, record, card, embedder, concurrency=1).run(record.id, 40).requests:
            pass

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert embedder.sent == Counter(texts)
    _assert_stored(ledger, texts)


def test_two_indexes_of_a_space_share_what_is_paid(ledger, fill, card):
    """A content that two indexes have is sent once."""
    first, second, embedder = fill(["a", "b"], "one"), fill(["b", "c"], "two"), Recorder()
    _lane(ledger, first, card, embedder).run(first.id)
    _lane(ledger, second, card, embedder).run(second.id)
    assert embedder.sent == Counter(["a", "b", "c"])


_WORKER = """
import sys, time
from pathlib import Path
from embedlane.config.settings import read_ledger
from embedlane.indexes.binding import load_index
from embedlane.ledger.database import Ledger
from embedlane.models.card import Dimensions, InputLimits, ModelCard
from embedlane.providers.caller import Caller
from embedlane.providers.checks import Checker
from embedlane.providers.rates import RateLimit
from embedlane.providers.values import RawEmbeddings
from embedlane.vectors.meter import Basis, Meter
from embedlane.vectors.sync_lane import SyncLane

class Embedder:
    def embed(self, inputs, role):
        with open(sys.argv[2], "a") as log:
            log.write("".join(f"{text}\\n" for text in inputs))
        time.sleep(0.002)
        return RawEmbeddings(vectors=[[1.0, 2.0, 3.0, 4.0] for _ in inputs])

card = ModelCard(id="test:small", lanes={"sync", "batch"}, dimensions=Dimensions(native=4, smallest=2),
                 limits=InputLimits(inputs_per_request=5))
ledger = Ledger.open(read_ledger(sys.argv[1], Path(), "argv"))
with ledger.read() as connection:
    record = load_index(connection, "docs")
caller = Caller(embedder=Embedder(), checker=Checker("t", card, record.bound.space), rate=RateLimit())
print("ready", flush=True)
sys.stdin.readline()
def run():
    lane = SyncLane(
        ledger=ledger, bound=record.bound, caller=caller, concurrency=2, clock=time.time, account="docs",
        meter=Meter(basis=Basis.ESTIMATED, characters_per_token=4.0),
    )
    return lane.run(record.id, 20)

while run().requests:
    pass
"""


def test_two_processes_on_one_ledger_send_each_text_once(ledger, fill, tmp_path):
    """Claims keep processes apart as they keep threads apart."""
    texts = [f"t{number}" for number in range(200)]
    fill(texts)
    command = [sys.executable, "-c", _WORKER, ledger.place, str(tmp_path / "sent")]
    with contextlib.ExitStack() as stack:
        workers = [
            stack.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
            for _ in range(2)
        ]
        for worker in workers:
            assert worker.stdout.readline() == b"ready\n"
        for worker in workers:
            worker.stdin.write(b"\n")
            worker.stdin.flush()
        assert [worker.wait(30) for worker in workers] == [0, 0]
    assert Counter((tmp_path / "sent").read_text().split()) == Counter(texts)
    assert len(_stored(ledger)) == 200
