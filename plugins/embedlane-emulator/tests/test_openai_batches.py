"""The batch lane of the OpenAI emulator, through the SDK."""

import openai
import pytest

DAY = 24 * 3600
LARGE = "text-embedding-3-large"


def test_a_batch_moves_by_the_clock(openai_emulator, client, batch, requests):
    """validating, in_progress, finalizing, completed, each with its time, and counts that grow."""
    openai_emulator.clock.freeze()
    openai_emulator.configure(pending=10, running=20, finalizing=10)
    made = batch(requests(4))
    seen = [(made.status, made.request_counts.total, made.request_counts.completed)]
    for seconds in (20, 15, 10):
        openai_emulator.clock.advance(seconds)
        found = client.batches.retrieve(made.id)
        seen.append((found.status, found.request_counts.total, found.request_counts.completed))
    assert [status for status, _, _ in seen] == ["validating", "in_progress", "finalizing", "completed"]
    assert [total for _, total, _ in seen] == [0, 4, 4, 4]
    assert seen[-1][2] == 4
    start = found.created_at
    times = (found.in_progress_at, found.finalizing_at, found.completed_at, found.expires_at)
    assert [moment - start for moment in times] == [10, 30, 40, DAY]
    assert (found.failed_at, found.expired_at, found.cancelling_at, found.cancelled_at) == (None,) * 4


def test_results(client, batch, requests, results):
    """A line for each request, under its id, in another order, equal to the synchronous answer."""
    made = batch(requests(20))
    output, errors = results(made)
    names = [line["custom_id"] for line in output]
    assert errors == []
    assert sorted(names) == sorted(f"k{row}" for row in range(20))
    assert names != sorted(names, key=lambda name: int(name[1:]))
    line = next(line for line in output if line["custom_id"] == "k7")
    assert line.keys() == {"id", "custom_id", "response", "error"}
    assert line["id"].startswith("batch_req_")
    assert (line["error"], line["response"]["status_code"]) == (None, 200)
    sync = client.embeddings.create(
        model="text-embedding-3-small", input="row number 7", dimensions=64, encoding_format="float"
    )
    body = line["response"]["body"]
    assert body["data"][0]["embedding"] == sync.data[0].embedding
    assert (body["model"], body["usage"]) == ("text-embedding-3-small", sync.usage.model_dump())


def test_the_batch_as_it_is_on_the_wire(openai_emulator, raw, batch, requests):
    """All fields of the batch object, those without a value as null."""
    made = batch(requests(2))
    openai_emulator.clock.advance(60)
    found = raw.get(f"/batches/{made.id}").json()
    assert found.keys() == set(type(made).model_fields)
    assert found["errors"] is None
    assert found["metadata"] == {"name": "job"}
    assert found["request_counts"] == {"total": 2, "completed": 2, "failed": 0}
    assert found["usage"]["input_tokens"] == found["usage"]["total_tokens"] == 6
    assert (found["model"], found["endpoint"]) == ("text-embedding-3-small", "/v1/embeddings")
    files = {file["id"]: file for file in raw.get("/files?purpose=batch_output").json()["data"]}
    assert files[found["output_file_id"]]["filename"] == f"{made.id}_output.jsonl"
    assert found["error_file_id"] is None


def test_a_line_may_hold_many_texts(openai_emulator, batch, requests, results):
    """One answer with a vector for each; base64 if so asked."""
    made = batch(requests(2, input=["one", "two", "three"], encoding_format="base64"))
    output, _ = results(made)
    for line in output:
        assert [item["index"] for item in line["response"]["body"]["data"]] == [0, 1, 2]
        assert isinstance(line["response"]["body"]["data"][0]["embedding"], str)
    assert openai_emulator.bill.of_job(made.id).rows == 2


def test_requests_that_are_refused_stand_in_the_error_file(openai_emulator, client, batch, requests, results):
    """What the endpoint would refuse is an answer of its own with its status, and free."""
    lines = requests(3)
    lines[0]["body"]["input"] = "x" * 40_000
    lines[2]["body"]["dimensions"] = 4000
    made = batch(lines)
    output, errors = results(made)
    assert [line["custom_id"] for line in output] == ["k1"]
    found = {line["custom_id"]: line for line in errors}
    assert found.keys() == {"k0", "k2"}
    response = found["k0"]["response"]
    assert (found["k0"]["error"], response["status_code"]) == (None, 400)
    assert "maximum context length" in response["body"]["error"]["message"]
    counts = client.batches.retrieve(made.id).request_counts
    assert (counts.completed, counts.failed, counts.total) == (1, 2, 3)
    assert openai_emulator.bill.of_job(made.id).rows == 1


