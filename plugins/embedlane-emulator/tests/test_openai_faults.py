"""Every kind of fault that means something to OpenAI's dialect, as its SDK meets it."""

import base64
import math

import numpy as np
import openai
import pytest

from embedlane_emulator.faults import KINDS
from embedlane_emulator.openai.app import POINTLESS

CREATE = "batches.create"
SMALL = "text-embedding-3-small"
#: Kinds that have a test here; the last test compares them with all there are.
TESTED = set()


def strikes(*kinds):
    """Note which kinds a test is about."""
    TESTED.update(kinds)
    return lambda test: test


def _embed(client, texts=("a", "b", "c", "d"), **more):
    return client.embeddings.create(model=SMALL, input=list(texts), **more).data


@strikes("lost-reply")
def test_a_lost_reply_leaves_a_batch_behind(openai_emulator, client, batch, requests):
    """The create is done and paid for, though the client sees a broken connection."""
    openai_emulator.faults.add("lost-reply", operation=CREATE, display_name="lost", times=1)
    with pytest.raises(openai.APIConnectionError):
        batch(requests(1), "lost")
    assert openai_emulator.bill.creates() == {"lost": 1}
    assert [found.metadata for found in client.batches.list()] == [{"name": "lost"}]
    batch(requests(1), "kept")


@strikes("reset")
def test_a_reset_leaves_nothing_behind(openai_emulator, batch, requests):
    """The connection breaks before anything is done."""
    openai_emulator.faults.add("reset", operation=CREATE)
    with pytest.raises(openai.APIConnectionError):
        batch(requests(1))
    assert openai_emulator.bill.creates() == {}


@strikes("hang", "slow")
def test_hangs_and_slow_answers(openai_emulator, client):
    """Who hangs never answers; who is slow does."""
    openai_emulator.faults.add("hang", times=1)
    openai_emulator.faults.add("slow", seconds=0.3, after=1)
    for _ in range(2):
        with pytest.raises(openai.APITimeoutError):
            client.with_options(timeout=0.1).models.list()
    assert len(client.with_options(timeout=10).models.list().data) == 3


@strikes("quota", "quota-retry", "internal", "unavailable", "error")
@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"kind": "quota"}, 429, "insufficient_quota"),
        ({"kind": "quota-retry", "seconds": 45}, 429, "rate_limit_exceeded"),
        ({"kind": "internal"}, 500, None),
        ({"kind": "unavailable"}, 503, None),
        ({"kind": "error", "code": 504, "reason": "late"}, 504, None),
        ({"kind": "error", "code": 400, "status": "odd"}, 400, "odd"),
    ],
)
def test_refusals(openai_emulator, client, fields, status, code):
    """Each refusal has OpenAI's status and code, charges nothing, and goes when its count is over."""
    openai_emulator.faults.add(fields.pop("kind"), times=1, model="text-*", **fields)
    with pytest.raises(openai.APIStatusError) as caught:
        _embed(client)
    assert (caught.value.status_code, caught.value.code) == (status, code)
    headers = caught.value.response.headers
    assert headers.get("retry-after") == ("45" if "seconds" in fields else None)
    assert headers.get("retry-after-ms") == ("45000" if "seconds" in fields else None)
    assert openai_emulator.bill.total().requests == 0
    _embed(client)


def test_the_sdk_waits_as_long_as_it_is_told(openai_emulator):
    """With retries, a 429 that names a short time is not seen."""
    openai_emulator.faults.add("quota-retry", seconds=0.01, times=2)
    with openai.OpenAI(api_key="any", base_url=openai_emulator.base_url) as patient:
        assert len(_embed(patient)) == 4


def test_a_day_s_quota(openai_emulator, client):
    """More than an hour to wait is a day's quota."""
    openai_emulator.faults.add("quota-retry", seconds=7200)
    with pytest.raises(openai.RateLimitError, match=r"requests per day \(RPD\).*try again in 7200s"):
        _embed(client)


@strikes("garbage")
def test_garbage(openai_emulator, raw):
    """200 with HTML."""
    openai_emulator.faults.add("garbage", operation="embeddings.*")
    reply = raw.post("/embeddings", json={"model": SMALL, "input": "a"})
    assert (reply.status_code, reply.text.startswith("<html>")) == (200, True)


@strikes("lagging-list")
def test_lists_that_lag(openai_emulator, client, batch, requests):
    """A new batch is missing from lists until it is old enough; retrieve knows it."""
    openai_emulator.clock.freeze()
    openai_emulator.faults.add("lagging-list", seconds=30)
    made = batch(requests(1))
    assert list(client.batches.list()) == []
    assert client.batches.retrieve(made.id).id == made.id
    openai_emulator.clock.advance(31)
    assert len(list(client.batches.list())) == 1


