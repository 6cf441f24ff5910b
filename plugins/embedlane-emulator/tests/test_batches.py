"""The batch lane, through google-genai and over plain HTTP."""

import pytest

RUNNING = "JOB_STATE_RUNNING"


def test_a_job_moves_by_the_clock(gemini_emulator, genai, inline):
    """PENDING, RUNNING, SUCCEEDED, as the clock is turned."""
    gemini_emulator.clock.freeze()
    gemini_emulator.configure(pending=10, running=20)
    job = inline()
    states = [job.state.name]
    for _ in range(2):
        gemini_emulator.clock.advance(15)
        states.append(genai.batches.get(name=job.name).state.name)
    assert states == ["JOB_STATE_PENDING", RUNNING, "JOB_STATE_SUCCEEDED"]


def test_inline_results(gemini_emulator, genai, inline):
    """One response for each text, in order, equal to the synchronous answer."""
    texts = ["a cat", "a dog"]
    job = inline(texts, dimensions=768)
    gemini_emulator.clock.advance(60)
    responses = genai.batches.get(name=job.name).dest.inlined_embed_content_responses
    config = {"output_dimensionality": 768}
    sync = genai.models.embed_content(model="gemini-embedding-001", contents=texts, config=config)
    assert [response.response.embedding.values for response in responses] == [
        embedding.values for embedding in sync.embeddings
    ]
    assert responses[0].response.token_count == 2


def test_the_operation_as_it_is_on_the_wire(gemini_emulator, http, inline):
    """Output in both places, counts as strings, zeros left out, states of the service."""
    job = inline()
    pending = http.get(f"/v1beta/{job.name}").json()
    assert "done" not in pending
    assert pending["metadata"]["state"] in ("BATCH_STATE_PENDING", "BATCH_STATE_RUNNING")
    assert pending["metadata"]["batchStats"] == {"requestCount": "3", "pendingRequestCount": "3"}
    gemini_emulator.clock.advance(60)
    ended = http.get(f"/v1beta/{job.name}").json()
    metadata = ended["metadata"]
    assert ended["name"] == metadata["name"] == job.name
    assert len(job.name) == len("batches/") + 36
    assert ended["done"] is True
    assert metadata["@type"].endswith("v1main.EmbedContentBatch")
    assert ended["response"]["@type"].endswith("v1main.EmbedContentBatchOutput")
    assert metadata["batchStats"] == {"requestCount": "3", "successfulRequestCount": "3"}
    assert metadata["output"]["inlinedResponses"] == ended["response"]["inlinedResponses"]
    assert metadata["createTime"] < metadata["endTime"]


def test_metadata_comes_back(gemini_emulator, http):
    """Over REST an inline row carries its own metadata, and gets it back."""
    row = {
        "request": {"content": {"parts": [{"text": "hi"}]}, "outputDimensionality": 128},
        "metadata": {"key": "k0", "n": 1},
    }
    body = {"batch": {"displayName": "d", "inputConfig": {"requests": {"requests": [row]}}}}
    path = "/v1beta/models/gemini-embedding-001:asyncBatchEmbedContent"
    name = http.post(path, json=body).json()["name"]
    gemini_emulator.clock.advance(60)
    (item,) = http.get(f"/v1/{name}").json()["response"]["inlinedResponses"]["inlinedResponses"]
    assert item["metadata"] == {"key": "k0", "n": 1}


def test_file_results(gemini_emulator, genai, filed, outcome, rows):
    """A file of rows becomes a file of answers under the same keys, each of its own size."""
    lines = rows(2) + rows(1, dimensions=256)
    lines[2]["key"] = "other"
    job = filed(lines)
    found = outcome(job)
    assert [line["key"] for line in found] == ["k0", "k1", "other"]
    assert [len(line["response"]["embedding"]["values"]) for line in found] == [128, 128, 256]
    assert found[0]["response"]["tokenCount"] == "3"
    ended = genai.batches.get(name=job.name)
    assert ended.dest.file_name == f"files/batch-{job.name.removeprefix('batches/')}"


def test_an_input_file_is_its_job_s_own(genai, filed, outcome, rows):
    """Deleting the input after the create does not hurt the job."""
    job = filed(rows(1))
    (upload,) = (file for file in genai.files.list() if file.source.name == "UPLOADED")
    genai.files.delete(name=upload.name)
    assert len(outcome(job)) == 1


def test_twenty_thousand_rows(gemini_emulator, genai, filed, http, rows):
    """A large job ends, its file has every row, its bill too."""
    job = filed(rows(20_000, dimensions=8))
    gemini_emulator.clock.advance(60)
    ended = genai.batches.get(name=job.name)
    assert ended.state.name == "JOB_STATE_SUCCEEDED"
    with http.stream("GET", f"/v1/{ended.dest.file_name}:download?alt=media") as reply:
        assert sum(chunk.count(b"\n") for chunk in reply.iter_bytes()) == 20_000
    assert gemini_emulator.bill.of_job(job.name).rows == 20_000


def test_lists_come_in_pages_the_newest_first(gemini_emulator, genai, inline):
    """All pages together hold each job once, without inline responses."""
    names = [inline(["x"], name=f"job {number}").name for number in range(5)]
    gemini_emulator.clock.advance(60)
    listed = list(genai.batches.list(config={"page_size": 2}))
    assert [job.name for job in listed] == names[::-1]
    assert {job.dest for job in listed} == {None}


