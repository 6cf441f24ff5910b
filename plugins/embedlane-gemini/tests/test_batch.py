"""The batch lane against the emulator, through the unmodified SDK."""

import json

import pytest

from embedlane.errors import (
    ConfigError,
    CreateAmbiguousError,
    CreateRejectedError,
    RequestRefusedError,
    TransientError,
)
from embedlane.providers.values import Malformed, Refusal, RemoteState, Vector
from embedlane_gemini import _jobs

CREATE = "models.asyncBatchEmbedContent"
TEXTS = ["one", "two", "three", "four"]
KEYS = {"k0", "k1", "k2", "k3"}


def keys_of(results):
    """The keys of the vectors among *results*."""
    return {result.key for result in results if isinstance(result, Vector)}


def by_number(results):
    """Numbers of the vectors among *results*, by key."""
    return {result.key: [round(float(value), 5) for value in result.values] for result in results}


@pytest.mark.parametrize("batch_input", ["file", "inline", "auto"])
@pytest.mark.parametrize("model", ["google:gemini-embedding-001", "google:gemini-embedding-2"])
def test_every_row_comes_back_under_its_key(finished, sync, batch_input, model):
    """Both forms of input give the vectors that the sync lane gives."""
    embedder, job = finished(TEXTS, batch_input=batch_input, model=model)
    assert (job.state, job.rows_done, job.rows_failed) == (RemoteState.SUCCEEDED, 4, 0)
    results = list(embedder.results(job))
    direct = sync(model=model).embed(TEXTS, "document").vectors
    assert keys_of(results) == KEYS
    for result in results:
        assert result.values == pytest.approx(direct[int(result.key[1:])], abs=1e-5)
        assert result.tokens


def test_results_may_be_read_again(finished):
    """A stream that was broken off is read from its start."""
    embedder, job = finished(TEXTS)
    next(embedder.results(job))
    assert keys_of(embedder.results(job)) == KEYS


def test_auto_sends_a_single_row_inline_and_more_as_a_file(batch, written):
    """Only the answer of a job with one row can belong to no other row."""
    embedder = batch()
    assert embedder.stage(written(embedder, ["one"]), "t1").handle == "inline"
    assert embedder.stage(written(embedder, TEXTS), "t2").handle.startswith("files/")


def test_limits_follow_the_choice_of_input(batch):
    """The core cuts jobs to what the chosen input takes."""
    file, inline = batch().limits, batch(batch_input="inline").limits
    assert (file.rows, file.size, file.concurrent_jobs) == (None, 2_000_000_000, 100)
    assert inline.rows == 100
    assert inline.size < 20_000_000


def test_a_file_too_long_for_inline_goes_as_a_file(batch, written):
    """A job that was written under another setting is still sent safely."""
    embedder = batch(batch_input="inline")
    assert embedder.stage(written(embedder, ["t"] * 101), "t").handle.startswith("files/")


def test_inline_rows_carry_their_keys(batch, written, scripted):
    """The SDK's own inline form has no place for them; the wire has."""
    server = scripted((200, {"name": "batches/a", "metadata": {"state": "BATCH_STATE_PENDING"}}))
    embedder = batch(batch_input="inline", base_url=server.url)
    embedder.create(embedder.stage(written(embedder, ["one"]), "tag-9"), "tag-9")
    batch_sent = server.requests[0].json["batch"]
    assert batch_sent["displayName"] == "tag-9"
    (row,) = batch_sent["inputConfig"]["requests"]["requests"]
    assert row["metadata"] == {"key": "k0"}
    assert row["request"]["content"] == {"parts": [{"text": "one"}]}


def test_a_job_is_found_by_its_tag_over_all_pages(batch, written, monkeypatch):
    """More jobs than a page holds do not hide one."""
    monkeypatch.setattr(_jobs, "_PAGE", 3)
    embedder = batch(batch_input="inline")
    staged = embedder.stage(written(embedder, ["one"]), "old")
    name = embedder.create(staged, "wanted").name
    for number in range(7):
        embedder.create(staged, f"other-{number}")
    assert [job.name for job in embedder.find("wanted")] == [name]
    assert embedder.find("want") == []
    embedder.create(staged, "wanted")
    assert len(embedder.find("wanted")) == 2


