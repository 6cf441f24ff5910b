"""The batch lane against the emulator, through the unmodified SDK."""

import attrs
import pytest

from embedlane.errors import (
    ConfigError,
    CreateAmbiguousError,
    CreateRejectedError,
    RequestRefusedError,
    TransientError,
)
from embedlane.models.card import Role
from embedlane.providers.values import (
    Correlation,
    Malformed,
    Refusal,
    RemoteJob,
    RemoteState,
    StagedInput,
    Vector,
)
from embedlane_openai import _batch

CREATE = "batches.create"
TEXTS = ["one", "two", "three", "four", "five"]
KEYS = {"0", "1", "2", "3", "4"}
STAGED = StagedInput(handle="file-1", rows=1)


def keys_of(results):
    """The keys of the vectors among *results*."""
    return {result.key for result in results if isinstance(result, Vector)}


def refusals(results):
    """The refusals among *results*."""
    return [result for result in results if isinstance(result, Refusal)]


@pytest.mark.parametrize("texts_per_line", [1, 2, 16])
@pytest.mark.parametrize("encoding", ["base64", "float"])
def test_every_row_comes_back_under_its_position(finished, sync, texts_per_line, encoding):
    """The vectors are those of the sync lane, however lines are packed and numbers are written."""
    embedder, job = finished(TEXTS, texts_per_line=texts_per_line, encoding=encoding)
    assert job.state is RemoteState.SUCCEEDED
    assert (job.rows_done, job.rows_failed) == ((5, 0) if texts_per_line == 1 else (None, None))
    results = list(embedder.results(job))
    direct = sync().embed(TEXTS, Role.DOCUMENT).vectors
    assert keys_of(results) == KEYS
    for result in results:
        assert result.values == pytest.approx(direct[int(result.key)], abs=1e-6)
        assert bool(result.tokens) == (texts_per_line == 1 or (texts_per_line == 2 and result.key == "4"))
    assert job.tokens == sum(-(-len(text) // 4) for text in TEXTS)


def test_heads_are_kept_where_sizes_are_not_asked_for(finished, sync):
    """As in the sync lane."""
    embedder, job = finished(TEXTS, send_dimensions=False)
    direct = sync().embed(TEXTS, Role.DOCUMENT).vectors
    for result in embedder.results(job):
        assert result.values == pytest.approx(direct[int(result.key)], abs=1e-6)


def test_results_may_be_read_again(finished):
    """A stream that was broken off is read from its start, and leaves nothing on disk."""
    embedder, job = finished(TEXTS)
    results = embedder.results(job)
    next(results)
    results.close()
    assert keys_of(embedder.results(job)) == KEYS
    assert [path for path in embedder.directory.rglob("*") if path.is_file()] == []


def test_the_limits_are_those_of_the_service(batch):
    """Texts in a line are also inputs in a request, which the card limits."""
    limits = batch(texts_per_line=100).limits
    assert (limits.rows, limits.size, limits.texts_per_line) == (50_000, 200_000_000, 100)
    assert limits.correlation is Correlation.POSITION
    assert batch(model="acme:words", dimensions=16, texts_per_line=100).limits.texts_per_line == 32


def test_the_job_carries_its_tag(batch, scripted):
    """In its metadata, with the number of rows, for one call of the API."""
    server = scripted((200, {"id": "batch_1", "status": "validating"}))
    job = batch(base_url=server.url).create(StagedInput(handle="file-1", rows=7), "tag-9")
    assert (job.name, job.state) == ("batch_1", RemoteState.PENDING)
    (request,) = server.requests
    assert request.json == {
        "input_file_id": "file-1",
        "endpoint": "/v1/embeddings",
        "completion_window": "24h",
        "metadata": {"embedlane_tag": "tag-9", "embedlane_rows": "7"},
    }


def test_a_job_is_found_by_its_tag_over_all_pages(batch, written, monkeypatch):
    """More jobs than a page holds do not hide one."""
    monkeypatch.setattr(_batch, "_PAGE", 3)
    embedder = batch()
    staged = embedder.stage(written(embedder, ["one"]), "old")
    name = embedder.create(staged, "wanted").name
    for number in range(7):
        embedder.create(staged, f"other-{number}")
    assert [job.name for job in embedder.find("wanted")] == [name]
    assert embedder.find("want") == []
    embedder.create(staged, "wanted")
    assert len(embedder.find("wanted")) == 2


def listed(*names, **page):
    """A page of a list of batches, all with the tag ``mine``."""
    data = [{"id": name, "status": "completed", "metadata": {"embedlane_tag": "mine"}} for name in names]
    return {"object": "list", "data": data, **page}


@pytest.mark.parametrize("more", [{}, {"has_more": True}])
def test_a_server_without_pages_does_not_hold_up_the_search(batch, scripted, more):
    """It gives the same page for ever; each job counts once."""
    server = scripted((200, listed("a", "b", **more)))
    assert [job.name for job in batch(base_url=server.url).find("mine")] == ["a", "b"]
    assert len(server.requests) == 2


@pytest.mark.parametrize("kind", ["lost-reply", "garbage", "internal", "unavailable", "reset"])
def test_a_lost_answer_to_a_create_is_ambiguous(batch, written, openai_emulator, kind):
    """Whatever leaves a doubt is said to, after one request; the tag tells what happened."""
    embedder = batch()
    staged = embedder.stage(written(embedder, TEXTS), "tag")
    fault = openai_emulator.faults.add(kind, operation=CREATE)
    with pytest.raises(CreateAmbiguousError):
        embedder.create(staged, "tag")
    assert openai_emulator.faults.fired(fault.id) == 1
    assert len(embedder.find("tag")) == openai_emulator.bill.creates().get("tag", 0) <= 1
    assert len(embedder.find("tag")) == (kind in {"lost-reply", "garbage"})


def test_a_hanging_create_is_ambiguous(batch, written, openai_emulator):
    """No answer in time says nothing about the job."""
    embedder = batch(timeout=0.3)
    staged = embedder.stage(written(embedder, TEXTS), "tag")
    openai_emulator.faults.add("hang", operation=CREATE, seconds=20)
    with pytest.raises(CreateAmbiguousError, match="ReadTimeout"):
        embedder.create(staged, "tag")


@pytest.mark.parametrize("status", [201, 302, 408, 409, 425, 499, 500, 599])
def test_doubtful_statuses_are_ambiguous(batch, scripted, status):
    """Neither a success without a job nor a timeout on the way proves anything."""
    with pytest.raises(CreateAmbiguousError, match="create the job t") as error:
        batch(base_url=scripted((status, {"id": "batch_1"})).url).create(STAGED, "t")
    assert "by its tag" in error.value.hint


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 413, 422])
def test_a_refused_create_is_final(batch, scripted, status):
    """The service said no; it costs nothing."""
    answer = (status, {"error": {"message": "not this one"}})
    with pytest.raises(CreateRejectedError, match="not this one") as error:
        batch(base_url=scripted(answer).url).create(STAGED, "t")
    assert not error.value.retryable
    assert ("--lane sync" in error.value.hint) == (status in {404, 405})
    assert ("pending again" in error.value.hint) == (status in {401, 403})


