"""Proto JSON as Google reads it, and errors in Google's words, over plain HTTP."""

import json

import pytest

EMBED = "/v1beta/models/gemini-embedding-001:embedContent"
BATCH = "/v1beta/models/gemini-embedding-001:batchEmbedContents"
ASYNC = "/v1beta/models/gemini-embedding-001:asyncBatchEmbedContent"
CONTENT = {"parts": [{"text": "hello"}]}


def _error(reply, code=400):
    assert reply.status_code == code, reply.text
    return reply.json()["error"]


@pytest.mark.parametrize("version", ["v1", "v1beta", "v1alpha"])
def test_three_versions(http, version):
    """Each version has the whole API."""
    reply = http.post(f"/{version}/models/gemini-embedding-001:embedContent", json={"content": CONTENT})
    assert reply.status_code == 200
    assert len(reply.json()["embedding"]["values"]) == 3072


@pytest.mark.parametrize(
    "fields",
    [
        {"taskType": "RETRIEVAL_DOCUMENT", "outputDimensionality": 128},
        {"task_type": "RETRIEVAL_DOCUMENT", "output_dimensionality": 128},
        {"taskType": 2, "outputDimensionality": "128"},
        {"embedContentConfig": {"taskType": "RETRIEVAL_DOCUMENT", "outputDimensionality": 128}},
        {"embed_content_config": {"task_type": 2, "output_dimensionality": 128.0}},
        {"taskType": 2, "outputDimensionality": 128, "title": None},
    ],
)
def test_every_spelling_means_the_same(http, fields):
    """CamelCase and snake_case, names and numbers of enums, numbers and strings, null for absence."""
    plain = {"content": CONTENT, "taskType": "RETRIEVAL_DOCUMENT", "outputDimensionality": 128}
    expected = http.post(EMBED, json=plain).json()
    assert http.post(EMBED, json={"content": CONTENT, **fields}).json() == expected


@pytest.mark.parametrize(
    ("path", "body", "field", "text"),
    [
        (
            EMBED,
            {"contents": [CONTENT]},
            None,
            'Invalid JSON payload received. Unknown name "contents": Cannot find field.',
        ),
        (
            ASYNC,
            {"batch": {"inputConfig": {"requests": {"requests": [{"request": {"contents": [CONTENT]}}]}}}},
            "batch.input_config.requests.requests[0].request",
            (
                'Invalid JSON payload received. Unknown name "contents" at '
                "'batch.input_config.requests.requests[0].request': Cannot find field."
            ),
        ),
        (
            EMBED,
            {"content": CONTENT, "taskType": "QUERY"},
            "task_type",
            (
                "Invalid value at 'task_type' "
                '(type.googleapis.com/google.ai.generativelanguage.v1beta.TaskType), "QUERY"'
            ),
        ),
        (
            EMBED,
            {"content": CONTENT, "outputDimensionality": "many"},
            "output_dimensionality",
            "Invalid value at 'output_dimensionality' (TYPE_INT32), \"many\"",
        ),
        (
            EMBED,
            {"content": CONTENT, "outputDimensionality": 2**31},
            "output_dimensionality",
            "Invalid value at 'output_dimensionality' (TYPE_INT32), 2147483648",
        ),
        (
            EMBED,
            {"content": [CONTENT]},
            None,
            (
                'Invalid JSON payload received. Unknown name "content": Proto field is not repeating, '
                "cannot start list."
            ),
        ),
        (
            EMBED,
            {"content": {"parts": [{"text": 5}]}},
            "content.parts[0].text",
            "Invalid value at 'content.parts[0].text' (TYPE_STRING), 5",
        ),
    ],
)
def test_what_does_not_fit_is_named(http, path, body, field, text):
    """Unknown names and wrong values are 400 with the violation's place, in details too."""
    error = _error(http.post(path, json=body))
    assert (error["status"], error["message"]) == ("INVALID_ARGUMENT", text)
    violation = error["details"][0]["fieldViolations"][0]
    assert (violation.get("field"), violation["description"]) == (field, text)


def test_all_violations_are_listed(http):
    """Two mistakes are two violations."""
    error = _error(http.post(EMBED, json={"contents": 1, "config": 2}))
    assert len(error["details"][0]["fieldViolations"]) == 2
    assert error["message"].count("Cannot find field.") == 2


def test_two_kinds_of_data_in_one_part(http):
    """A part holds one thing."""
    part = {"text": "a", "inlineData": {"mimeType": "image/png", "data": "AAAA"}}
    error = _error(http.post(EMBED, json={"content": {"parts": [part]}}))
    assert "oneof field 'data' is already set" in error["message"]


def test_a_body_that_is_not_json(http):
    """Broken JSON is 400, not 500."""
    error = _error(http.post(EMBED, content=b'{"content": '))
    assert error["message"].startswith("Invalid JSON payload received.")


@pytest.mark.parametrize(
    ("headers", "query", "code", "text"),
    [
        ({}, "", 403, "Method doesn't allow unregistered callers"),
        ({"x-goog-api-key": "invalid-1"}, "", 400, "API key not valid. Please pass a valid API key."),
        ({"x-goog-api-key": "good"}, "", 200, ""),
        ({}, "?key=good", 200, ""),
        ({"authorization": "Bearer good"}, "", 200, ""),
    ],
)
def test_keys(gemini_emulator, headers, query, code, text):
    """A key comes by header, query or bearer; a missing one is 403, a bad one 400."""
    import httpx2

    reply = httpx2.get(f"{gemini_emulator.url}/v1beta/models{query}", headers=headers)
    assert reply.status_code == code
    assert text in reply.text
    if code == 400:
        assert reply.json()["error"]["details"][0]["reason"] == "API_KEY_INVALID"