def test_a_list_that_is_not_complete_proves_nothing(batch, scripted):
    """Where parts of the service can't be reached, a missing job is not a job that was never created."""
    server = scripted((200, {"operations": [], "unreachable": ["somewhere"]}))
    with pytest.raises(TransientError, match="not complete"):
        batch(base_url=server.url).find("tag")


@pytest.mark.parametrize("kind", ["lost-reply", "garbage", "internal", "unavailable", "reset"])
def test_a_lost_answer_to_a_create_is_ambiguous(batch, written, gemini_emulator, kind):
    """Whatever leaves a doubt is said to, after one request; the tag tells what happened."""
    embedder = batch()
    staged = embedder.stage(written(embedder, TEXTS), "tag")
    fault = gemini_emulator.faults.add(kind, operation=CREATE)
    with pytest.raises(CreateAmbiguousError):
        embedder.create(staged, "tag")
    assert gemini_emulator.faults.fired(fault.id) == 1
    assert len(embedder.find("tag")) == gemini_emulator.bill.creates().get("tag", 0) <= 1
    assert len(embedder.find("tag")) == (kind in {"lost-reply", "garbage"})


def test_a_hanging_create_is_ambiguous(batch, written, gemini_emulator):
    """No answer in time says nothing about the job."""
    embedder = batch(timeout=0.5)
    staged = embedder.stage(written(embedder, TEXTS), "tag")
    gemini_emulator.faults.add("hang", operation=CREATE, seconds=20)
    with pytest.raises(CreateAmbiguousError, match="ReadTimeout"):
        embedder.create(staged, "tag")


@pytest.mark.parametrize("status", [201, 302, 408, 409, 499, 500, 599])
def test_doubtful_statuses_are_ambiguous(batch, written, scripted, status):
    """Neither a success without a job nor a timeout on the way proves anything."""
    embedder = batch(batch_input="inline", base_url=scripted((status, {"name": "batches/a"})).url)
    with pytest.raises(CreateAmbiguousError):
        embedder.create(embedder.stage(written(embedder, ["a"]), "t"), "t")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413])
def test_a_refused_create_is_final(batch, written, scripted, status):
    """The service said no; it costs nothing."""
    embedder = batch(batch_input="inline", base_url=scripted((status, {"error": {"message": "no"}})).url)
    with pytest.raises(CreateRejectedError, match="no") as caught:
        embedder.create(embedder.stage(written(embedder, ["a"]), "t"), "t")
    assert not caught.value.retryable


def test_a_full_quota_is_a_rejection_that_may_pass(batch, written, gemini_emulator):
    """The 429 of the batch lane has no details; the hint names the setting that makes jobs smaller."""
    embedder = batch()
    staged = embedder.stage(written(embedder, TEXTS), "tag")
    gemini_emulator.faults.add("quota", operation=CREATE)
    with pytest.raises(CreateRejectedError) as caught:
        embedder.create(staged, "tag")
    assert caught.value.retryable
    assert "max_rows_per_job" in caught.value.hint
    assert gemini_emulator.bill.creates() == {}


def test_a_create_that_never_left_is_a_rejection(batch, written):
    """Nothing listens, so nothing was created."""
    embedder = batch(batch_input="inline", base_url="http://127.0.0.1:9")
    with pytest.raises(CreateRejectedError, match="ConnectError") as caught:
        embedder.create(embedder.stage(written(embedder, ["a"]), "t"), "t")
    assert caught.value.retryable


def test_a_create_that_the_sdk_itself_refuses_is_final(batch, written, gemini_emulator):
    """The SDK takes no ephemeral token, and says so before anything is sent."""
    embedder = batch(batch_input="inline", key="auth_tokens/abc")
    with pytest.raises(CreateRejectedError, match="ephemeral token") as caught:
        embedder.create(embedder.stage(written(embedder, ["a"]), "t"), "t")
    assert not caught.value.retryable
    assert gemini_emulator.bill.creates() == {}


