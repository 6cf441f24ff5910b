"""Errors of the SDK and its transport in the core's terms, without the key."""

import inspect
import json
import logging
import pickle
import traceback

import httpx2
import pytest
from google.genai import errors as sdk

from embedlane.errors import (
    CapabilityError,
    ConfigError,
    CredentialError,
    EmbedlaneError,
    PluginError,
    ProviderError,
    RequestRefusedError,
    ResponseError,
    TransientError,
)
from embedlane.models.card import Role
from embedlane_gemini._errors import RULES, Translator
from embedlane_gemini._status import DAILY_PAUSE, Call

CALL = Call("embed a text", "gemini-embedding-001")


def exported(module):
    """All exceptions that *module* hands out, but for warnings."""
    return [
        value
        for value in vars(module).values()
        if inspect.isclass(value) and issubclass(value, Exception) and not issubclass(value, Warning)
    ]


def made(kind):
    """An instance of *kind*, however it wants to be made."""
    if issubclass(kind, sdk.APIError):
        return kind(503, {"error": {"code": 503, "message": "busy", "status": "UNAVAILABLE"}})
    if kind is httpx2.HTTPStatusError:
        request = httpx2.Request("GET", "http://x")
        return kind("m", request=request, response=httpx2.Response(503, request=request))
    if issubclass(
        kind, (httpx2.StreamConsumed, httpx2.ResponseNotRead, httpx2.RequestNotRead, httpx2.StreamClosed)
    ):
        return kind()
    return kind("told")


@pytest.mark.parametrize("kind", exported(sdk) + exported(httpx2), ids=lambda kind: kind.__name__)
def test_every_exported_exception_has_a_rule(kind):
    """Nothing that the SDK or its transport exports is left to chance."""
    assert any(base in RULES for base in kind.__mro__), f"{kind} needs a row in RULES"
    translated = Translator(("k",)).translate(CALL, made(kind))
    assert isinstance(translated, EmbedlaneError)
    assert "embed a text with gemini-embedding-001" in translated.message


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (httpx2.ConnectError("refused"), TransientError),
        (httpx2.ReadTimeout("late"), TransientError),
        (httpx2.RemoteProtocolError("cut"), TransientError),
        (httpx2.DecodingError("gzip"), TransientError),
        (ConnectionResetError("reset"), TransientError),
        (json.JSONDecodeError("m", "doc", 0), TransientError),
        (httpx2.UnsupportedProtocol("ftp"), ConfigError),
        (httpx2.InvalidURL("x"), ConfigError),
        (ValueError("Ephemeral tokens can only be used with the live API."), CredentialError),
        (ValueError("something"), PluginError),
        (KeyError("something"), PluginError),
    ],
)
def test_what_is_no_answer(error, expected):
    """A broken connection passes; a wrong address does not."""
    assert type(Translator(()).translate(CALL, error)) is expected


def answer(code, message, status="", details=(), headers=None):
    """The SDK's error for an answer."""
    body = {"error": {"code": code, "message": message, "status": status, "details": list(details)}}
    kind = sdk.ClientError if code < 500 else sdk.ServerError
    return kind(code, body, httpx2.Response(code, headers=headers))