def test_a_limit_of_creates_is_a_rejection_that_may_pass(batch, written, openai_emulator):
    """It is waited for as long as the service asks."""
    embedder = batch()
    staged = embedder.stage(written(embedder, TEXTS), "tag")
    openai_emulator.faults.add("quota-retry", operation=CREATE, seconds=7, times=1)
    with pytest.raises(CreateRejectedError) as error:
        embedder.create(staged, "tag")
    assert (error.value.retryable, error.value.retry_after) == (True, 7.0)
    assert openai_emulator.bill.creates() == {}


def test_an_account_without_money_is_a_rejection_that_stays(batch, written, openai_emulator):
    """No wait mends it."""
    embedder = batch()
    staged = embedder.stage(written(embedder, TEXTS), "tag")
    openai_emulator.faults.add("quota", operation=CREATE)
    with pytest.raises(CreateRejectedError, match="quota") as error:
        embedder.create(staged, "tag")
    assert not error.value.retryable
    assert "paid for" in error.value.hint


@pytest.mark.parametrize("way", [{"base_url": "http://127.0.0.1:9/v1"}, {"proxy": "http://127.0.0.1:9"}])
def test_a_create_that_never_left_is_a_rejection_that_may_pass(batch, way):
    """Nothing listens, so nothing was created."""
    with pytest.raises(CreateRejectedError, match="ConnectError") as error:
        batch(**way).create(STAGED, "t")
    assert error.value.retryable