def test_a_proxy_that_refuses_is_a_rejection(batch, written):
    """The request did not even reach the proxy."""
    embedder = batch(batch_input="inline", proxy="http://127.0.0.1:9")
    with pytest.raises(CreateRejectedError) as caught:
        embedder.create(embedder.stage(written(embedder, ["a"]), "t"), "t")
    assert caught.value.retryable


@pytest.mark.parametrize("form", ["404", "400"])
def test_a_model_that_cannot_batch_is_refused_with_the_way_out(batch, written, gemini_emulator, form):
    """Both of the forms that the service was seen to use mean the same."""
    gemini_emulator.configure(keep_retired=True, unsupported_method=form)
    embedder = batch(model="google:text-embedding-004")
    with pytest.raises(CreateRejectedError) as caught:
        embedder.create(embedder.stage(written(embedder, ["a"]), "t"), "t")
    assert not caught.value.retryable
    assert "--lane sync" in caught.value.hint


def test_a_bad_key_is_a_rejection_that_names_the_variables(batch, written):
    """The rows are pending again, and the hint says what to mend."""
    embedder = batch(batch_input="inline", key="invalid-key")
    with pytest.raises(CreateRejectedError, match="API key not valid") as caught:
        embedder.create(embedder.stage(written(embedder, ["a"]), "t"), "t")
    assert "GOOGLE_API_KEY" in caught.value.hint


def test_the_reason_of_a_failed_job_is_told(finished, gemini_emulator):
    """The SDK does not show it; the raw operation has it."""
    gemini_emulator.faults.add("failed", reason="the input is cursed")
    embedder, job = finished(TEXTS)
    assert job.state is RemoteState.FAILED
    assert "the input is cursed" in job.error
    assert list(embedder.results(job)) == []


def test_a_cancelled_job_keeps_its_finished_rows(finished, gemini_emulator):
    """What was paid for is collected."""
    gemini_emulator.faults.add("cancelled", fraction=0.5)
    embedder, job = finished(TEXTS)
    assert job.state is RemoteState.CANCELLED
    assert len(keys_of(embedder.results(job))) == 2


def test_an_expired_job_has_no_results(finished, gemini_emulator):
    """There is nothing to retrieve, and that is no error."""
    gemini_emulator.faults.add("expired")
    embedder, job = finished(TEXTS)
    gemini_emulator.clock.advance(49 * 3600)
    job = embedder.get(job.name)
    assert job.state is RemoteState.EXPIRED
    assert list(embedder.results(job)) == []


def test_a_state_that_nobody_knows(finished, gemini_emulator):
    """It is reported in the service's own word, and the job goes on."""
    gemini_emulator.faults.add("unknown-state", state="BATCH_STATE_DREAMING")
    _, job = finished(TEXTS)
    assert (job.state, job.raw_state) == (RemoteState.UNKNOWN, "BATCH_STATE_DREAMING")


@pytest.mark.parametrize("batch_input", ["file", "inline"])
@pytest.mark.parametrize("kind", ["all-errors", "error-details"])
def test_results_that_are_all_errors_are_read(finished, gemini_emulator, batch_input, kind):
    """The SDK puts them elsewhere, or fails at them; here each row has its refusal."""
    gemini_emulator.faults.add(kind, fraction=1.0, code=3, reason="not this one")
    embedder, job = finished(TEXTS, batch_input=batch_input)
    results = list(embedder.results(job))
    assert {result.key for result in results} == KEYS
    assert all(isinstance(r, Refusal) and r.message == "not this one" and not r.retryable for r in results)
    assert (job.rows_done, job.rows_failed) == (4, 4)


