"""The synchronous lane of the OpenAI emulator, through the SDK and over plain HTTP."""

import base64
import itertools

import httpx2
import numpy as np
import openai
import pytest

MODELS = {"text-embedding-3-small": 1536, "text-embedding-3-large": 3072, "text-embedding-ada-002": 1536}
SMALL = "text-embedding-3-small"
WORDS = [word for word in itertools.__doc__.split() if word.isalpha()]


def embed(client, inputs, model=SMALL, **more):
    """Vectors as an array."""
    found = client.embeddings.create(model=model, input=inputs, **more)
    assert [item.index for item in found.data] == list(range(len(found.data)))
    return np.array([item.embedding for item in found.data])


@pytest.mark.parametrize(("model", "size"), MODELS.items())
def test_vectors_have_their_model_s_size_and_length_one(client, model, size):
    """One vector for each text, in order, the same whatever else is asked."""
    found = embed(client, ["a cat", "a dog", "a cat"], model)
    assert found.shape == (3, size)
    assert np.linalg.norm(found, axis=1) == pytest.approx(1)
    assert found[0].tolist() == found[2].tolist() == embed(client, "a cat", model)[0].tolist()
    assert found[0].tolist() != found[1].tolist()


@pytest.mark.parametrize("size", [1, 7, 256, 1536])
def test_a_shorter_vector_is_the_head_of_the_whole(client, size):
    """Shortened vectors have length 1 too, and point where the head points."""
    whole, short = embed(client, "a cat"), embed(client, "a cat", dimensions=size)
    head = whole[0, :size] / np.linalg.norm(whole[0, :size])
    assert short.shape == (1, size)
    assert short[0] == pytest.approx(head, abs=1e-6)


def test_related_texts_are_near(client):
    """A vector means something, in its own model."""
    texts = ["cats and dogs are pets", "pets such as a cat or a dog", "the economy of the nineteenth century"]
    one, two, three = embed(client, texts)
    assert one @ two > one @ three + 0.2


def test_models_are_unrelated(client, openai_emulator):
    """One text's vectors from two models have nothing in common, models of a compatible server included."""
    others = {f"model {number}": 1536 for number in range(4)}
    openai_emulator.configure(models=others)
    texts = [" ".join(WORDS[start : start + 6]) for start in range(0, len(WORDS) - 6, 3)]
    spaces = {model: embed(client, texts, model) for model in (*MODELS, *others)}
    for one, other in itertools.combinations(spaces, 2):
        for size in (1536, 256):
            cosines = np.einsum("ij,ij->i", spaces[one][:, :size], spaces[other][:, :size])
            assert np.abs(cosines).max() < (0.1 if {one, other} <= MODELS.keys() else 0.4)
            assert np.abs(cosines.mean()) < 0.1


def test_base64_is_the_same_vector(client, raw):
    """What the SDK asks for by default is the little-endian bytes of the floats."""
    body = {"model": SMALL, "input": "a cat", "dimensions": 8, "encoding_format": "base64"}
    text = raw.post("/embeddings", json=body).json()["data"][0]["embedding"]
    floats = embed(client, "a cat", dimensions=8, encoding_format="float")[0]
    assert np.frombuffer(base64.b64decode(text), "<f4").tolist() == floats.astype("<f4").tolist()


def test_tokens_are_inputs_too(client):
    """A token list is one input, a list of them several; each token counts."""
    one = client.embeddings.create(model=SMALL, input=[1, 2, 3])
    two = client.embeddings.create(model=SMALL, input=[[1, 2, 3], [4]])
    assert (len(one.data), one.usage.prompt_tokens) == (1, 3)
    assert (len(two.data), two.usage.total_tokens) == (2, 4)
    assert one.data[0].embedding == two.data[0].embedding