def test_the_reason_of_a_failed_job_is_told(finished, openai_emulator):
    """The service's own words, with the code."""
    openai_emulator.faults.add("failed", reason="the input is cursed")
    embedder, job = finished(TEXTS)
    assert job.state is RemoteState.FAILED
    assert "the input is cursed" in job.error
    assert list(embedder.results(job)) == []


def test_too_many_tokens_for_the_queue(finished, openai_emulator):
    """The job fails when it is looked at, not when it is created; the reason says what to set."""
    openai_emulator.configure(enqueued_tokens=3)
    _, job = finished(TEXTS)
    assert job.state is RemoteState.FAILED
    assert "max_rows_per_job" in job.error


def test_a_cancelled_job_keeps_its_finished_rows(finished, openai_emulator):
    """What was paid for is collected; the others are just missing."""
    openai_emulator.faults.add("cancelled", fraction=0.4)
    embedder, job = finished(TEXTS)
    assert job.state is RemoteState.CANCELLED
    results = list(embedder.results(job))
    assert len(keys_of(results)) == len(results) == 2


def test_an_expired_job_keeps_its_finished_rows(finished, openai_emulator):
    """A day is over; partial output is read, and nobody refused the rest."""
    openai_emulator.faults.add("expired", fraction=0.4)
    embedder, job = finished(TEXTS)
    openai_emulator.clock.advance(25 * 3600)
    job = embedder.get(job.name)
    assert job.state is RemoteState.EXPIRED
    results = list(embedder.results(job))
    assert len(keys_of(results)) == len(results) == 2


def test_a_state_that_nobody_knows(finished, openai_emulator):
    """It is reported in the service's own word, and the job goes on."""
    openai_emulator.faults.add("unknown-state", state="dreaming")
    _, job = finished(TEXTS)
    assert (job.state, job.raw_state) == (RemoteState.UNKNOWN, "dreaming")


@pytest.mark.parametrize("texts_per_line", [1, 2])
def test_a_job_without_an_output_file_has_results_all_the_same(finished, openai_emulator, texts_per_line):
    """It is completed, all rows failed, and only the error file is there."""
    openai_emulator.faults.add("all-errors", code=400, reason="not this one")
    embedder, job = finished(TEXTS, texts_per_line=texts_per_line)
    assert job.state is RemoteState.SUCCEEDED
    results = list(embedder.results(job))
    assert {result.key for result in results} == KEYS
    assert all(isinstance(result, Refusal) and result.message == "not this one" for result in results)
    # Only a text that was alone in its line is known to be at fault.
    assert {result.key for result in results if not result.retryable} == (
        KEYS if texts_per_line == 1 else {"4"}
    )


def test_both_files_are_read(finished, openai_emulator):
    """Rows that failed and rows that did not, each in a file of its own."""
    openai_emulator.faults.add("error-rows", fraction=0.5, code=500, seed=1)
    embedder, job = finished(TEXTS)
    results = list(embedder.results(job))
    assert {result.key for result in results} == KEYS
    assert keys_of(results)
    assert all(refusal.retryable for refusal in refusals(results))
    assert job.rows_failed == len(refusals(results)) > 0


def test_a_text_that_is_too_long_is_refused_by_itself(finished, openai_emulator):
    """With the service's reason; the others have their vectors."""
    openai_emulator.configure(input_tokens=10)
    embedder, job = finished(["short", "long " * 20, "brief"])
    results = list(embedder.results(job))
    (refusal,) = refusals(results)
    assert (refusal.key, refusal.retryable) == ("1", False)
    assert "10 tokens" in refusal.message
    assert keys_of(results) == {"0", "2"}