@pytest.mark.parametrize("batch_input", ["file", "inline"])
@pytest.mark.parametrize("kind", ["shuffled-rows", "doubled-rows", "missing-rows"])
def test_order_and_number_of_results_do_not_matter(finished, gemini_emulator, batch_input, kind):
    """Each result has its own key."""
    expected = by_number(finished(TEXTS)[0].results(finished(TEXTS, tag="plain")[1]))
    gemini_emulator.faults.add(kind, fraction=0.5, seed=1)
    embedder, job = finished(TEXTS, batch_input=batch_input)
    found = by_number(embedder.results(job))
    assert found.items() <= expected.items()
    assert len(found) >= 1


def test_keys_that_the_service_drops(finished, gemini_emulator):
    """Inline rows are told apart by their order then, lines of a file are malformed."""
    gemini_emulator.faults.add("no-keys")
    embedder, job = finished(TEXTS, batch_input="inline")
    assert by_number(embedder.results(job)).keys() == KEYS
    embedder, job = finished(TEXTS, tag="tag-2", batch_input="file")
    assert all(isinstance(result, Malformed) for result in embedder.results(job))


def test_corrupt_lines_are_told_with_their_numbers(finished, gemini_emulator):
    """The other lines are read."""
    gemini_emulator.faults.add("corrupt-lines", fraction=0.5, seed=2)
    embedder, job = finished(TEXTS)
    broken = [r for r in embedder.results(job) if isinstance(r, Malformed)]
    assert broken
    assert all("line " in result.message for result in broken)


def test_a_download_that_breaks_off_once_is_repeated(finished, gemini_emulator):
    """The result file is whole in the end."""
    gemini_emulator.faults.add("truncated-download", times=1)
    embedder, job = finished(TEXTS)
    assert keys_of(embedder.results(job)) == KEYS


def test_a_download_that_always_breaks_off(finished, gemini_emulator):
    """It may succeed later; no part of it is taken for the whole."""
    fault = gemini_emulator.faults.add("truncated-download")
    embedder, job = finished(TEXTS)
    with pytest.raises(TransientError):
        list(embedder.results(job))
    assert gemini_emulator.faults.fired(fault.id) == 3


def test_results_that_are_gone(finished, gemini_emulator):
    """They are told as such, so that the rows are pending again."""
    gemini_emulator.faults.add("results-gone")
    embedder, job = finished(TEXTS)
    (result,) = embedder.results(job)
    assert isinstance(result, Malformed)
    assert "no longer has the result file" in result.message


def test_a_file_cut_at_a_lines_end_by_a_careless_proxy(batch, scripted, tmp_path):
    """A last line that stays broken is one malformed row, not a job that never ends."""
    operation = {"name": "batches/a", "done": True, "response": {"responsesFile": "files/batch-a"}}
    line = {"key": "k0", "response": {"embedding": {"values": [1.0]}}}
    body = json.dumps(line).encode() + b'\n{"key": "k1", "resp'
    server = scripted((200, operation), (200, operation), (200, body))
    embedder = batch(base_url=server.url)
    found = list(embedder.results(embedder.get("batches/a")))
    assert [type(result) for result in found] == [Vector, Malformed]
    assert len(server.requests) == 4


def test_nothing_is_left_of_a_download(finished, tmp_path):
    """However the reading ends, no file stays on disk."""
    embedder, job = finished(TEXTS)
    results = embedder.results(job)
    next(results)
    results.close()
    assert [path for path in embedder.directory.rglob("*") if path.is_file()] == []


def test_cancel_and_delete_may_be_repeated(finished, batch, written, gemini_emulator):
    """A job that has ended, or is gone, is no error; its input is removed with it."""
    embedder, job = finished(TEXTS, batch_input="file")
    embedder.cancel(job.name)
    assert len(embedder.inputs.files.named("tag-1")) == 1
    for _ in range(2):
        embedder.delete(job.name)
        assert embedder.get(job.name).state is RemoteState.GONE
        assert list(embedder.results(job)) == [Malformed(f"the service no longer has {job.name}")]
    embedder.cancel(job.name)
    assert embedder.inputs.files.named("tag-1") == []


