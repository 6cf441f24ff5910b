"""Every kind of fault, as a client meets it."""

import math

import httpx2
import pytest

from embedlane_emulator.faults import KINDS

CREATE = "models.asyncBatchEmbedContent"
#: Kinds that have a test here; the last test compares them with all there are.
TESTED = set()


def strikes(*kinds):
    """Note which kinds a test is about."""
    TESTED.update(kinds)
    return lambda test: test


def _embed(genai, texts=("a", "b", "c", "d")):
    contents = list(texts)
    return genai.models.embed_content(model="gemini-embedding-001", contents=contents)


@strikes("lost-reply")
def test_a_lost_reply_leaves_a_job_behind(gemini_emulator, genai, inline):
    """The create is done and paid for, though the client sees a broken connection; once, as asked."""
    gemini_emulator.faults.add("lost-reply", operation=CREATE, times=1)
    with pytest.raises((httpx2.ReadError, httpx2.RemoteProtocolError)):
        inline(name="lost")
    assert gemini_emulator.bill.creates() == {"lost": 1}
    assert [job.display_name for job in genai.batches.list()] == ["lost"]
    inline(name="kept")


@strikes("reset")
def test_a_reset_leaves_nothing_behind(gemini_emulator, inline):
    """The connection breaks before anything is done."""
    gemini_emulator.faults.add("reset", operation=CREATE)
    with pytest.raises((httpx2.ReadError, httpx2.RemoteProtocolError)):
        inline()
    assert gemini_emulator.bill.creates() == {}


@strikes("hang", "slow")
def test_hangs_and_slow_answers(gemini_emulator):
    """Who hangs never answers; who is slow does."""
    url = f"{gemini_emulator.url}/v1/models?key=any"
    gemini_emulator.faults.add("hang", times=1)
    gemini_emulator.faults.add("slow", seconds=0.3, after=1)
    with pytest.raises(httpx2.ReadTimeout):
        httpx2.get(url, timeout=0.1)
    with pytest.raises(httpx2.ReadTimeout):
        httpx2.get(url, timeout=0.1)
    assert httpx2.get(url, timeout=10).status_code == 200


@strikes("quota", "quota-retry", "internal", "unavailable", "error")
@pytest.mark.parametrize(
    ("fields", "code", "status"),
    [
        ({"kind": "quota"}, 429, "RESOURCE_EXHAUSTED"),
        ({"kind": "quota-retry", "seconds": 45}, 429, "RESOURCE_EXHAUSTED"),
        ({"kind": "internal"}, 500, "INTERNAL"),
        ({"kind": "unavailable"}, 503, "UNAVAILABLE"),
        ({"kind": "error", "code": 504, "reason": "late"}, 504, "DEADLINE_EXCEEDED"),
        ({"kind": "error", "code": 400, "status": "FAILED_PRECONDITION"}, 400, "FAILED_PRECONDITION"),
    ],
)
def test_refusals(gemini_emulator, genai, fields, code, status):
    """Each refusal comes with Google's code and status, charges nothing, and goes when its count is over."""
    from google.genai import errors

    gemini_emulator.faults.add(fields.pop("kind"), times=1, **fields)
    with pytest.raises(errors.APIError) as caught:
        _embed(genai)
    assert (caught.value.code, caught.value.status) == (code, status)
    details = caught.value.details["error"].get("details", [])
    delays = [detail["retryDelay"] for detail in details if "retryDelay" in detail]
    assert delays == (["45s"] if "seconds" in fields else [])
    assert gemini_emulator.bill.total().requests == 0
    _embed(genai)


@strikes("garbage")
def test_garbage(gemini_emulator, genai):
    """200 with HTML is a ValueError in google-genai."""
    gemini_emulator.faults.add("garbage", operation="models.*")
    with pytest.raises(ValueError, match=r"Expecting value|JSON"):
        _embed(genai)


@strikes("lagging-list")
def test_lists_that_lag(gemini_emulator, genai, inline):
    """A new job is missing from lists until it is old enough; get knows it."""
    gemini_emulator.clock.freeze()
    gemini_emulator.faults.add("lagging-list", seconds=30)
    job = inline()
    assert list(genai.batches.list()) == []
    assert genai.batches.get(name=job.name).name == job.name
    gemini_emulator.clock.advance(31)
    assert len(list(genai.batches.list())) == 1


