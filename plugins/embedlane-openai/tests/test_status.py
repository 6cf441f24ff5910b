"""From statuses and error bodies, OpenAI's and others', to errors of the core."""

import email.utils
import time

import httpx
import openai
import pytest

from embedlane.errors import (
    CapabilityError,
    ConfigError,
    CredentialError,
    RequestRefusedError,
    ResponseError,
    TransientError,
)
from embedlane_openai._provider import Provider
from embedlane_openai._status import Call, pause, status_error

CALL = Call(Provider("openai"), "embed a text", "text-embedding-3-small")
OWN = Call(Provider("my-vllm", compatible=True), "embed a text", "bge-m3")


def answered(status, body=None, headers=None, call=CALL):
    """What the SDK's error for an answer comes to."""
    request = httpx.Request("POST", "http://x/v1/embeddings")
    if isinstance(body, str):
        body = {"error": {"message": body, "type": "invalid_request_error", "param": None, "code": None}}
    response = httpx.Response(status, headers=headers, request=request)
    # As the SDK unwraps it.
    inner = body.get("error", body) if isinstance(body, dict) else body
    return status_error(call, openai.APIStatusError("m", response=response, body=inner))


def openais(message, code=None, param=None, kind="invalid_request_error"):
    """OpenAI's error body."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (401, openais("Incorrect API key provided: sk-x***y.", "invalid_api_key"), CredentialError),
        (
            403,
            openais("Project `proj_x` does not have access to model `m`", "model_not_found"),
            CredentialError,
        ),
        (
            403,
            openais("Country, region, or territory not supported", "unsupported_country_region_territory"),
            ConfigError,
        ),
        (404, openais("The model `m` does not exist", "model_not_found"), CapabilityError),
        (404, {"object": "error", "message": "The model `m` does not exist.", "code": 404}, CapabilityError),
        (404, openais('model "m" not found, try pulling it first', kind="api_error"), CapabilityError),
        (404, {"detail": "Not Found"}, ConfigError),
        (404, "404 page not found", ConfigError),
        (405, {"detail": "Method Not Allowed"}, ConfigError),
        (301, None, ConfigError),
        (429, openais("Rate limit reached", "rate_limit_exceeded", kind="requests"), TransientError),
        (429, openais("You exceeded your current quota", "insufficient_quota"), ConfigError),
        (400, openais("Billing hard limit has been reached", "billing_hard_limit_reached"), ConfigError),
        (
            400,
            openais("Invalid 'input': input cannot be an empty string.", param="input"),
            RequestRefusedError,
        ),
        (400, openais("This model's maximum context length is 8192 tokens"), RequestRefusedError),
        (400, openais("max 300000 tokens per request", "max_tokens_per_request"), RequestRefusedError),
        (
            413,
            {"error": "batch size 64 > maximum allowed batch size 32", "type": "Validation"},
            RequestRefusedError,
        ),
        (422, {"detail": [{"msg": "field required"}]}, RequestRefusedError),
        (400, openais("This model does not support specifying dimensions."), ConfigError),
        (400, {"message": "Model does not support matryoshka representation", "code": 400}, ConfigError),
        (400, {"message": "base64 encoding is not currently supported", "code": 400}, ConfigError),
        (400, openais("Invalid value", param="dimensions"), ConfigError),
        (400, openais("the dimensions of this text", param="input"), RequestRefusedError),
        (408, None, TransientError),
        (409, None, TransientError),
        (424, {"error": "Inference failed", "type": "Backend"}, TransientError),
        (500, openais("The server had an error", kind="server_error"), TransientError),
        (
            500,
            openais("input is too large to process. increase the physical batch size"),
            RequestRefusedError,
        ),
        (503, "<html>busy</html>", TransientError),
        (600, None, TransientError),
        (199, None, ResponseError),
    ],
)
def test_each_answer_asks_one_thing_of_the_caller(status, body, expected):
    """Only what a text may be at fault for is a refusal, since the core looks for that text then."""
    error = answered(status, body)
    assert type(error) is expected
    assert f"OpenAI answered {status}" in error.message
    assert "embed a text with text-embedding-3-small" in error.message


def test_a_server_is_called_by_its_table():
    """With several servers, a message says which one it was and where its settings are."""
    error = answered(404, {"detail": "Not Found"}, call=OWN)
    assert error.message.startswith("'my-vllm' answered 404")
    assert "[providers.my-vllm]" in error.hint


@pytest.mark.parametrize("call", [CALL, OWN], ids=["openai", "compatible"])
def test_a_key_that_is_not_taken_names_the_setting(call):
    """OpenAI's key has a variable of its own; a server's key has the one that its table names."""
    error = answered(401, "no", call=call)
    assert "api_key_env" in error.hint
    assert ("OPENAI_API_KEY" in error.hint) == (call is CALL)


DATE = email.utils.formatdate(time.time() - 60, usegmt=True)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"retry-after": DATE}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "-5"}, 0.0),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "6m0s"}, 360.0),
        ({"x-ratelimit-remaining-tokens": "12", "x-ratelimit-reset-tokens": "6m0s"}, None),
        (
            {
                "x-ratelimit-remaining-tokens": "0",
                "x-ratelimit-reset-tokens": "20ms",
                "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-reset-requests": "1.5s",
            },
            1.5,
        ),
        ({"x-ratelimit-remaining-tokens": "0"}, None),
        ({}, None),
    ],
)
def test_the_wait_that_the_service_asks_for_is_handed_on(headers, seconds):
    """Retry-After first; else the time at which what is used up is renewed."""
    assert pause(headers) == seconds
    assert answered(429, "slow down", headers).retry_after == seconds
