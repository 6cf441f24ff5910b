"""What was refused, how often, and another try by hand."""

from __future__ import annotations

import numpy as np
import pytest

from embedlane.errors import UnknownNameError
from embedlane.models.card import Lane
from embedlane.text.hashing import content_hash
from embedlane.vectors.archive import Archive, Refused
from embedlane.vectors.charges import Origin
from embedlane.vectors.failures import ITEMS, SNIPPET, Attempt, Failures
from embedlane.vectors.pending import ATTEMPTS, Pending

_SYNC = Origin(provider="now", lane=Lane.SYNC, run="r", account="docs", price=None)
_BATCH = Origin(provider="later", lane=Lane.BATCH, run="t", job_id=None, account="docs", price=None)


@pytest.fixture
def refuse(ledger):
    """A function that records a refusal."""
    times = iter(range(100))

    def refuse(record, text, code="400", *, retryable=False, origin=_SYNC):
        no = Refused(content_hash(text), code, f"words on {text}", retryable)
        with ledger.write() as connection:
            Archive(record.bound).refuse(connection, [no], origin, float(next(times)))

    return refuse


def _report(ledger, record, limit=None, **options):
    with ledger.read() as connection:
        return Failures(record.id, record.bound.id).report(connection, limit, **options)


def _retry(ledger, record, how, *arguments):
    with ledger.write() as connection:
        return getattr(Failures(record.id, record.bound.id), how)(connection, *arguments)


def _tally(ledger, record):
    with ledger.read() as connection:
        tally = Pending(record.id, record.bound.id).tally(connection, 0.0)
    return tally.refused, tally.pending


def test_a_failure_is_a_content_with_its_items(ledger, fill, refuse):
    """Contents are listed in the order of their first items, with the provider's words; vectors end it."""
    record = fill(["bad", "worse", "bad", "good", "late"])
    for text in ("worse", "bad", "late"):
        refuse(record, text)
    with ledger.write() as connection:
        late = [content_hash("late")]
        Archive(record.bound).store(connection, late, np.ones((1, 4), dtype=np.float32))
    report = _report(ledger, record)
    assert report.total == 2
    assert [failure.items for failure in report.failures] == [("docs/0", "docs/2"), ("docs/1",)]
    first = report.failures[0]
    assert (first.content, first.item_count, first.text) == (content_hash("bad"), 2, "bad")
    assert (first.code, first.message, first.final) == ("400", "words on bad", True)
    assert _tally(ledger, record) == (2, 1)
    cut = _report(ledger, record, 1)
    assert (cut.total, len(cut.failures)) == (2, 1)


def test_long_texts_and_many_items_are_cut(ledger, fill, refuse):
    """A report holds heads of texts and the first items, with their number."""
    record = fill(["x" * 1000] * (ITEMS + 5))
    refuse(record, "x" * 1000)
    (failure,) = _report(ledger, record).failures
    assert (len(failure.text), len(failure.items), failure.item_count) == (SNIPPET, ITEMS, ITEMS + 5)


def test_attempts_are_bounded_and_remembered(ledger, fill, refuse):
    """Each attempt of either lane is told; the last one that is allowed makes the refusal final."""
    record = fill(["a"])
    for number in range(1, ATTEMPTS + 1):
        assert _tally(ledger, record) == (0, 1)
        refuse(record, "a", f"42{number}", retryable=True, origin=_BATCH if number % 2 else _SYNC)
        (failure,) = _report(ledger, record, every=True).failures
        assert failure.final is (number == ATTEMPTS)
        assert _report(ledger, record).total == (number == ATTEMPTS)
    assert _tally(ledger, record) == (1, 0)
    assert failure.attempts[:2] == (
        Attempt(at=0.0, provider="later", lane=Lane.BATCH, job=None, code="421", message="words on a"),
        Attempt(at=1.0, provider="now", lane=Lane.SYNC, job=None, code="422", message="words on a"),
    )
    assert len(failure.attempts) == ATTEMPTS


def test_a_retry_begins_anew_and_keeps_the_history(ledger, fill, refuse):
    """What was refused for good is pending again, with all its attempts, and everything that was said."""
    record = fill(["a", "b"])
    refuse(record, "a")
    assert _retry(ledger, record, "retry_all") == 1
    assert _tally(ledger, record) == (0, 2)
    for number in range(ATTEMPTS):
        assert _tally(ledger, record)[0] == 0, number
        refuse(record, "a", "429", retryable=True)
    assert _tally(ledger, record) == (1, 1)
    (failure,) = _report(ledger, record).failures
    assert [attempt.code for attempt in failure.attempts] == ["400", *["429"] * ATTEMPTS]
    refuse(record, "b", "429", retryable=True)
    assert _retry(ledger, record, "retry_all") == 1  # "b" is pending by itself


def test_some_are_retried_by_item_or_code(ledger, fill, refuse):
    """All items of a content go together; other indexes of the space and other codes are left alone."""
    record, other = fill(["a", "b", "a", "c"]), fill(["b", "d"], "other")
    for text, code in (("a", "400"), ("b", "400"), ("c", "413"), ("d", "400")):
        refuse(record, text, code)
    assert _retry(ledger, record, "retry_items", ["docs/2", "docs/0"]) == 1
    assert _tally(ledger, record) == (2, 1)
    assert _retry(ledger, record, "retry_code", "413") == 1
    assert _tally(ledger, record) == (1, 2)
    assert _tally(ledger, other) == (2, 0)
    assert _retry(ledger, record, "retry_code", "400") == 1
    # A content has one verdict in a space, whichever index asks.
    assert _tally(ledger, other) == (1, 1)


@pytest.mark.parametrize(
    ("how", "arguments", "message", "hint"),
    [
        ("retry_items", (["docs/0", "docs/9"],), "no failed item 'docs/9'", "'docs/0'"),
        ("retry_items", (["docs/1"],), "no failed item 'docs/1'", "embedlane index failures"),
        ("retry_code", ("40",), "no failure with code '40'", "'400'"),
    ],
)
def test_what_is_no_failure_can_not_be_retried(ledger, fill, refuse, how, arguments, message, hint):
    """Near misses are named, and nothing is changed."""
    record = fill(["a", "b"])
    refuse(record, "a")
    with pytest.raises(UnknownNameError, match=message) as caught:
        _retry(ledger, record, how, *arguments)
    assert hint in caught.value.hint
    assert _tally(ledger, record) == (1, 1)