@strikes("truncated-download", "results-gone")
def test_downloads_that_fail(openai_emulator, client, batch, requests):
    """A download breaks off in its middle; results are gone before their time."""
    made = batch(requests(50))
    openai_emulator.clock.advance(60)
    name = client.batches.retrieve(made.id).output_file_id
    openai_emulator.faults.add("truncated-download", times=1, model="text-*")
    with pytest.raises(openai.APIConnectionError):
        client.files.content(name)
    openai_emulator.faults.add("results-gone", times=1, display_name="job")
    with pytest.raises(openai.NotFoundError, match="No such File object"):
        client.files.content(name)
    assert client.files.content(name).content.count(b"\n") == 50


@strikes("failed")
@pytest.mark.parametrize(
    ("fields", "code", "message"),
    [
        ({}, "server_error", "The batch failed to process."),
        ({"status": "token_limit_exceeded", "reason": "no room"}, "token_limit_exceeded", "no room"),
    ],
)
def test_failed(openai_emulator, client, batch, requests, fields, code, message):
    """A batch fails while it is validated, with a code and a reason, and costs nothing."""
    openai_emulator.faults.add("failed", **fields)
    made = batch(requests(2))
    openai_emulator.clock.advance(60)
    found = client.batches.retrieve(made.id)
    assert (found.status, found.errors.data[0].code, found.errors.data[0].message) == (
        "failed",
        code,
        message,
    )
    assert (found.in_progress_at, found.output_file_id, found.error_file_id) == (None, None, None)
    assert openai_emulator.bill.of_job(made.id).rows == 0


@strikes("cancelled", "expired")
@pytest.mark.parametrize("kind", ["cancelled", "expired"])
@pytest.mark.parametrize(("fraction", "done"), [(None, 5), (0.2, 2), (0, 0), (1, 10)])
def test_partial_results(openai_emulator, client, batch, requests, results, kind, fraction, done):
    """A batch ends early with a share of its rows, which are paid for; the rest are in the error file."""
    openai_emulator.faults.add(kind, fraction=fraction)
    made = batch(requests(10))
    output, errors = results(made)
    assert client.batches.retrieve(made.id).status == kind
    assert (len(output), len(errors)) == (done, 10 - done)
    assert {line["error"]["code"] for line in errors} <= {f"batch_{kind}"}
    assert openai_emulator.bill.of_job(made.id).rows == done


@strikes("unknown-state", "stuck")
@pytest.mark.parametrize(
    ("fields", "early", "late"),
    [
        ({"kind": "stuck"}, "in_progress", "expired"),
        ({"kind": "stuck", "state": "finalizing"}, "finalizing", "expired"),
        ({"kind": "unknown-state"}, "paused", "paused"),
        ({"kind": "unknown-state", "state": "odd"}, "odd", "odd"),
    ],
)
def test_states_that_lead_nowhere(openai_emulator, client, batch, requests, fields, early, late):
    """Batches that are stuck until they expire, and that are in a state nobody knows."""
    openai_emulator.faults.add(fields.pop("kind"), **fields)
    made = batch(requests(3))
    seen = []
    for seconds in (3600, 24 * 3600):
        openai_emulator.clock.advance(seconds)
        found = client.batches.retrieve(made.id)
        seen.append(found.status)
    assert seen == [early, late]
    assert found.output_file_id is None
    assert (found.error_file_id is not None) is (late == "expired")
    assert openai_emulator.bill.of_job(made.id).rows == 0


@strikes("missing-rows", "doubled-rows", "shuffled-rows")
@pytest.mark.parametrize(
    ("kind", "count", "distinct"),
    [("missing-rows", 15, 15), ("doubled-rows", 25, 20), ("shuffled-rows", 20, 20)],
)
def test_rows_in_the_wrong_number_or_order(openai_emulator, batch, requests, results, kind, count, distinct):
    """A quarter of the rows is missing or double; the order is never that of the input."""
    openai_emulator.faults.add(kind, fraction=0.25, seed=3)
    names = [line["custom_id"] for line in results(batch(requests(20)))[0]]
    assert (len(names), len(set(names))) == (count, distinct)
    assert names != sorted(names, key=lambda name: int(name[1:]))


def _is_bad(kind, line):
    if kind == "corrupt-lines":
        return line is None
    if kind == "no-keys":
        return "custom_id" not in line
    values = line["response"]["body"]["data"][0].get("embedding")
    if kind == "malformed-rows":
        return values is None
    if kind == "wrong-dimensions":
        return len(values) == 63
    return values[0] is None if kind == "nan" else not any(values)