def test_a_batch_may_complete_without_output(openai_emulator, client, batch, requests):
    """If all requests were refused there is an error file only, and the batch is completed all the same."""
    made = batch(requests(3, dimensions=4000))
    openai_emulator.clock.advance(60)
    found = client.batches.retrieve(made.id)
    assert (found.status, found.output_file_id, found.request_counts.failed) == ("completed", None, 3)
    assert client.files.content(found.error_file_id).text.count("\n") == 3


def _bent(requests, **change):
    lines = requests(3)
    lines[1].update(change)
    return [{key: value for key, value in line.items() if value is not None} for line in lines]


@pytest.mark.parametrize(
    ("lines", "code", "line", "param"),
    [
        (lambda make: [*make(1), "{"], "invalid_json_line", 2, None),
        (lambda make: [*make(1), "", "[1]"], "invalid_json_line", 3, None),
        (lambda make: _bent(make, custom_id="k0"), "duplicate_custom_id", 2, "custom_id"),
        (lambda make: _bent(make, custom_id=None), "missing_required_parameter", 2, "custom_id"),
        (lambda make: _bent(make, custom_id=7), "invalid_type", 2, "custom_id"),
        (lambda make: _bent(make, method=None), "missing_required_parameter", 2, "method"),
        (lambda make: _bent(make, method="GET"), "invalid_method", 2, "method"),
        (lambda make: _bent(make, url="/v1/chat/completions"), "url_mismatch", 2, "url"),
        (lambda make: _bent(make, url=None), "missing_required_parameter", 2, "url"),
        (lambda make: _bent(make, body=None), "missing_required_parameter", 2, "body"),
        (lambda make: _bent(make, body=[1]), "invalid_type", 2, "body"),
        (lambda make: _bent(make, body={"input": "x"}), "missing_required_parameter", 2, "body.model"),
        (lambda make: _bent(make, body={"model": LARGE, "input": "x"}), "model_mismatch", 2, "body.model"),
        (lambda make: make(1, model="gpt-none"), "model_not_found", 1, "body.model"),
        (lambda make: [""], "empty_file", None, None),
        (lambda make: make(5), "too_many_tasks", None, None),
        (lambda make: make(1, input=["x"] * 7), "too_many_tasks", None, None),
    ],
)
def test_input_files_that_are_wrong(openai_emulator, client, batch, requests, lines, code, line, param):
    """The create is answered; then the batch fails with the code and the line, and runs nothing."""
    openai_emulator.configure(batch_lines=4, batch_inputs=6)
    made = batch(lines(requests))
    assert made.status == "validating"
    openai_emulator.clock.advance(60)
    found = client.batches.retrieve(made.id)
    (error,) = found.errors.data
    assert (found.status, error.code, error.line, error.param) == ("failed", code, line, param)
    assert error.message
    assert found.failed_at is not None
    assert (found.in_progress_at, found.output_file_id, found.error_file_id) == (None, None, None)
    assert openai_emulator.bill.of_job(made.id).dollars == 0


def test_every_wrong_line_is_named(openai_emulator, client, batch, requests):
    """Each error has its own line, up to a hundred of them."""
    made = batch([line for row in requests(1) for line in (row, "{", "[")] + ["{"] * 150)
    openai_emulator.clock.advance(60)
    errors = client.batches.retrieve(made.id).errors.data
    assert [error.line for error in errors] == list(range(2, 102))


def test_enqueued_tokens(openai_emulator, client, batch, requests):
    """Above the limit a batch fails though its create was answered, until others have ended."""
    openai_emulator.configure(enqueued_tokens=6)
    batch(requests(2), "first")
    late = batch(requests(2), "second")
    assert late.status == "validating"
    other = batch(requests(1, model=LARGE), "other model")
    openai_emulator.clock.advance(60)
    found = client.batches.retrieve(late.id)
    (error,) = found.errors.data
    assert (found.status, error.code) == ("failed", "token_limit_exceeded")
    assert "Enqueued token limit reached for text-embedding-3-small" in error.message
    assert client.batches.retrieve(other.id).status == "completed"
    again = batch(requests(2), "third")
    openai_emulator.clock.advance(60)
    assert client.batches.retrieve(again.id).status == "completed"