RETRY = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "45.4s"}
PER_DAY = {"violations": [{"quotaId": "EmbedContentRequestsPerDayPerUserPerProjectPerModel-FreeTier"}]}


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (
            answer(400, "API key not valid.", "INVALID_ARGUMENT", [{"reason": "API_KEY_INVALID"}]),
            CredentialError,
        ),
        (answer(400, "API key expired. Please renew the API key.", "INVALID_ARGUMENT"), CredentialError),
        (answer(403, "Your API key was reported as leaked.", "PERMISSION_DENIED"), CredentialError),
        (answer(403, "Method doesn't allow unregistered callers", "PERMISSION_DENIED"), CredentialError),
        (
            answer(403, "You do not have permission to access the File x", "PERMISSION_DENIED"),
            CredentialError,
        ),
        (answer(401, "Request had invalid credentials", "UNAUTHENTICATED"), CredentialError),
        (answer(400, "User location is not supported for the API use.", "FAILED_PRECONDITION"), ConfigError),
        (answer(400, 'Unknown name "contents" at x: Cannot find field.', "INVALID_ARGUMENT"), PluginError),
        (answer(400, "Model does not support asyncBatchEmbedContent", "INVALID_ARGUMENT"), CapabilityError),
        (
            answer(
                404, "models/X is not found for API version v1beta, or is not supported for embedContent."
            ),
            CapabilityError,
        ),
        (answer(404, "Requested entity was not found.", "NOT_FOUND"), RequestRefusedError),
        (answer(400, "at most 100 requests can be in one batch", "INVALID_ARGUMENT"), RequestRefusedError),
        (answer(413, "too large"), RequestRefusedError),
        (answer(429, "quota", "RESOURCE_EXHAUSTED"), TransientError),
        (answer(408, "late"), TransientError),
        (answer(409, "aborted", "ABORTED"), TransientError),
        (answer(500, "internal", "INTERNAL"), TransientError),
        (answer(503, "overloaded", "UNAVAILABLE"), TransientError),
        (answer(504, "late", "DEADLINE_EXCEEDED"), TransientError),
        (sdk.APIError(302, {"message": "Found"}), ConfigError),
        (sdk.APIError(204, {}), ResponseError),
    ],
)
def test_answers(error, expected):
    """Each answer asks one thing of the caller; only what a text may be at fault for is refused."""
    translated = Translator(()).translate(CALL, error)
    assert type(translated) is expected
    assert str(error.code) in translated.message
    assert pickle.loads(pickle.dumps(translated)).message == translated.message


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (answer(429, "q", details=[RETRY]), 45.4),
        (answer(429, "q", details=[RETRY, PER_DAY]), DAILY_PAUSE),
        (answer(429, "q", headers={"Retry-After": "7"}), 7.0),
        (answer(429, "q", headers={"Retry-After": "Mon, 01 Jan 2024 00:00:00 GMT"}), 0.0),
        (answer(429, "q", headers={"Retry-After": "soon"}), None),
        (answer(429, "q", details=["?", {"retryDelay": 7}]), None),
        (answer(429, "q"), None),
        (answer(503, "busy", details=[RETRY]), 45.4),
    ],
)
def test_the_wait_that_the_service_asks_for_is_handed_on(error, seconds):
    """RetryInfo first, then Retry-After; neither is believed about a quota of a whole day."""
    translated = Translator(()).translate(CALL, error)
    assert translated.retry_after == seconds
    assert ("whole day" in translated.hint) == (seconds == DAILY_PAUSE)


@pytest.mark.parametrize(
    "body", [[{"error": {"code": 429, "message": "m"}}], {"message": "m"}, {"error": "m"}, {}]
)
def test_bodies_of_other_shapes_are_read_as_far_as_they_go(body):
    """A list around the error, a proxy's text, or nothing at all."""
    try:
        error = sdk.ClientError(429, body)
    except AttributeError:
        pytest.skip("the SDK itself can't read it")
    assert isinstance(Translator(()).translate(CALL, error), TransientError)


def test_errors_of_the_core_pass_unchanged():
    """What is ours already is not wrapped again."""
    error = TransientError("ours")
    assert Translator(()).translate(CALL, error) is error


FAULTS = {
    "bad key": {
        "kind": "error",
        "code": 400,
        "reason": "API key AIza-never-to-be-seen not valid",
        "status": "X",
    },
    "quota": {"kind": "quota-retry"},
    "reset": {"kind": "reset"},
    "garbage": {"kind": "garbage"},
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_the_key_is_never_shown(sync, gemini_emulator, key, caplog, fault):
    """Not in messages, tracebacks with all frames' values, chained errors, representations or logs."""
    caplog.set_level(logging.DEBUG)
    gemini_emulator.faults.add(fault["kind"], **{k: v for k, v in fault.items() if k != "kind"})
    embedder = sync()
    with pytest.raises((ProviderError, CredentialError)) as caught:
        embedder.embed(["one"], Role.DOCUMENT)
    error = caught.value
    shown = [str(error), repr(error), repr(embedder), repr(embedder.service)]
    trace = traceback.TracebackException.from_exception(error, capture_locals=True)
    ours = [frame for frame in trace.stack if "embedlane_gemini" in frame.filename]
    shown += [
        "".join(traceback.format_exception(error)),
        *(repr(frame.locals) for frame in ours),
        caplog.text,
    ]
    assert key not in "\n".join(shown)
    assert error.__cause__ is None
    assert error.__context__ is None


def test_the_proxys_password_is_never_shown(sync):
    """A proxy that can't be reached is reported without the password in its URL."""
    embedder = sync(proxy="http://user:hush-hush@127.0.0.1:9")
    with pytest.raises(TransientError) as caught:
        embedder.embed(["one"], Role.DOCUMENT)
    assert "hush" not in str(caught.value)