@strikes("malformed-rows", "corrupt-lines", "no-keys", "wrong-dimensions", "nan", "zero")
@pytest.mark.parametrize(
    "kind", ["malformed-rows", "corrupt-lines", "no-keys", "wrong-dimensions", "nan", "zero"]
)
def test_rows_that_are_bad(openai_emulator, batch, requests, results, kind):
    """The asked share of the rows is bad, the same rows for the same seed."""
    openai_emulator.faults.add(kind, fraction=0.2, seed=5)
    found, _ = results(batch(requests(20)))
    bad = [number for number, line in enumerate(found) if _is_bad(kind, line)]
    assert len(bad) == 4
    again, _ = results(batch(requests(20)))
    assert [number for number, line in enumerate(again) if _is_bad(kind, line)] == bad


@strikes("error-rows", "all-errors")
@pytest.mark.parametrize(("kind", "count"), [("error-rows", 2), ("all-errors", 10)])
def test_rows_that_are_errors(openai_emulator, client, batch, requests, results, kind, count):
    """Error rows stand in the error file with a status, and are free."""
    share = {} if kind == "all-errors" else {"fraction": 0.2}
    fault = openai_emulator.faults.add(kind, **share)
    made = batch(requests(10))
    output, errors = results(made)
    assert (len(output), len(errors)) == (10 - count, count)
    assert {line["response"]["status_code"] for line in errors} == {500}
    assert (client.batches.retrieve(made.id).output_file_id is None) is (kind == "all-errors")
    assert openai_emulator.bill.of_job(made.id).rows == 10 - count
    openai_emulator.faults.remove(fault.id)
    openai_emulator.faults.add(kind, code=429, status="insufficient_quota", reason="no credit", **share)
    _, errors = results(batch(requests(10)))
    error = errors[0]["response"]["body"]["error"]
    assert (errors[0]["response"]["status_code"], error["code"]) == (429, "insufficient_quota")
    assert error["message"] == "no credit"


def test_vectors_of_the_sync_lane_can_be_bad_too(openai_emulator, client):
    """Missing, doubled, shuffled, short, zero, NaN and lost vectors; indexes tell what is wrong."""
    indexes = {}
    for kind in ("missing-rows", "doubled-rows", "shuffled-rows", "wrong-dimensions", "zero", "nan"):
        fault = openai_emulator.faults.add(kind, operation="embeddings.create", fraction=0.25)
        found = _embed(client, dimensions=8)
        indexes[kind] = [item.index for item in found]
        bad = {
            "wrong-dimensions": [len(item.embedding) == 7 for item in found],
            "zero": [not any(item.embedding) for item in found],
            "nan": [math.isnan(item.embedding[0]) for item in found],
        }
        if kind in bad:
            assert sum(bad[kind]) == 1
        openai_emulator.faults.remove(fault.id)
    assert len(indexes["missing-rows"]) == len(set(indexes["missing-rows"])) == 3
    assert (len(indexes["doubled-rows"]), len(set(indexes["doubled-rows"]))) == (5, 4)
    assert sorted(indexes["shuffled-rows"]) == [0, 1, 2, 3] != indexes["shuffled-rows"]


def test_a_nan_on_the_wire(openai_emulator, raw):
    """JSON has no word for it: null among floats, but itself in base64."""
    openai_emulator.faults.add("nan", fraction=1)
    body = {"model": SMALL, "input": "a", "dimensions": 4}
    floats = raw.post("/embeddings", json=body).json()["data"][0]["embedding"]
    text = raw.post("/embeddings", json={**body, "encoding_format": "base64"}).json()["data"][0]["embedding"]
    assert floats[0] is None
    assert np.isnan(np.frombuffer(base64.b64decode(text), "<f4")).tolist() == [True, False, False, False]


@strikes("drift")
def test_a_model_that_drifts(openai_emulator, client):
    """The model's vectors turn away from what they were, without a word."""
    before = np.array(_embed(client, "a")[0].embedding)
    openai_emulator.faults.add("drift", angle=0.3)
    after = np.array(_embed(client, "a")[0].embedding)
    assert before @ after == pytest.approx(math.cos(0.3), abs=0.02)


def test_what_means_nothing_is_refused(openai_emulator, raw):
    """Google's details have no place in OpenAI's errors."""
    with pytest.raises(ValueError, match="fault kind 'error-details' means nothing here"):
        openai_emulator.faults.add("error-details")
    reply = raw.post(f"{openai_emulator.url}/emulator/faults", json={"kind": "error-details"})
    assert (reply.status_code, "use error-rows" in reply.json()["error"]) == (400, True)


def test_every_kind_has_a_test():
    """No kind is without a test here, but for those that mean nothing."""
    assert set(KINDS) - TESTED == set(POINTLESS)