def test_cancel(gemini_emulator, genai, http, inline):
    """A cancelled job has an error of code 1, no output, and costs what was done until then."""
    gemini_emulator.clock.freeze()
    gemini_emulator.configure(pending=10, running=100)
    jobs = [inline([f"text {n}" for n in range(10)], name=name) for name in ("early", "late")]
    genai.batches.cancel(name=jobs[0].name)
    gemini_emulator.clock.advance(60)
    genai.batches.cancel(name=jobs[1].name)
    gemini_emulator.clock.advance(100)
    for job, paid in zip(jobs, (0, 5), strict=True):
        operation = http.get(f"/v1/{job.name}").json()
        assert operation["metadata"]["state"] == "BATCH_STATE_CANCELLED"
        assert (operation["done"], operation["error"]["code"]) == (True, 1)
        assert "output" not in operation["metadata"]
        assert gemini_emulator.bill.of_job(job.name).rows == paid


def test_cancelling_what_has_ended_changes_nothing(gemini_emulator, genai, inline):
    """A late cancel is answered with 200 and has no effect."""
    job = inline()
    gemini_emulator.clock.advance(60)
    genai.batches.cancel(name=job.name)
    assert genai.batches.get(name=job.name).state.name == "JOB_STATE_SUCCEEDED"


def test_delete(gemini_emulator, genai, inline):
    """A deleted job is out of sight at once, but is still paid for."""
    from google.genai import errors

    job = inline()
    genai.batches.delete(name=job.name)
    with pytest.raises(errors.ClientError, match="404"):
        genai.batches.get(name=job.name)
    assert list(genai.batches.list()) == []
    gemini_emulator.clock.advance(60)
    assert gemini_emulator.bill.of_job(job.name).rows == 3


def test_update(http, inline):
    """UpdateEmbedContentBatch changes what its mask names."""
    job = inline()
    body = {"displayName": "new", "priority": "7"}
    path = f"/v1/{job.name}:updateEmbedContentBatch?updateMask=displayName"
    assert http.patch(path, json=body).json()["displayName"] == "new"
    metadata = http.get(f"/v1/{job.name}").json()["metadata"]
    assert metadata["displayName"] == "new"
    assert "priority" not in metadata


def test_expiry(gemini_emulator, genai, http, inline):
    """A job that does not end in 48 hours expires, without results and free of charge."""
    gemini_emulator.configure(pending=1e9)
    job = inline()
    gemini_emulator.clock.advance(48 * 3600 - 60)
    assert genai.batches.get(name=job.name).state.name == "JOB_STATE_PENDING"
    gemini_emulator.clock.advance(120)
    assert genai.batches.get(name=job.name).state.name == "JOB_STATE_EXPIRED"
    assert "output" not in http.get(f"/v1/{job.name}").json()["metadata"]
    assert gemini_emulator.bill.of_job(job.name).tokens == 0


def test_results_live_six_weeks(gemini_emulator, genai, filed, rows):
    """Results can be fetched for six weeks, then they are gone."""
    from google.genai import errors

    job = filed(rows(1))
    gemini_emulator.clock.advance(41 * 86400)
    name = genai.batches.get(name=job.name).dest.file_name
    assert genai.files.download(file=name)
    gemini_emulator.clock.advance(2 * 86400)
    with pytest.raises(errors.ClientError, match="do not have permission to access the File"):
        genai.files.download(file=name)


@pytest.mark.parametrize("limits", [{"concurrent_jobs": 1}, {"enqueued_tokens": 10}])
def test_quotas(gemini_emulator, http, inline, limits):
    """Above a quota a create is 429 without details, and free again when the first job has ended."""
    from google.genai import errors

    gemini_emulator.configure(**limits)
    inline()
    with pytest.raises(errors.ClientError) as caught:
        inline(name="second")
    assert caught.value.details["error"].keys() == {"code", "message", "status"}
    assert caught.value.status == "RESOURCE_EXHAUSTED"
    gemini_emulator.clock.advance(60)
    inline(name="second")
    assert gemini_emulator.bill.creates() == {"job": 1, "second": 1}


def test_two_creates_are_two_jobs(gemini_emulator, inline):
    """Nothing is idempotent: the same create twice is paid twice."""
    inline(name="same")
    inline(name="same")
    gemini_emulator.clock.advance(60)
    assert gemini_emulator.bill.creates() == {"same": 2}
    assert gemini_emulator.bill.total("batch").rows == 6
    assert gemini_emulator.bill.total("batch").dollars == pytest.approx(12 * 0.075 / 1e6)


def test_generation_has_a_stand_in(gemini_emulator, genai):
    """BatchGenerateContent answers, and the same prompt gets the same answer."""
    contents = [{"parts": [{"text": "what comes after 1?"}], "role": "user"}]
    src = [{"contents": contents, "metadata": {"key": key}} for key in ("a", "b")]
    job = genai.batches.create(model="gemini-2.5-flash", src=src, config={"display_name": "g"})
    gemini_emulator.clock.advance(60)
    found = genai.batches.get(name=job.name).dest.inlined_responses
    assert [item.metadata["key"] for item in found] == ["a", "b"]
    assert found[0].response.text == found[1].response.text != ""
    assert "what comes after 1?" in found[0].response.text


@pytest.mark.parametrize("method", ["get", "cancel", "delete"])
def test_jobs_that_are_not_there(genai, method):
    """An unknown job is 404."""
    from google.genai import errors

    with pytest.raises(errors.ClientError, match="404 NOT_FOUND"):
        getattr(genai.batches, method)(name="batches/nothing")


def test_a_job_without_input(http):
    """A batch needs requests or a file that is there."""
    path = "/v1/models/gemini-embedding-001:asyncBatchEmbedContent"
    assert http.post(path, json={"batch": {"displayName": "d"}}).status_code == 400
    body = {"batch": {"inputConfig": {"file_name": "files/nothing"}}}
    assert http.post(path, json=body).status_code == 403
