"""Reading operations as the service sends them."""

import json

import pytest

from embedlane.errors import TransientError
from embedlane.providers.values import RemoteState
from embedlane_gemini._operations import Operation
from embedlane_gemini._status import Call


@pytest.mark.parametrize(
    ("raw", "state"),
    [
        ({"metadata": {"state": "BATCH_STATE_PENDING"}}, RemoteState.PENDING),
        ({"metadata": {"state": "BATCH_STATE_RUNNING"}}, RemoteState.RUNNING),
        ({"metadata": {"state": "BATCH_STATE_SUCCEEDED"}}, RemoteState.SUCCEEDED),
        ({"metadata": {"state": "JOB_STATE_SUCCEEDED"}}, RemoteState.SUCCEEDED),
        ({"metadata": {"state": "JOB_STATE_PARTIALLY_SUCCEEDED"}}, RemoteState.PARTIALLY_SUCCEEDED),
        ({"metadata": {"state": "BATCH_STATE_FAILED"}}, RemoteState.FAILED),
        ({"metadata": {"state": "BATCH_STATE_CANCELLED"}}, RemoteState.CANCELLED),
        ({"metadata": {"state": "BATCH_STATE_CANCELLING"}}, RemoteState.CANCELLING),
        ({"metadata": {"state": "BATCH_STATE_EXPIRED"}}, RemoteState.EXPIRED),
        ({"metadata": {"state": "BATCH_STATE_NEW"}}, RemoteState.UNKNOWN),
        ({"metadata": {"state": "BATCH_STATE_NEW"}, "done": True}, RemoteState.UNKNOWN),
        ({"metadata": {}, "done": True, "response": {}}, RemoteState.SUCCEEDED),
        ({"done": True, "error": {"code": 1}}, RemoteState.CANCELLED),
        ({"done": True, "error": {"code": 13}}, RemoteState.FAILED),
        ({"metadata": None}, RemoteState.UNKNOWN),
    ],
)
def test_states(raw, state):
    """The service's word decides; where it is not known, `done` does."""
    assert Operation(raw).state is state


def test_the_reason_and_the_counts_are_read():
    """Counts are texts, and zeros are left out."""
    raw = {
        "name": "batches/a",
        "metadata": {
            "state": "BATCH_STATE_FAILED",
            "batchStats": {"requestCount": "5", "failedRequestCount": "2"},
        },
        "error": {"code": 13, "message": "the disk is full"},
    }
    job = Operation(raw).remote()
    assert (job.rows_done, job.rows_failed) == (2, 2)
    assert job.error == "the disk is full (code 13)"
    assert Operation({"name": "batches/a"}).remote().rows_done is None


@pytest.mark.parametrize(
    "raw",
    [
        {"metadata": {"output": {"responsesFile": "files/b"}}},
        {"response": {"responsesFile": "files/b"}, "metadata": {"output": {}}},
    ],
)
def test_the_result_file_is_found_in_both_places(raw):
    """google-genai looks into one of them only."""
    assert Operation(raw).result_file == "files/b"


@pytest.mark.parametrize("field", ["inlinedResponses", "inlinedEmbedContentResponses"])
@pytest.mark.parametrize("place", ["output", "response"])
def test_inline_results_are_found_under_every_name(field, place):
    """All errors or not, renamed or not: results are where they are."""
    output = {field: {"inlinedResponses": [{"error": {"code": 13}}]}}
    raw = {"response": output} if place == "response" else {"metadata": {"output": output}}
    assert Operation(raw).inline_results == [{"error": {"code": 13}}]


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", json.dumps({"name": "x"}).encode()])
def test_what_is_no_operation_is_not_taken_for_one(body):
    """A proxy's page with status 200 is no job."""
    with pytest.raises(TransientError):
        Operation.parse(Call("look"), body)
