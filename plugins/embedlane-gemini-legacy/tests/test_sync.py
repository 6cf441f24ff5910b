"""The sync lane over HTTP, with the real SDK."""

import gzip
import logging
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import attrs
import google.generativeai as genai
import numpy as np
import pytest
from google.ai.generativelanguage import GenerativeServiceClient
from google.ai.generativelanguage_v1beta.services.generative_service.transports.rest import (
    GenerativeServiceRestTransport,
)
from google.auth.api_key import Credentials

from embedlane.errors import CapabilityError, ConfigError, CredentialError, ResponseError, TransientError
from embedlane.models.card import Role, TaskMechanism, TaskScheme
from embedlane.providers.checks import Checker

TWO, ONE = "google:gemini-embedding-2", "google:gemini-embedding-001"


def sent(service):
    """The requests within the last call."""
    return service.requests[-1][2]["requests"]


def test_each_text_is_a_request_of_its_own(opened, service):
    """A model that merges the parts of one content gets one content for each text."""
    raw = opened(TWO).embed(["a", "bcd"], Role.DOCUMENT)
    assert [each["content"] for each in sent(service)] == [
        {"parts": [{"text": "a"}]},
        {"parts": [{"text": "bcd"}]},
    ]
    assert [vector[0] for vector in raw.vectors] == [2.0, 4.0]


def test_a_call_goes_to_the_models_method_with_the_key_in_a_header(opened, service, key):
    """The key is in no address, and the service is told which SDK calls."""
    opened().embed(["a"], Role.QUERY)
    path, headers, _ = service.requests[0]
    assert path.startswith("/v1beta/models/gemini-embedding-001:batchEmbedContents?")
    assert headers["x-goog-api-key"] == key
    assert key not in path
    assert headers["x-goog-api-client"].startswith("genai-py/0.8.6 ")


@pytest.mark.parametrize(("role", "number"), [(Role.DOCUMENT, 2), (Role.QUERY, 1)])
def test_the_role_becomes_a_task_type_where_the_model_has_them(opened, service, role, number):
    """The card's mechanism decides whether the role is a parameter."""
    opened(ONE).embed(["a"], role)
    assert [each["taskType"] for each in sent(service)] == [number]
    opened(TWO).embed(["a"], role)
    assert "taskType" not in sent(service)[0]


def test_the_size_is_asked_for_where_there_is_a_choice(opened, service):
    """A model of one size does not take the parameter."""
    opened(ONE, 768).embed(["a"], Role.QUERY)
    assert sent(service)[0]["outputDimensionality"] == 768
    opened(ONE).embed(["a"], Role.QUERY)
    assert sent(service)[0]["outputDimensionality"] == 3072
    opened("google:embedding-001").embed(["a"], Role.QUERY)
    assert "outputDimensionality" not in sent(service)[0]


def test_the_sdks_own_function_sends_the_same(opened, service, key):
    """What leaves this machine is what `genai.embed_content` sends; only the reading differs."""
    texts = ["a", "ünï", "x" * 3000]
    raw = opened(ONE, 768).embed(texts, Role.DOCUMENT)
    transport = GenerativeServiceRestTransport(host=service.url, credentials=Credentials(key))
    client = GenerativeServiceClient(transport=transport)
    theirs = genai.embed_content(ONE.partition(":")[2], texts, "retrieval_document", None, 768, client)
    np.testing.assert_allclose(raw.vectors, theirs["embedding"], rtol=1e-6)
    (path, headers, body), (their_path, their_headers, their_body) = service.requests
    assert (path, body) == (their_path, their_body)
    differing = {
        name for name in headers.keys() | their_headers.keys() if headers.get(name) != their_headers.get(name)
    }
    assert differing <= {"host", "x-goog-api-client"}
    transport.close()


def test_billed_tokens_are_read_though_the_sdk_drops_them(opened, service):
    """The count is the service's; where it says nothing, nothing is made up."""
    assert opened().embed(["a"], Role.QUERY).tokens == 7
    for usage, tokens in [
        ({"promptTokenCount": "12"}, 12),
        ({}, None),
        ({"promptTokenCount": "x"}, None),
        (3, None),
    ]:
        service.will_say(200, {"embeddings": [], "usageMetadata": usage})
        assert opened().embed(["a"], Role.QUERY).tokens == tokens


def test_the_core_makes_unit_vectors_of_smaller_sizes(opened, context):
    """gemini-embedding-001 is normalised at 3072 only, and the core knows it from the card."""
    wanted = context(ONE, 768)
    units = Checker("gemini-legacy", wanted.card, wanted.space).call(
        opened(ONE, 768).embed(["a"], Role.QUERY), 1
    )
    assert np.linalg.norm(units[0]) == pytest.approx(1)