def test_the_answer_as_it_is_on_the_wire(openai_emulator, raw):
    """The list object with its usage, a request id, and a line on the bill."""
    reply = raw.post("/embeddings", json={"model": SMALL, "input": ["four", "and nine."], "user": "u"})
    body = reply.json()
    assert (body["object"], body["model"]) == ("list", SMALL)
    assert [(item["object"], item["index"]) for item in body["data"]] == [("embedding", 0), ("embedding", 1)]
    assert body["usage"] == {"prompt_tokens": 4, "total_tokens": 4}
    assert reply.headers["x-request-id"].startswith("req_")
    (charge,) = openai_emulator.bill.charges("sync")
    assert (charge.operation, charge.rows, charge.tokens) == ("embeddings.create", 2, 4)
    assert charge.dollars == pytest.approx(4 * 0.02 / 1e6)


def test_models_can_be_listed_and_retrieved(client):
    """The three models, and a model by its name."""
    assert [model.id for model in client.models.list()] == list(MODELS)
    assert client.models.retrieve(SMALL).owned_by == "system"
    with pytest.raises(openai.NotFoundError, match="does not exist"):
        client.models.retrieve("gpt-none")


def test_models_cost_what_the_core_s_cards_say(tmp_path, monkeypatch):
    """Prices and sizes are those of the cards that embedlane ships."""
    from embedlane import Workspace
    from embedlane_emulator.openai.models import MODELS as SERVED

    monkeypatch.chdir(tmp_path)
    with Workspace.open() as workspace:
        for model in SERVED:
            card = workspace.registry.card(f"openai:{model.name}")
            assert (card.price.sync, card.price.batch) == (model.price, model.batch_price)
            assert card.dimensions.native == model.dimensions
            assert card.dimensions.matryoshka is (model.shortens == "serve")


BAD_INPUT = "'$.input' is invalid"


@pytest.mark.parametrize(
    ("change", "status", "code", "said"),
    [
        ({"input": ""}, 400, None, BAD_INPUT),
        ({"input": []}, 400, None, BAD_INPUT),
        ({"input": ["a", ""]}, 400, None, BAD_INPUT),
        ({"input": [[1], []]}, 400, None, BAD_INPUT),
        ({"input": ["a", 1]}, 400, None, BAD_INPUT),
        ({"input": [True]}, 400, None, BAD_INPUT),
        ({"input": {"text": "a"}}, 400, None, BAD_INPUT),
        ({"input": None}, 400, None, BAD_INPUT),
        (
            {"input": "x" * 40_000},
            400,
            None,
            "maximum context length is 8192 tokens, however you requested 10000",
        ),
        ({"input": [[7] * 8193]}, 400, None, "you requested 8193 tokens"),
        ({"input": ["x"] * 2049}, 400, "array_above_max_length", "maximum length 2048"),
        (
            {"input": ["x" * 32_000] * 38},
            400,
            "max_tokens_per_request",
            "Requested 304000 tokens, max 300000",
        ),
        ({"model": "gpt-none"}, 404, "model_not_found", "The model `gpt-none` does not exist"),
        ({"model": None}, 400, None, "you must provide a model parameter"),
        ({"model": 1}, 400, "invalid_type", "Invalid type for 'model'"),
        ({"dimensions": 1537}, 400, None, "'dimensions' = 1537. Must be less than or equal to 1536"),
        ({"dimensions": 0}, 400, None, "Must be greater than or equal to 1"),
        ({"dimensions": "8"}, 400, "invalid_type", "expected an integer, but got a string"),
        ({"dimensions": None}, 400, "invalid_type", "but got null"),
        (
            {"model": "text-embedding-ada-002", "dimensions": 8},
            400,
            None,
            "does not support specifying dimensions",
        ),
        ({"encoding_format": "md5"}, 400, None, "'encoding_format' = md5"),
        ({"user": 1}, 400, "invalid_type", "Invalid type for 'user'"),
        ({"task": "search"}, 400, None, "Unrecognized request argument supplied: task"),
    ],
)
def test_requests_that_are_refused(openai_emulator, raw, change, status, code, said):
    """Each refusal has OpenAI's form and words, and costs nothing."""
    reply = raw.post("/embeddings", json={"model": SMALL, "input": "a", **change})
    error = reply.json()["error"]
    assert (reply.status_code, error["code"]) == (status, code)
    assert error.keys() == {"message", "type", "param", "code"}
    assert said in error["message"]
    assert openai_emulator.bill.total().requests == 0