@pytest.mark.parametrize(
    "kind", ["missing-rows", "doubled-rows", "malformed-rows", "no-keys", "corrupt-lines"]
)
@pytest.mark.parametrize("texts_per_line", [1, 3])
def test_damage_costs_its_own_rows_only(finished, openai_emulator, kind, texts_per_line):
    """What is there is right, and nothing is made up."""
    embedder, job = finished(TEXTS)
    expected = {row.key: list(row.values) for row in embedder.results(job)}
    openai_emulator.faults.add(kind, fraction=0.5, seed=2)
    embedder, job = finished(TEXTS, tag="other", texts_per_line=texts_per_line)
    results = list(embedder.results(job))
    found = {row.key: list(row.values) for row in results if isinstance(row, Vector)}
    assert found.keys() <= expected.keys()
    assert all(values == pytest.approx(expected[key], abs=1e-6) for key, values in found.items())
    assert refusals(results) == []
    if kind in {"no-keys", "corrupt-lines"}:
        assert any(isinstance(row, Malformed) and "line " in row.message for row in results)


def test_a_download_that_breaks_off_once_is_repeated(finished, openai_emulator):
    """The file is whole in the end."""
    fault = openai_emulator.faults.add("truncated-download", times=1)
    embedder, job = finished(TEXTS)
    assert keys_of(embedder.results(job)) == KEYS
    assert openai_emulator.faults.fired(fault.id) == 1


def test_a_download_that_always_breaks_off(finished, openai_emulator):
    """It may succeed later; no part of it is taken for the whole."""
    fault = openai_emulator.faults.add("truncated-download")
    embedder, job = finished(TEXTS)
    with pytest.raises(TransientError):
        list(embedder.results(job))
    assert openai_emulator.faults.fired(fault.id) == 3


def test_results_that_are_gone(finished, openai_emulator):
    """They are told as such, so that the rows are pending again."""
    openai_emulator.faults.add("results-gone")
    embedder, job = finished(TEXTS)
    (result,) = embedder.results(job)
    assert isinstance(result, Malformed)
    assert "no longer has the file of results" in result.message


JOB = {"id": "batch_1", "status": "completed", "output_file_id": "file-out"}
LINE = b'{"custom_id": "0+1", "response": {"body": {"data": [{"index": 0, "embedding": [1]}]}}}\n'


@pytest.mark.parametrize(
    ("size", "bodies", "found"),
    [
        (len(LINE), [LINE], [Vector]),
        (2 * len(LINE), [LINE, LINE], [Vector]),  # the service is wrong about the size
        (2 * len(LINE), [LINE, 2 * LINE], [Vector, Vector]),  # cut at a line's end by a careless proxy
        (len(LINE), [LINE[:50], LINE], [Vector]),
        (len(LINE), [2 * LINE, LINE], [Vector]),  # of what came before nothing is left
        (None, [LINE], [Vector]),
    ],
)
def test_a_file_is_taken_when_it_is_whole(batch, scripted, size, bodies, found):
    """As long as the service says, or as long as it was before."""
    described = (200, {"id": "file-out", "bytes": size})
    server = scripted((200, JOB), described, *((200, body) for body in bodies))
    results = list(batch(base_url=server.url).results(RemoteJob(name="batch_1", state=RemoteState.SUCCEEDED)))
    assert [type(result) for result in results] == found
    assert len(server.requests) == 2 + len(bodies)


def test_a_file_that_is_never_twice_the_same_is_not_taken(batch, scripted):
    """Something on the way is broken; it may be mended later."""
    cut = [(200, LINE[:length]) for length in (10, 20, 30)]
    server = scripted((200, JOB), (200, {"id": "file-out", "bytes": 40}), *cut)
    with pytest.raises(TransientError, match="another length each time"):
        list(batch(base_url=server.url).results(RemoteJob(name="batch_1", state=RemoteState.SUCCEEDED)))


def test_cancel_and_delete_may_be_repeated(finished, openai_emulator):
    """A job that has ended or is gone is no error; its files are removed with it, the job itself stays."""
    embedder, job = finished(TEXTS)
    client = embedder.service.client
    embedder.cancel(job.name)
    assert len(client.files.list().data) == 2
    for _ in range(2):
        embedder.delete(job.name)
        assert client.files.list().data == []
    assert embedder.get(job.name).state is RemoteState.SUCCEEDED
    assert [type(result) for result in embedder.results(job)] == [Malformed]