def test_keys_can_be_listed(gemini_emulator, http):
    """With a list, only listed keys are let in."""
    gemini_emulator.configure(api_keys=["secret"])
    assert http.get("/v1/models").status_code == 400
    assert http.get("/v1/models", headers={"x-goog-api-key": "secret"}).status_code == 200


@pytest.mark.parametrize(
    ("model", "method", "said"),
    [
        ("nothing", "embedContent", "embedContent"),
        ("text-embedding-004", "embedContent", "embedContent"),
        ("gemini-embedding-2-preview", "batchEmbedContents", "embedContent"),
        ("gemini-2.5-flash", "embedContent", "embedContent"),
        ("text-embedding-004", "asyncBatchEmbedContent", "asyncBatchEmbedContent"),
    ],
)
def test_models_that_are_not_there(http, model, method, said):
    """Unknown, retired and unable models get one and the same 404."""
    error = _error(http.post(f"/v1beta/models/{model}:{method}", json={}), 404)
    assert error["status"] == "NOT_FOUND"
    assert error["message"] == (
        f"models/{model} is not found for API version v1beta, or is not supported for {said}. "
        "Call ListModels to see the list of available models and their supported methods."
    )


def test_the_other_refusal_of_a_model_that_can_not_batch(gemini_emulator, http):
    """By option, the batch lane is refused with 400."""
    gemini_emulator.configure(unsupported_method="400", keep_retired=True)
    path = "/v1beta/models/text-embedding-004:asyncBatchEmbedContent"
    assert _error(http.post(path, json={}))["message"] == "Model does not support asyncBatchEmbedContent"


def test_more_than_a_hundred_requests(http):
    """The 101st request of a call is refused, and nothing is charged."""
    requests = [{"model": "models/gemini-embedding-001", "content": CONTENT}] * 101
    error = _error(http.post(BATCH, json={"requests": requests}))
    assert error["message"] == (
        "* BatchEmbedContentsRequest.requests: at most 100 requests can be in one batch\n"
    )
    assert http.get("/emulator/bill").json()["calls"] == []


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({"content": CONTENT}, "requests[0].model: model is not specified"),
        ({"model": "models/gemini-embedding-2", "content": CONTENT}, "must be the same as in the URL"),
        ({"model": "models/gemini-embedding-001"}, "contents is not specified"),
        ({"model": "models/gemini-embedding-001", "content": {"parts": [{"text": ""}]}}, "content is empty"),
        (
            {"model": "models/gemini-embedding-001", "content": CONTENT, "outputDimensionality": 3073},
            "must be between 1 and 3072",
        ),
        (
            {
                "model": "models/gemini-embedding-001",
                "content": {"parts": [{"inlineData": {"mimeType": "image/png", "data": "AAAA"}}]},
            },
            "parts of text only",
        ),
    ],
)
def test_requests_that_mean_nothing(http, request_, said):
    """What parses may still be refused."""
    assert said in _error(http.post(BATCH, json={"requests": [request_]}))["message"]


def test_more_than_twenty_megabytes(http):
    """A body above 20 MiB is refused whole."""
    texts = "x" * 21_000_000
    error = _error(http.post(EMBED, json={"content": {"parts": [{"text": texts}]}}))
    assert error["message"] == "Request payload size exceeds the limit: 20971520 bytes."


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ({"key": "a", "request": {"contents": [CONTENT]}}, 'Unknown name "contents"'),
        ({"key": "a", "request": {"content": CONTENT, "config": {}}}, 'Unknown name "config"'),
        ({"key": "a", "content": CONTENT}, "needs a request"),
        ("{broken", "Invalid JSON payload received."),
        ("[1]", "must be an object"),
        ({"key": "a", "request": {"model": "models/other", "content": CONTENT}}, "must be the same"),
    ],
)
def test_a_bad_line_is_an_error_of_its_row(filed, outcome, rows, line, said):
    """Lines with the SDK's argument names, or with nothing of sense, fail alone."""
    good, bad = outcome(filed([rows(1)[0], line]))
    assert "response" in good
    assert bad["error"]["code"] == 3
    assert said in bad["error"]["message"]


def test_bad_lines_can_fail_the_job(gemini_emulator, genai, http, filed, rows):
    """By option, a line that is not JSON ends the job."""
    gemini_emulator.configure(bad_lines="job")
    job = filed([rows(1)[0], "{broken"])
    gemini_emulator.clock.advance(60)
    assert genai.batches.get(name=job.name).state.name == "JOB_STATE_FAILED"
    assert "line 2" in http.get(f"/v1/{job.name}").json()["error"]["message"]


def test_success_is_exactly_200(http):
    """google-genai takes any other 2xx for an error."""
    for reply in (http.get("/v1/models"), http.get("/v1/files"), http.get("/v1/batches")):
        assert reply.status_code == 200


@pytest.mark.parametrize("path", ["/v1/nothing", "/v2/models", "/v1/models/x:fly"])
def test_paths_that_are_not_there(http, path):
    """An unknown path is 404 in Google's form."""
    assert json.loads(http.post(path).text)["error"]["code"] == 404