@pytest.mark.parametrize(
    ("change", "param", "said"),
    [
        ({"input_file_id": "file-none"}, "file_id", "Cannot find file file-none"),
        ({"input_file_id": None}, "input_file_id", "Missing required parameter"),
        ({"input_file_id": 7}, "input_file_id", "expected a string"),
        ({"endpoint": "/v1/chat/completions"}, "endpoint", "Supported values are: '/v1/embeddings'"),
        ({"completion_window": "12h"}, "completion_window", "Supported values are: '24h'"),
        ({"priority": 1}, "priority", "Unknown parameter: 'priority'"),
        ({"metadata": {str(number): "" for number in range(17)}}, "metadata", "at most 16 properties"),
        ({"metadata": {"k" * 65: ""}}, f"metadata.{'k' * 65}", "maximum length 64"),
        ({"metadata": {"k": "v" * 513}}, "metadata.k", "maximum length 512"),
        ({"metadata": {"k": 1}}, "metadata.k", "expected a string, but got an integer"),
        ({"metadata": ["k"]}, "metadata", "expected an object"),
        (
            {"output_expires_after": {"anchor": "created_at", "seconds": 1}},
            "output_expires_after.seconds",
            "between",
        ),
        ({"output_expires_after": 7}, "output_expires_after", "expected an object"),
    ],
)
def test_creates_that_are_refused(openai_emulator, raw, client, change, param, said):
    """A refused create is 400 with the parameter, and makes no batch."""
    file = client.files.create(file=("in.jsonl", b"{}"), purpose="batch")
    body = {"input_file_id": file.id, "endpoint": "/v1/embeddings", "completion_window": "24h", **change}
    reply = raw.post("/batches", json={key: value for key, value in body.items() if value is not None})
    error = reply.json()["error"]
    assert (reply.status_code, error["param"]) == (400, param)
    assert said in error["message"]
    assert openai_emulator.bill.creates() == {}


def test_a_file_of_another_purpose_is_refused(raw, client):
    """A batch is made of a file with the purpose ``batch``."""
    file = client.files.create(file=("in.jsonl", b"{}"), purpose="user_data")
    body = {"input_file_id": file.id, "endpoint": "/v1/embeddings", "completion_window": "24h"}
    assert "has the purpose 'user_data'" in raw.post("/batches", json=body).json()["error"]["message"]


def test_an_input_file_is_its_batch_s_own(client, batch, requests, results):
    """Deleting the input after the create does not hurt the batch."""
    made = batch(requests(2))
    client.files.delete(made.input_file_id)
    assert len(results(made)[0]) == 2


def test_lists_come_in_pages_the_newest_first(client, batch, requests):
    """The SDK goes from page to page; all of them together hold each batch once."""
    names = [batch(requests(1)).id for _ in range(5)]
    assert [found.id for found in client.batches.list(limit=2)] == names[::-1]
    page = client.batches.list(limit=2, after=names[2])
    assert ([found.id for found in page.data], page.has_more) == ([names[1], names[0]], False)


@pytest.mark.parametrize("query", ["limit=101", "after=batch_none"])
def test_lists_that_are_refused(raw, query):
    """At most a hundred on a page, after one that is there."""
    assert raw.get(f"/batches?{query}").status_code == 400


@pytest.mark.parametrize(("seconds", "done", "started"), [(5, 0, None), (60, 5, 10)])
def test_cancel(openai_emulator, client, batch, requests, results, seconds, done, started):
    """cancelling, then cancelled with what was done; the rest says that it was not."""
    openai_emulator.clock.freeze()
    openai_emulator.configure(pending=10, running=100, cancelling=30)
    made = batch(requests(10))
    openai_emulator.clock.advance(seconds)
    assert client.batches.cancel(made.id).status == "cancelling"
    openai_emulator.clock.advance(20)
    assert client.batches.cancel(made.id).status == "cancelling"
    output, errors = results(made, 15)
    found = client.batches.retrieve(made.id)
    assert found.status == "cancelled"
    assert found.cancelling_at - found.created_at == seconds
    assert (found.in_progress_at and found.in_progress_at - found.created_at) == started
    assert found.cancelled_at - found.cancelling_at == 30
    assert (len(output), len(errors)) == (done, 10 - done)
    assert {line["error"]["code"] for line in errors} == {"batch_cancelled"}
    assert {line["response"] for line in errors} == {None}
    assert (found.request_counts.completed, found.request_counts.failed) == (done, 0)
    assert openai_emulator.bill.of_job(made.id).rows == done