def test_two_keys_and_the_programs_own_do_not_meet(opened, start, service):
    """No client of one provider sees the key or the address of another, or of `genai.configure`."""
    other, third = start(), start()
    genai.configure(api_key="of-the-program", transport="rest", client_options={"api_endpoint": third.url})
    first, second = opened(key="first"), opened(key="second", base_url=other.url)
    genai.embed_content("models/gemini-embedding-001", ["c"])
    for embedder in (first, second, first):
        embedder.embed(["a"], Role.QUERY)
    assert [each[1]["x-goog-api-key"] for each in service.requests] == ["first", "first"]
    assert [each[1]["x-goog-api-key"] for each in other.requests] == ["second"]
    assert [each[1]["x-goog-api-key"] for each in third.requests] == ["of-the-program"]


def test_threads_get_their_own_answers(opened):
    """Answers of calls that are under way at once are not mixed up."""
    embedder = opened(ONE, 128)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: embedder.embed(["x" * n], Role.QUERY).vectors[0][0], range(1, 60)))
    assert answers == [float(n + 1) for n in range(1, 60)]


def test_more_callers_than_requests_keeps_connections_for_lose_none(opened, service, caplog):
    """A higher `concurrency` does not open a connection for each call; urllib3 would log that it does."""
    meeting = threading.Barrier(16)

    def meet(handler):
        meeting.wait(5)
        send(handler, b'{"embeddings": []}')

    embedder = opened()
    service.replies += [meet] * 16
    with caplog.at_level(logging.DEBUG, logger="urllib3"), ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda _: embedder.embed(["a"], Role.QUERY), range(16)))
    assert [record for record in caplog.records if "pool is full" in record.getMessage()] == []


def send(handler, raw):
    """Answer 200 with *raw*."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(raw)))
    handler.end_headers()
    handler.wfile.write(raw)


def test_an_overload_is_not_tried_again_by_the_sdk(opened, service):
    """The SDK's minute of retries is off: one call, one request, and the core decides."""
    service.will_fail(503, "UNAVAILABLE", "The model is overloaded. Please try again later.")
    with pytest.raises(TransientError, match="overloaded"):
        opened().embed(["a"], Role.QUERY)
    assert len(service.requests) == 1


def test_a_401_is_not_tried_again_either(opened, service):
    """google-auth would refresh a key that can't be refreshed, and send the texts twice more."""
    service.will_fail(401, "UNAUTHENTICATED", "no")
    with pytest.raises(CredentialError):
        opened().embed(["a"], Role.QUERY)
    assert len(service.requests) == 1


def test_a_silent_service_is_left_after_the_timeout(opened, service):
    """A call ends though no answer comes."""
    service.replies.append(lambda _handler: time.sleep(0.5))
    with pytest.raises(TransientError, match=r"within 0\.1 s"):
        opened(timeout=0.1).embed(["a"], Role.QUERY)


