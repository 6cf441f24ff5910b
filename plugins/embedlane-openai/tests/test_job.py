"""Reading a batch as the service sends it."""

import pytest

from embedlane.errors import TransientError
from embedlane.providers.values import RemoteState
from embedlane_openai._job import Batch
from embedlane_openai._provider import Provider
from embedlane_openai._status import Call

CALL = Call(Provider("openai"), "look at batch_1")


def batch(**fields):
    """The core's view of a batch."""
    return Batch({"id": "batch_1", "status": "completed", **fields}).remote()


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("validating", RemoteState.PENDING),
        ("failed", RemoteState.FAILED),
        ("in_progress", RemoteState.RUNNING),
        ("finalizing", RemoteState.RUNNING),
        ("completed", RemoteState.SUCCEEDED),
        ("expired", RemoteState.EXPIRED),
        ("cancelling", RemoteState.CANCELLING),
        ("cancelled", RemoteState.CANCELLED),
        ("dreaming", RemoteState.UNKNOWN),
    ],
)
def test_each_state_has_its_word(word, state):
    """A word that nobody knows is kept as it is."""
    job = batch(status=word)
    assert (job.state, job.raw_state) == (state, word)


def test_counts_of_lines_are_counts_of_rows_where_each_has_its_own():
    """With several rows in a line the service's counts say nothing of rows, and none are given."""
    counts = {"total": 4, "completed": 2, "failed": 1}
    assert batch(request_counts=counts).rows_done == 3
    assert batch(request_counts=counts).rows_failed == 1
    assert batch(request_counts=counts, metadata={"embedlane_rows": "4"}).rows_done == 3
    assert batch(request_counts=counts, metadata={"embedlane_rows": "64"}).rows_done is None
    assert batch(request_counts={"total": 0, "completed": 0, "failed": 0}).rows_done is None
    assert batch().rows_failed is None


def test_tokens_are_those_of_the_jobs_usage():
    """Older jobs say zero, which is no number of tokens."""
    assert batch(usage={"input_tokens": 9, "total_tokens": 9}).tokens == 9
    assert batch(usage={"total_tokens": 0}).tokens is None
    assert batch(usage=None).tokens is None


def errors(*found):
    """The error of a batch that failed with those errors."""
    return batch(status="failed", errors={"object": "list", "data": list(found)}).error


def test_a_failed_job_tells_the_lines():
    """In the service's words; the rest of a long list is counted."""
    one = {"code": "invalid_json_line", "line": 3, "message": "not JSON", "param": None}
    assert errors(one) == "line 3: not JSON (invalid_json_line)"
    assert errors(*[one] * 5).endswith("; and 2 more")
    assert errors({"message": "why"}, "?") == "why (no code)"
    assert errors({}) == "no reason given (no code)"
    assert batch(errors=None).error == ""
    assert batch(errors={"data": None}).error == ""


def test_a_full_queue_says_what_to_set():
    """The job is too large, or others are in the way."""
    told = errors({"code": "token_limit_exceeded", "line": None, "message": "Enqueued token limit reached"})
    assert told.startswith("Enqueued token limit reached (token_limit_exceeded)")
    assert "max_rows_per_job" in told


@pytest.mark.parametrize(
    "body", [b"<html>", b"[]", b"{}", b'{"id": "file-1"}', b'{"id": 7, "status": "completed"}']
)
def test_what_is_no_batch_may_pass(body):
    """A body without a batch comes from something else on the way."""
    with pytest.raises(TransientError, match="look at batch_1"):
        Batch.parse(CALL, body)