def test_what_has_ended_can_not_be_cancelled(openai_emulator, client, batch, requests):
    """A late cancel is a conflict."""
    made = batch(requests(1))
    openai_emulator.clock.advance(60)
    with pytest.raises(openai.ConflictError, match="Cannot cancel a batch with status 'completed'"):
        client.batches.cancel(made.id)


def test_expiry(openai_emulator, client, batch, requests, results):
    """After 24 hours a batch keeps what was done, pays for it, and says that the rest was not."""
    openai_emulator.configure(pending=0, running=DAY * 2)
    made = batch(requests(10))
    openai_emulator.clock.advance(DAY - 60)
    assert client.batches.retrieve(made.id).status == "in_progress"
    output, errors = results(made, 120)
    found = client.batches.retrieve(made.id)
    assert (found.status, found.expired_at - found.created_at) == ("expired", DAY)
    assert (len(output), len(errors)) == (5, 5)
    assert {line["error"]["code"] for line in errors} == {"batch_expired"}
    assert {line["custom_id"] for line in output + errors} == {f"k{row}" for row in range(10)}
    assert (found.request_counts.completed, found.request_counts.failed) == (5, 0)
    assert openai_emulator.bill.of_job(made.id).rows == 5


@pytest.mark.parametrize(("more", "seconds"), [({}, 30 * DAY), ({"seconds": 7200}, 7200)])
def test_results_expire(openai_emulator, client, batch, requests, more, seconds):
    """After 30 days, or when the batch says; the batch still names the file."""
    policy = {"output_expires_after": {"anchor": "created_at", **more}} if more else {}
    made = batch(requests(1), **policy)
    openai_emulator.clock.advance(60)
    name = client.batches.retrieve(made.id).output_file_id
    file = client.files.retrieve(name)
    assert file.expires_at - file.created_at == seconds
    openai_emulator.clock.advance(seconds)
    with pytest.raises(openai.NotFoundError):
        client.files.content(name)
    assert client.batches.retrieve(made.id).output_file_id == name


def test_deleted_results_do_not_come_back(openai_emulator, client, batch, requests):
    """A result file can be deleted like any other."""
    made = batch(requests(1))
    openai_emulator.clock.advance(60)
    client.files.delete(client.batches.retrieve(made.id).output_file_id)
    assert [file.purpose for file in client.files.list()] == ["batch"]


def test_two_creates_are_two_batches(openai_emulator, batch, requests):
    """Nothing is idempotent: the same create twice is paid twice, by the first value of its metadata."""
    for _ in range(2):
        batch(requests(3), "same")
    batch(requests(1), None)
    openai_emulator.clock.advance(60)
    assert openai_emulator.bill.creates() == {"same": 2, "": 1}
    total = openai_emulator.bill.total("batch")
    assert (total.rows, total.dollars) == (7, pytest.approx(21 * 0.01 / 1e6))


def test_the_sdk_s_own_retries_pay_again(openai_emulator, client, requests):
    """With its default of two retries, one create whose replies are lost is three paid batches."""
    import json

    content = json.dumps(requests(1)[0]).encode()
    file = client.files.create(file=("in.jsonl", content), purpose="batch")
    openai_emulator.faults.add("lost-reply", operation="batches.create")
    with (
        openai.OpenAI(api_key="any", base_url=openai_emulator.base_url) as eager,
        pytest.raises(openai.APIConnectionError),
    ):
        eager.batches.create(
            input_file_id=file.id,
            endpoint="/v1/embeddings",
            completion_window="24h",
            metadata={"name": "eager"},
        )
    assert openai_emulator.bill.creates() == {"eager": 3}


@pytest.mark.parametrize("method", ["retrieve", "cancel"])
def test_batches_that_are_not_there(client, method):
    """An unknown batch is 404."""
    with pytest.raises(openai.NotFoundError, match="No batch found with id 'batch_none'"):
        getattr(client.batches, method)("batch_none")


def test_five_thousand_lines(openai_emulator, client, batch, requests):
    """A large batch ends, its file has every line, its bill too."""
    made = batch(requests(5_000, dimensions=8))
    openai_emulator.clock.advance(60)
    found = client.batches.retrieve(made.id)
    assert found.status == "completed"
    with client.files.with_streaming_response.content(found.output_file_id) as reply:
        assert sum(chunk.count(b"\n") for chunk in reply.iter_bytes()) == 5_000
    assert openai_emulator.bill.of_job(made.id).rows == 5_000