def test_a_trickling_reply_is_left_after_the_timeout(opened, service):
    """Each byte is in time, the reply is not: requests alone would read on."""

    def trickle(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        for _ in range(1000):
            handler.wfile.write(b" ")
            time.sleep(0.02)

    service.replies.append(trickle)
    with pytest.raises(TransientError, match=r"within 0\.2 s"):
        opened(timeout=0.2).embed(["a"], Role.QUERY)


def test_a_reply_that_stops_in_the_middle_is_left_after_the_timeout(opened, service):
    """Silence after the first bytes counts like silence before them."""

    def stop(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.wfile.write(b"{")
        time.sleep(0.5)

    service.replies.append(stop)
    with pytest.raises(TransientError, match=r"within 0\.1 s"):
        opened(timeout=0.1).embed(["a"], Role.QUERY)


def test_a_reply_that_breaks_off_may_be_asked_for_again(opened, service):
    """A connection lost in the middle of a reply is no answer."""

    def hang_up(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.wfile.write(b'{"embeddings":')
        handler.close_connection = True

    service.replies.append(hang_up)
    with pytest.raises(TransientError, match="IncompleteRead"):
        opened().embed(["a"], Role.QUERY)


def test_compressed_and_chunked_replies_are_read(opened, service):
    """Whatever HTTP allows for a body is undone before it is parsed."""
    raw = gzip.compress(b'{"embeddings": [{"values": [1, 2]}]}')

    def chunked(handler):
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.send_header("Content-Encoding", "gzip")
        handler.end_headers()
        for byte in raw:
            handler.wfile.write(b"1\r\n" + bytes([byte]) + b"\r\n")
        handler.wfile.write(b"0\r\n\r\n")

    service.replies.append(chunked)
    assert opened().embed(["a"], Role.QUERY).vectors == [[1, 2]]
    service.will_say(200, b"no gzip", Content_Encoding="gzip")
    with pytest.raises(TransientError):
        opened().embed(["a"], Role.QUERY)


@pytest.mark.parametrize(
    "body",
    [
        "[]",
        '"x"',
        "null",
        '{"embeddings": 3}',
        '{"embeddings": [3]}',
        '{"embeddings": [{"values": 3}]}',
    ],
)
def test_an_answer_of_something_else_is_no_answer(opened, service, body):
    """JSON of another shape is named as such, not taken for vectors."""
    service.will_say(200, body)
    with pytest.raises(ResponseError, match="not as the Gemini API does"):
        opened().embed(["a"], Role.QUERY)


@pytest.mark.parametrize("body", ["", "<html>", '{"embeddings": [{"values": [NaN]}]}'])
def test_an_answer_that_is_no_json_may_be_asked_for_again(opened, service, body):
    """A portal's page or a broken proxy is named as such; it may be gone the next time."""
    service.will_say(200, body)
    with pytest.raises(TransientError, match="not in JSON"):
        opened().embed(["a"], Role.QUERY)


def test_an_empty_answer_is_left_to_the_cores_check(opened, service):
    """An answer without vectors is readable; the core counts them."""
    service.will_say(200, {})
    assert opened().embed(["a"], Role.QUERY).vectors == []


def test_a_success_that_is_no_200_is_an_error(opened, service):
    """The API answers 200 or an error; anything between comes from somewhere else."""
    service.will_say(202, {})
    with pytest.raises(TransientError):
        opened().embed(["a"], Role.QUERY)


def test_a_redirect_is_not_followed(opened, service, start):
    """The key goes to the address that was configured and to no other."""
    other = start()
    service.will_say(307, "", Location=f"{other.url}/elsewhere")
    with pytest.raises(ConfigError, match=re.escape(f"redirects to {other.url}/elsewhere")):
        opened().embed(["a"], Role.QUERY)
    assert other.requests == []


def test_nobody_there_is_worth_another_try(opened):
    """A refused connection names the address and may be over later."""
    with pytest.raises(TransientError, match=r"http://127\.0\.0\.1:9 failed: .*Connection refused\."):
        opened(base_url="http://127.0.0.1:9").embed(["a"], Role.QUERY)


def test_a_server_without_tls_is_told_by_the_scheme(opened, service):
    """TLS to a plain server is a setting to change, not a call to repeat."""
    with pytest.raises(ConfigError, match="No encrypted connection"):
        opened(base_url=service.url.replace("http", "https")).embed(["a"], Role.QUERY)


def test_a_proxy_of_the_settings_stands_above_the_environments(opened, service, monkeypatch):
    """The configured proxy gets the call, whatever the environment says."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    raw = opened(base_url="http://gemini.invalid", proxy=service.url).embed(["a"], Role.QUERY)
    assert len(raw.vectors) == 1
    assert service.requests[0][0].startswith("http://gemini.invalid/v1beta/models/")


def test_the_environments_proxy_is_used_where_none_is_set(opened, service, monkeypatch):
    """The usual variables work without a setting."""
    monkeypatch.setenv("http_proxy", service.url)
    monkeypatch.delenv("no_proxy", raising=False)
    opened(base_url="http://gemini.invalid").embed(["a"], Role.QUERY)
    assert service.requests[0][0].startswith("http://gemini.invalid/")


@pytest.mark.parametrize("bad", ["", "  ", "a b", "a\nb", "schlüssel"])
def test_a_key_that_no_header_can_carry_is_refused_unseen(opened, bad):
    """The HTTP library would repeat the value in its error."""
    with pytest.raises(CredentialError, match="Copy it again") as caught:
        opened(key=bad)
    assert not bad.strip() or bad not in str(caught.value)


def test_a_line_end_after_the_key_is_no_part_of_it(opened, service, key):
    """A key that was read from a file works."""
    opened(key=f"{key}\n").embed(["a"], Role.QUERY)
    assert service.requests[0][1]["x-goog-api-key"] == key


def test_a_task_type_that_the_sdk_does_not_know_is_refused_at_opening(opened, context):
    """Sending no task type instead would be another space."""
    tasks = TaskScheme(
        mechanism=TaskMechanism.PARAM, document="RETRIEVAL_DOCUMENT", query="CODE_RETRIEVAL_QUERY"
    )
    card = attrs.evolve(context().card, tasks=tasks)
    with pytest.raises(CapabilityError, match=r'CODE_RETRIEVAL_QUERY.*sync = "gemini"'):
        opened(card=card)