@strikes("truncated-download", "results-gone")
def test_downloads_that_fail(gemini_emulator, genai, filed, rows):
    """A download breaks off in its middle; results are gone before their time."""
    from google.genai import errors

    job = filed(rows(50))
    gemini_emulator.clock.advance(60)
    name = genai.batches.get(name=job.name).dest.file_name
    gemini_emulator.faults.add("truncated-download", times=1)
    with pytest.raises((httpx2.ReadError, httpx2.RemoteProtocolError)):
        genai.files.download(file=name)
    gemini_emulator.faults.add("results-gone", times=1, display_name="job")
    with pytest.raises(errors.ClientError, match="it may not exist"):
        genai.files.download(file=name)
    assert genai.files.download(file=name).count(b"\n") == 50


@strikes("failed")
def test_failed(gemini_emulator, genai, http, inline):
    """A job fails with a reason that only the raw operation shows, and costs nothing."""
    gemini_emulator.faults.add("failed", reason="no room", code=8)
    job = inline()
    gemini_emulator.clock.advance(60)
    found = genai.batches.get(name=job.name)
    assert (found.state.name, found.error, found.dest) == ("JOB_STATE_FAILED", None, None)
    assert http.get(f"/v1/{job.name}").json()["error"] == {"code": 8, "message": "no room"}
    assert gemini_emulator.bill.of_job(job.name).rows == 0


@strikes("cancelled")
def test_cancelled_with_partial_output(gemini_emulator, genai, http, filed, rows):
    """A job ends CANCELLED with the first half of its rows, which are paid for."""
    gemini_emulator.faults.add("cancelled", fraction=0.5)
    job = filed(rows(10))
    gemini_emulator.clock.advance(60)
    found = genai.batches.get(name=job.name)
    assert found.state.name == "JOB_STATE_CANCELLED"
    assert genai.files.download(file=found.dest.file_name).count(b"\n") == 5
    assert http.get(f"/v1/{job.name}").json()["error"]["code"] == 1
    assert gemini_emulator.bill.of_job(job.name).rows == 5


