"""Errors of the SDK and its transport in the core's terms, without the key."""

import asyncio
import logging
import pickle
import traceback

import httpx
import openai
import pytest

from embedlane.errors import (
    ConfigError,
    CredentialError,
    PluginError,
    ProviderError,
    RequestRefusedError,
    ResponseError,
    TransientError,
)
from embedlane.models.card import Role
from embedlane_openai._errors import RULES, Translator
from embedlane_openai._provider import Provider
from embedlane_openai._status import Call

CALL = Call(Provider("openai"), "embed a text", "text-embedding-3-small")
REQUEST = httpx.Request("GET", "http://x")


def test_every_row_of_the_table_is_used():
    """A class that another row decides needs none of its own."""
    for kind, rule in RULES.items():
        inherited = next((RULES[base] for base in kind.__mro__[1:] if base in RULES), None)
        assert rule is not inherited, f"{kind} has the rule of its base"


def wrapped(behind):
    """*behind* as the SDK raises it."""
    try:
        raise openai.APIConnectionError(request=REQUEST) from behind
    except openai.APIConnectionError as error:
        return error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (wrapped(httpx.ConnectError("refused")), TransientError),
        (wrapped(httpx.RemoteProtocolError("cut")), TransientError),
        (wrapped(httpx.DecodingError("gzip")), TransientError),
        (wrapped(ConnectionResetError("reset")), TransientError),
        (wrapped(httpx.UnsupportedProtocol("ftp")), ConfigError),
        (wrapped(httpx.LocalProtocolError("header")), PluginError),
        (openai.APITimeoutError(request=REQUEST), TransientError),
        (openai.APIConnectionError(request=REQUEST), TransientError),
        (httpx.ReadTimeout("late"), TransientError),
        (httpx.InvalidURL("x"), ConfigError),
        (UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"), RequestRefusedError),
        (openai.OpenAIError("something"), PluginError),
        (ValueError("something"), PluginError),
        (KeyError("something"), PluginError),
        (openai.APIResponseValidationError(httpx.Response(200, request=REQUEST), None), ResponseError),
    ],
)
def test_what_is_no_answer(error, expected):
    """A broken connection passes; a wrong address does not. The SDK's wrapping is looked through."""
    translated = Translator(()).translate(CALL, error)
    assert type(translated) is expected
    assert "embed a text with text-embedding-3-small" in translated.message
    assert "APIConnectionError" not in translated.message or error.__cause__ is None
    assert pickle.loads(pickle.dumps(translated)).message == translated.message


@pytest.mark.parametrize(
    ("error", "setting"), [(httpx.ConnectError("refused"), "base_url"), (httpx.ReadTimeout(""), "timeout")]
)
def test_a_server_that_does_not_answer_may_need_a_setting(error, setting):
    """It is named with its table."""
    call = Call(Provider("my-vllm", compatible=True), "embed a text")
    assert f"{setting} in [providers.my-vllm]" in Translator(()).translate(call, wrapped(error)).hint


def test_errors_of_the_core_pass_unchanged():
    """What is ours already is not wrapped again."""
    error = TransientError("ours")
    assert Translator(()).translate(CALL, error) is error


def shown_of(error, embedder):
    """All that a person could get to see: messages, tracebacks with the values of our frames, and reprs."""
    trace = traceback.TracebackException.from_exception(error, capture_locals=True)
    ours = [frame for frame in trace.stack if "embedlane_openai" in frame.filename]
    return "\n".join(
        [
            str(error),
            repr(error.args),
            repr(pickle.dumps(error)),
            repr(error),
            repr(embedder),
            repr(embedder.service),
            "".join(traceback.format_exception(error)),
            *(repr(frame.locals) for frame in ours),
        ]
    )


@pytest.mark.parametrize(
    "answer",
    [
        (401, {"error": {"message": "Incorrect API key provided: sk-proj-never-to-be-seen."}}),
        (429, {"error": {"message": "slow down"}}),
        (500, b"\xff\xfe not text"),
        (200, b"<html>"),
        (200, b"", {"content-length": "10", "connection": "close"}),
    ],
    ids=["echoed", "limited", "failed", "garbage", "cut"],
)
@pytest.mark.parametrize("lane", ["sync", "async", "batch"])
def test_the_key_is_never_shown(sync, batch, scripted, key, caplog, answer, lane):
    """Not in messages, tracebacks, chained errors, representations or logs, in any lane."""
    caplog.set_level(logging.DEBUG)
    embedder = (batch if lane == "batch" else sync)(base_url=scripted(answer).url)
    calls = {
        "sync": lambda: embedder.embed(["one"], Role.DOCUMENT),
        "async": lambda: asyncio.run(embedder.aembed(["one"], Role.DOCUMENT)),
        "batch": lambda: embedder.find("tag"),
    }
    with pytest.raises((ProviderError, CredentialError)) as caught:
        calls[lane]()
    assert key not in shown_of(caught.value, embedder) + caplog.text
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_the_proxys_password_is_never_shown(sync):
    """A proxy that can't be reached is reported without the password in its URL."""
    embedder = sync(base_url="http://127.0.0.1:9/v1", proxy="http://user:hush-hush@127.0.0.1:9")
    with pytest.raises(TransientError) as caught:
        embedder.embed(["one"], Role.DOCUMENT)
    assert "hush" not in shown_of(caught.value, embedder)


@pytest.mark.parametrize("wrong", ["two words", "line\nbreak", "schlüssel", " "])
def test_a_key_that_can_stand_in_no_header_is_refused_unseen(sync, wrong):
    """It is said what is wrong with it, not what it is."""
    with pytest.raises(CredentialError, match="The key for OpenAI is empty, or holds") as caught:
        sync(key=wrong)
    assert not wrong.strip() or wrong not in str(caught.value)
