"""Servers that speak OpenAI's wire format and deviate from it."""

import httpx2
import numpy as np
import openai
import pytest

from embedlane_emulator.emulator import OpenAIEmulator
from embedlane_emulator.openai.compatible import SERVERS, settings_of

MODEL = "BAAI/bge-m3"


@pytest.fixture
def serve():
    """Start a server of a kind with one model; the SDK pointed at it, and its URL."""
    opened = []

    def start(server, **changes):
        emulator = OpenAIEmulator(settings=settings_of(server, models={MODEL: 1024}, **changes)).start()
        client = openai.OpenAI(api_key="unused", base_url=emulator.base_url, max_retries=0)
        opened.extend((client, emulator))
        return client, emulator

    yield start
    for thing in opened:
        thing.close()


def _embed(client, inputs="a cat", model=MODEL, **more):
    return client.embeddings.create(model=model, input=inputs, **more)


@pytest.mark.parametrize("server", SERVERS)
def test_every_server_embeds(serve, server):
    """Its own model only, without a key, parameters that nobody knows ignored, no files and no batches."""
    client, emulator = serve(server)
    found = _embed(client, ["a cat", "a dog"], encoding_format="float", extra_body={"truncate": True})
    assert [len(item.embedding) for item in found.data] == [1024, 1024]
    assert np.linalg.norm(found.data[0].embedding) == pytest.approx(1)
    body = {"model": MODEL, "input": "x"}
    assert httpx2.post(f"{emulator.base_url}/embeddings", json=body).status_code == 200
    for call in (client.files.list, client.batches.list):
        with pytest.raises(openai.NotFoundError, match="Invalid URL"):
            call()
    assert emulator.bill.total().dollars == 0


@pytest.mark.parametrize("server", SERVERS)
def test_a_name_of_openai_s(serve, server):
    """A server with one model takes any name for its name; others know theirs only."""
    client, _ = serve(server)
    if server in ("llama.cpp", "tei"):
        assert _embed(client, model="text-embedding-3-small").model == MODEL
    else:
        with pytest.raises(openai.NotFoundError):
            _embed(client, model="text-embedding-3-small")


@pytest.mark.parametrize(
    ("server", "size"), [("llama.cpp", 1024), ("ollama", 1024), ("tei", 256), ("vllm", None)]
)
def test_dimensions(serve, server, size):
    """Some shorten, some refuse, and some answer with another size than was asked for."""
    client, _ = serve(server)
    if size is None:
        with pytest.raises(openai.BadRequestError, match="does not support specifying dimensions"):
            _embed(client, dimensions=256)
    else:
        assert len(_embed(client, dimensions=256).data[0].embedding) == size


def test_floats_for_who_asked_for_base64(serve):
    """A client that decodes what it did not get is the client's fault; the SDK leaves floats alone."""
    client, emulator = serve("ollama")
    body = {"model": MODEL, "input": "a cat", "encoding_format": "base64"}
    found = httpx2.post(f"{emulator.base_url}/embeddings", json=body).json()["data"][0]["embedding"]
    assert isinstance(found, list)
    assert _embed(client).data[0].embedding == found


def test_base64_can_be_refused(serve):
    """Then the SDK works only if told to ask for floats."""
    client, _ = serve("vllm", base64="refuse")
    with pytest.raises(openai.BadRequestError, match=r"Supported values: \['float'\]"):
        _embed(client)
    assert len(_embed(client, encoding_format="float").data) == 1


@pytest.mark.parametrize(
    ("server", "inputs", "status"),
    [
        ("tei", ["x"] * 33, 413),
        ("tei", "x" * 40_000, 413),
        ("llama.cpp", "x" * 40_000, 500),
        ("vllm", "x" * 40_000, 400),
        ("ollama", "x" * 40_000, None),
        ("vllm", ["x"] * 3000, None),
    ],
)
def test_limits(serve, server, inputs, status):
    """How much a request may hold, and with which status more of it is refused."""
    client, _ = serve(server)
    if status is None:
        _embed(client, inputs, encoding_format="base64")
    else:
        with pytest.raises(openai.APIStatusError) as caught:
            _embed(client, inputs)
        assert caught.value.status_code == status


def test_flat_errors(serve):
    """Some servers write an error's fields at the top, with the status for a code."""
    client, emulator = serve("tei")
    reply = httpx2.post(f"{emulator.base_url}/embeddings", json={"model": MODEL})
    assert (reply.json()["object"], reply.json()["code"]) == ("error", 400)
    assert reply.json()["message"] == "Missing required parameter: 'input'."
    with pytest.raises(openai.APIStatusError) as caught:
        _embed(client, ["x"] * 33)
    assert caught.value.body["code"] == 413


def test_a_list_of_models_that_is_not_there(serve):
    """Not every server can be asked what it serves."""
    client, _ = serve("tei")
    with pytest.raises(openai.NotFoundError):
        client.models.list()
    client, _ = serve("vllm")
    assert [model.id for model in client.models.list()] == [MODEL]
    assert client.models.retrieve(MODEL).id == MODEL


def test_models_wider_than_openai_s(openai_emulator, client):
    """A model of any size; the head of a wide vector is a good smaller one."""
    openai_emulator.configure(models={"wide": 4096})
    wide, short = (
        np.array(_embed(client, "a cat", "wide", **more).data[0].embedding)
        for more in ({}, {"dimensions": 512})
    )
    assert (len(wide), np.linalg.norm(wide)) == (4096, pytest.approx(1))
    tail = wide[3072:] / np.linalg.norm(wide[3072:])
    assert abs(tail @ (wide[:1024] / np.linalg.norm(wide[:1024]))) < 0.9
    assert short == pytest.approx(wide[:512] / np.linalg.norm(wide[:512]), abs=1e-6)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: settings_of("olama", models={"m": 1}), "unknown server 'olama'; the servers are llama.cpp"),
        (lambda: settings_of("ollama"), "a server like ollama needs a model"),
        (lambda: settings_of(models={"m": 0}), "model 'm' can't have 0 dimensions"),
        (lambda: settings_of(base64="no"), "base64"),
    ],
)
def test_settings_that_are_refused(make, said):
    """A mistake is named."""
    with pytest.raises(ValueError, match=said):
        make()


def test_switches_over_http(openai_emulator, raw):
    """Each deviation is a setting that can be changed while it runs."""
    settings = f"{openai_emulator.url}/emulator/settings"
    changed = raw.patch(settings, json={"models": {"m": 3}, "own_models": False, "base64": "floats"}).json()
    assert (changed["models"], changed["own_models"]) == ({"m": 3}, False)
    assert [model["id"] for model in raw.get("/models").json()["data"]] == ["m"]
    assert "models" in raw.patch(settings, json={"models": ["m"]}).json()["error"]