def test_a_file_that_cannot_be_removed_now(batch, scripted):
    """It may be later; what is left is not forgotten."""
    server = scripted((200, {**JOB, "input_file_id": "file-in"}), (500, {"error": {"message": "busy"}}))
    with pytest.raises(TransientError, match="delete file-in"):
        batch(base_url=server.url).delete("batch_1")


def test_a_job_that_nobody_knows(batch):
    """It is gone, and nothing about it is an error."""
    embedder = batch()
    job = embedder.get("batch_never")
    assert job == RemoteJob(name="batch_never", state=RemoteState.GONE)
    assert list(embedder.results(job)) == [Malformed("the service no longer has batch_never")]
    embedder.cancel("batch_never")
    embedder.delete("batch_never")


def test_a_running_job_is_cancelled(batch, written, openai_emulator):
    """The service stops it; asking again while it does is no error."""
    openai_emulator.configure(pending=1000, running=1000, cancelling=1000)
    embedder = batch()
    job = embedder.create(embedder.stage(written(embedder, TEXTS), "t"), "t")
    embedder.cancel(job.name)
    embedder.cancel(job.name)
    assert embedder.get(job.name).state is RemoteState.CANCELLING
    openai_emulator.clock.advance(2000)
    assert embedder.get(job.name).state is RemoteState.CANCELLED


@pytest.mark.parametrize(
    ("state", "ended"), [("completed", True), ("cancelling", True), ("in_progress", False)]
)
def test_a_cancel_that_is_refused(batch, scripted, state, ended):
    """It is no error if the job has ended or is about to, and one if it goes on."""
    refusal = (409, {"error": {"message": "too late"}})
    embedder = batch(base_url=scripted(refusal, (200, {"id": "batch_1", "status": state})).url)
    if ended:
        embedder.cancel("batch_1")
    else:
        with pytest.raises(TransientError, match="too late"):
            embedder.cancel("batch_1")


@pytest.mark.parametrize("kind", ["unavailable", "reset", "quota-retry", "garbage"])
def test_a_broken_upload_may_be_repeated(batch, written, openai_emulator, kind):
    """Staging fails in passing, and succeeds the next time."""
    openai_emulator.faults.add(kind, operation="files.create", times=1)
    embedder = batch()
    with pytest.raises(TransientError):
        embedder.stage(written(embedder, TEXTS), "t")
    staged = embedder.stage(written(embedder, TEXTS), "t")
    assert staged.handle.startswith("file-")
    assert staged.rows == 5


def test_a_file_that_is_not_ours_is_not_uploaded(batch, written, openai_emulator):
    """It is read to its end before anything is sent."""
    embedder = batch()
    file = written(embedder, TEXTS)
    with pytest.raises(RequestRefusedError, match="5 rows instead of 6"):
        embedder.stage(attrs.evolve(file, rows=6), "t")
    assert embedder.service.client.files.list().data == []


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"id": "file-1", "bytes": 3}, TransientError),
        ({"bytes": 3}, TransientError),
        ({"id": "file-1", "status": "error", "status_details": "no"}, RequestRefusedError),
    ],
)
def test_an_upload_is_trusted_only_when_the_file_is_whole(batch, written, scripted, answer, error):
    """A file that is cut, unnamed or in error is not used; one that is cut is removed."""
    server = scripted((200, answer), (200, {"deleted": True}))
    embedder = batch(base_url=server.url)
    with pytest.raises(error):
        embedder.stage(written(embedder, TEXTS), "t")
    cut = "id" in answer and "bytes" in answer
    assert [request.method for request in server.requests] == (["POST", "DELETE"] if cut else ["POST"])


def test_a_server_without_batches(batch, openai_emulator):
    """It says so at the first call, with what to look at."""
    openai_emulator.configure(batches=False)
    with pytest.raises(ConfigError, match="404"):
        batch().find("tag")
    with pytest.raises(CreateRejectedError, match="404") as error:
        batch().create(STAGED, "t")
    assert "--lane sync" in error.value.hint