def test_an_input_is_needed(raw):
    """Without one, the parameter is named."""
    error = raw.post("/embeddings", json={"model": SMALL}).json()["error"]
    assert (error["code"], error["param"]) == ("missing_required_parameter", "input")


@pytest.mark.parametrize(("body", "said"), [(b"{", "could not parse"), (b"[1]", "must be a JSON object")])
def test_bodies_that_are_no_object(raw, body, said):
    """What is no JSON object is refused."""
    reply = raw.post("/embeddings", content=body)
    assert (reply.status_code, said in reply.json()["error"]["message"]) == (400, True)


@pytest.mark.parametrize(
    ("headers", "code", "said"),
    [
        ({}, None, "You didn't provide an API key"),
        ({"authorization": "Basic any"}, None, "You didn't provide an API key"),
        ({"authorization": "Bearer invalid-key-of-mine"}, "invalid_api_key", "invalid********mine"),
        ({"authorization": "Bearer invalid"}, "invalid_api_key", "provided: *******."),
    ],
)
def test_keys(openai_emulator, headers, code, said):
    """No key and a bad key are 401, and a bad key is not shown."""
    reply = httpx2.get(f"{openai_emulator.base_url}/models", headers=headers)
    assert (reply.status_code, reply.json()["error"]["code"]) == (401, code)
    assert said in reply.json()["error"]["message"]


def test_only_some_keys_are_let_in(openai_emulator, client):
    """The setting ``api_keys`` is a list of those."""
    openai_emulator.configure(api_keys=["other"])
    with pytest.raises(openai.AuthenticationError):
        client.models.list()
    openai_emulator.configure(api_keys=["other", "any"])
    client.models.list()


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/embeddings"), ("POST", "/models"), ("GET", "/nothing"), ("PUT", "/files")]
)
def test_what_is_no_operation(raw, method, path):
    """Unknown paths and methods are 404 with the URL."""
    reply = raw.request(method, path)
    assert reply.status_code == 404
    assert reply.json()["error"]["message"] == f"Invalid URL ({method} /v1{path})"


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        ({"requests_per_minute": 2}, "requests per min: Limit 2, Used 2"),
        ({"tokens_per_minute": 8}, "tokens per min"),
    ],
)
def test_rate_limits_by_the_clock(openai_emulator, client, raw, limit, said):
    """Above a limit requests are 429 until the minute is over; headers tell of it."""
    openai_emulator.clock.freeze()
    openai_emulator.configure(**limit)
    body = {"model": SMALL, "input": "four tokens here"}
    name = next(iter(limit)).partition("_")[0]
    first = raw.post("/embeddings", json=body)
    assert first.headers[f"x-ratelimit-remaining-{name}"] == ("1" if name == "requests" else "4")
    raw.post("/embeddings", json=body)
    openai_emulator.clock.advance(20)
    with pytest.raises(openai.RateLimitError, match=said) as caught:
        client.embeddings.create(**body)
    assert caught.value.code == "rate_limit_exceeded"
    assert caught.value.response.headers["retry-after"] == "40"
    assert caught.value.response.headers[f"x-ratelimit-reset-{name}"] == "40s"
    client.embeddings.create(model="text-embedding-3-large", input="another model has its own")
    openai_emulator.clock.advance(40)
    client.embeddings.create(**body)


def test_long_inputs_can_be_cut(openai_emulator, client):
    """With ``long_inputs=truncate`` what is too long is cut and charged as the limit."""
    openai_emulator.configure(long_inputs="truncate", input_tokens=2)
    found = client.embeddings.create(model=SMALL, input=["abcdefgh and more", "abcdefgh"])
    assert found.data[0].embedding == found.data[1].embedding
    assert found.usage.prompt_tokens == 4
    assert client.embeddings.create(model=SMALL, input=[1, 2, 3]).usage.prompt_tokens == 2