@strikes("expired", "unknown-state", "stuck")
@pytest.mark.parametrize(
    ("fields", "early", "late"),
    [
        ({"kind": "expired"}, "JOB_STATE_EXPIRED", "JOB_STATE_EXPIRED"),
        ({"kind": "stuck"}, "JOB_STATE_RUNNING", "JOB_STATE_EXPIRED"),
        ({"kind": "stuck", "state": "BATCH_STATE_PENDING"}, "JOB_STATE_PENDING", "JOB_STATE_EXPIRED"),
        ({"kind": "unknown-state"}, "BATCH_STATE_CANCELLING", "BATCH_STATE_CANCELLING"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*is not a valid JobState")
def test_states_that_lead_nowhere(gemini_emulator, genai, inline, fields, early, late):
    """Jobs that expire, that are stuck until they expire, and that are in a state nobody knows."""
    gemini_emulator.faults.add(fields.pop("kind"), **fields)
    job = inline()
    seen = []
    for seconds in (3600, 48 * 3600):
        gemini_emulator.clock.advance(seconds)
        seen.append(genai.batches.get(name=job.name).state)
    assert [getattr(state, "value", state) for state in seen] == [early, late]
    assert gemini_emulator.bill.of_job(job.name).rows == 0


@strikes("missing-rows", "doubled-rows", "shuffled-rows")
@pytest.mark.parametrize(
    ("kind", "count", "distinct"),
    [("missing-rows", 15, 15), ("doubled-rows", 25, 20), ("shuffled-rows", 20, 20)],
)
def test_rows_in_the_wrong_number_or_order(gemini_emulator, filed, outcome, rows, kind, count, distinct):
    """A quarter of the rows is missing or double, or all are shuffled; the keys tell."""
    gemini_emulator.faults.add(kind, fraction=0.25, seed=3)
    keys = [line["key"] for line in outcome(filed(rows(20)))]
    assert (len(keys), len(set(keys))) == (count, distinct)
    in_order = sorted(keys, key=lambda key: int(key[1:]))
    assert (keys == in_order) is (kind != "shuffled-rows")


def _values(line):
    return line["response"]["embedding"].get("values")


def _is_bad(kind, line):
    if kind == "corrupt-lines":
        return line is None
    if kind == "no-keys":
        return "key" not in line
    values = _values(line)
    if kind == "malformed-rows":
        return values is None
    if kind == "wrong-dimensions":
        return len(values) == 127
    return values[0] == "NaN" if kind == "nan" else not any(values)


@strikes("malformed-rows", "corrupt-lines", "no-keys", "wrong-dimensions", "nan", "zero")
@pytest.mark.parametrize(
    "kind", ["malformed-rows", "corrupt-lines", "no-keys", "wrong-dimensions", "nan", "zero"]
)
def test_rows_that_are_bad(gemini_emulator, filed, outcome, rows, kind):
    """The asked share of the rows is bad, the same rows for the same seed."""
    gemini_emulator.faults.add(kind, fraction=0.2, seed=5)
    found = outcome(filed(rows(20)))
    bad = [number for number, line in enumerate(found) if _is_bad(kind, line)]
    assert len(bad) == 4
    again = outcome(filed(rows(20)))
    assert [number for number, line in enumerate(again) if _is_bad(kind, line)] == bad


@strikes("error-rows", "all-errors", "error-details")
@pytest.mark.parametrize(("kind", "count"), [("error-rows", 2), ("all-errors", 10), ("error-details", 2)])
def test_rows_that_are_errors(gemini_emulator, filed, outcome, rows, kind, count):
    """Error rows have a code and a message, with details if so asked, and are free."""
    fields = {} if kind == "all-errors" else {"fraction": 0.2}
    gemini_emulator.faults.add(kind, code=4, reason="Deadline expired", **fields)
    job = filed(rows(10))
    errors = [line["error"] for line in outcome(job) if "error" in line]
    assert len(errors) == count
    assert (errors[0]["code"], errors[0]["message"]) == (4, "Deadline expired")
    assert ("details" in errors[0]) is (kind == "error-details")
    assert gemini_emulator.bill.of_job(job.name).rows == 10 - count


def test_inline_errors_as_google_genai_reads_them(gemini_emulator, genai, http, inline):
    """If every item failed the SDK shows them in another place; with details it can't read them at all."""
    import pydantic

    gemini_emulator.faults.add("all-errors", display_name="all")
    gemini_emulator.faults.add("error-details", display_name="details")
    jobs = [inline(name=name) for name in ("all", "details")]
    gemini_emulator.clock.advance(60)
    dest = genai.batches.get(name=jobs[0].name).dest
    assert dest.inlined_embed_content_responses is None
    assert len(dest.inlined_responses) == 3
    assert http.get(f"/v1/{jobs[0].name}").json()["metadata"]["batchStats"]["failedRequestCount"] == "3"
    with pytest.raises(pydantic.ValidationError):
        genai.batches.get(name=jobs[1].name)


def test_vectors_of_the_sync_lane_can_be_bad_too(gemini_emulator, genai):
    """Missing, doubled, shuffled, short, zero and NaN vectors, by the operation's name."""
    operation = "models.batchEmbedContents"
    good = [embedding.values for embedding in _embed(genai).embeddings]
    lengths = {}
    for kind in ("missing-rows", "doubled-rows", "shuffled-rows", "wrong-dimensions", "zero", "nan"):
        fault = gemini_emulator.faults.add(kind, operation=operation, fraction=0.25)
        found = [embedding.values for embedding in _embed(genai).embeddings]
        assert found != good
        lengths[kind] = sorted(len(values) for values in found)
        if kind == "nan":
            assert sum(math.isnan(values[0]) for values in found) == 1
        gemini_emulator.faults.remove(fault.id)
    assert lengths["missing-rows"] == [3072] * 3
    assert lengths["doubled-rows"] == [3072] * 5
    assert lengths["wrong-dimensions"] == [3071, 3072, 3072, 3072]


@strikes("drift")
def test_a_model_that_drifts(gemini_emulator, genai):
    """The model's vectors turn away from what they were, without a word."""
    before = _embed(genai).embeddings[0].values
    gemini_emulator.faults.add("drift", angle=0.3)
    after = _embed(genai).embeddings[0].values
    assert _dot(before, after) == pytest.approx(math.cos(0.3), abs=1e-4)


def _dot(one, other):
    return sum(a * b for a, b in zip(one, other, strict=True))


@strikes("blocked-rows")
def test_blocked_and_empty_answers_by_fault(gemini_emulator, genai):
    """Prompts and answers are blocked, others hold nothing; only what was asked is billed."""
    gemini_emulator.faults.add("blocked-rows", fraction=0.5)
    gemini_emulator.faults.add("malformed-rows", fraction=0.25, seed=3)
    job = genai.batches.create(
        model="gemini-2.5-flash-lite", src=[{"contents": f"Why {n}?"} for n in range(40)]
    )
    gemini_emulator.clock.advance(60)
    found = [each.response for each in genai.batches.get(name=job.name).dest.inlined_responses]
    blocked = [each for each in found if each.prompt_feedback]
    first = [each.candidates[0] for each in found if each.candidates]
    withheld = [candidate for candidate in first if candidate.finish_reason.name == "SAFETY"]
    assert len(blocked) + len(withheld) == 20
    assert blocked
    assert withheld
    assert any(candidate.content is None for candidate in first if candidate not in withheld)
    said = sum(each.usage_metadata.candidates_token_count or 0 for each in found)
    assert gemini_emulator.bill.total().output_tokens == said > 0


def test_every_kind_has_a_test():
    """No kind is without a test here."""
    assert set(KINDS) - TESTED == set()