@pytest.mark.parametrize(
    ("state", "ended"), [("BATCH_STATE_SUCCEEDED", True), ("BATCH_STATE_RUNNING", False)]
)
def test_a_cancel_that_is_refused(batch, scripted, state, ended):
    """It is no error if the job has ended, and one if it goes on."""
    refusal = (400, {"error": {"code": 400, "message": "too late", "status": "FAILED_PRECONDITION"}})
    server = scripted(refusal, (200, {"name": "batches/a", "metadata": {"state": state}}))
    embedder = batch(base_url=server.url)
    if ended:
        embedder.cancel("batches/a")
    else:
        with pytest.raises(ConfigError, match="too late"):
            embedder.cancel("batches/a")


def test_errors_of_calls_that_the_sdk_decodes_are_bare(batch, gemini_emulator):
    """Frames of the SDK, which hold the key, hang on no error of ours."""
    gemini_emulator.faults.add("unavailable")
    with pytest.raises(TransientError) as caught:
        batch().inputs.files.named("tag")
    assert caught.value.__context__ is None


def test_a_running_job_is_cancelled(batch, written, gemini_emulator):
    """The service stops it."""
    gemini_emulator.configure(pending=1000, running=1000)
    embedder = batch()
    job = embedder.create(embedder.stage(written(embedder, TEXTS), "t"), "t")
    embedder.cancel(job.name)
    assert embedder.get(job.name).state is RemoteState.CANCELLED


def test_the_order_of_an_inline_job_is_forgotten_with_it(finished):
    """What was kept for it here is removed with the job."""
    embedder, job = finished(TEXTS, batch_input="inline")
    assert embedder.inputs.keys("tag-1") == sorted(KEYS)
    embedder.delete(job.name)
    assert embedder.inputs.keys("tag-1") is None


@pytest.mark.parametrize("kind", ["unavailable", "reset", "quota"])
def test_a_broken_upload_may_be_repeated(batch, written, gemini_emulator, kind):
    """Staging fails in passing, and succeeds the next time."""
    gemini_emulator.faults.add(kind, operation="media.*", times=1)
    embedder = batch()
    with pytest.raises(TransientError):
        embedder.stage(written(embedder, TEXTS), "t")
    assert embedder.stage(written(embedder, TEXTS), "t").handle.startswith("files/")


def file_answer(**fields):
    """What a finished upload is answered with."""
    return {"file": {"name": "files/a", **fields}}


FINAL = {"X-Goog-Upload-Status": "final"}


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        ([(200, {})], TransientError),  # no upload address
        ([(200, file_answer(state="ACTIVE", sizeBytes="1"), FINAL)], TransientError),
        ([(200, file_answer(state="FAILED", error={"message": "no"}), FINAL)], RequestRefusedError),
        ([(200, {}, FINAL)], TransientError),
        ([(200, b"<html>", FINAL)], TransientError),
    ],
)
def test_an_upload_is_trusted_only_when_the_file_is_active(batch, written, scripted, answers, error):
    """A file that is cut, failed or unnamed is not used."""
    server = scripted(None)
    address = {"X-Goog-Upload-URL": f"{server.url}/upload"}
    server.answers = answers if len(answers[0]) == 2 else [(200, {}, address), *answers]
    embedder = batch(base_url=server.url)
    with pytest.raises(error):
        embedder.stage(written(embedder, TEXTS), "t")


def test_an_upload_that_is_taken_in_slowly_is_waited_for(batch, written, scripted):
    """PROCESSING becomes ACTIVE, and the type and the tag were said at the start."""
    server = scripted(None)
    server.answers = [
        (200, {}, {"X-Goog-Upload-URL": f"{server.url}/upload"}),
        (200, file_answer(state="PROCESSING"), FINAL),
        (200, {"name": "files/a", "state": "PROCESSING"}),
        (200, {"name": "files/a", "state": "ACTIVE"}),
    ]
    embedder = batch(base_url=server.url)
    assert embedder.stage(written(embedder, TEXTS), "t").handle == "files/a"
    assert server.requests[0].json["file"]["mime_type"] == "jsonl"
    assert server.requests[0].json["file"]["display_name"] == "t"
    assert "x-goog-api-key" not in server.requests[1].headers
