"""The relay between a plugin and its service."""

import http.client
import json
import socketserver
import threading
from http.server import BaseHTTPRequestHandler
from urllib.parse import urlsplit

import pytest

from embedlane.testing.relay import RETRY_AFTER, Relay

SECRET = "hush"
LONG = b"0123456789" * 100


class Echo(BaseHTTPRequestHandler):
    """Answers with what it was asked, or with something long."""

    def log_message(self, *_):
        """Say nothing."""

    def answered(self):
        """Answer."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.heard.append((self.command, self.path, self.headers["Host"], body))
        data = LONG if self.path.endswith("long") else body
        self.send_response_only(201)
        self.send_header("X-Own", "yes")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    do_GET = do_HEAD = do_POST = answered  # noqa: N815 -- names of http.server


@pytest.fixture
def service():
    """A service that remembers what it heard."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo) as server:
        server.daemon_threads = True
        server.heard = []
        threading.Thread(target=server.serve_forever, args=(0.002,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def relay(service):
    """A relay to it, below a path."""
    relay = Relay(f"http://127.0.0.1:{service.server_address[1]}/v1", SECRET)
    yield relay
    relay.close()


def ask(relay, path="/x", method="POST", body=b"hello", **more):
    """Status, headers and body of an answer that comes through the relay."""
    parts = urlsplit(relay.url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=5)
    try:
        connection.request(method, parts.path + path, body, **more)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def test_requests_and_replies_pass(relay, service):
    """The service gets what was sent, under its own name, and its answer comes back."""
    status, headers, body = ask(relay)
    assert (status, headers["X-Own"], body) == (201, "yes", b"hello")
    host = f"127.0.0.1:{service.server_address[1]}"
    assert service.heard == [("POST", "/v1/x", host, b"hello")]


def test_a_body_in_chunks_passes_whole(relay, service):
    """SDKs that stream send no length."""
    ask(relay, body=iter([b"hel", b"lo"]), encode_chunked=True, headers={"Transfer-Encoding": "chunked"})
    assert service.heard[0][3] == b"hello"


def test_an_answer_to_head_has_no_body(relay):
    """Its length is told all the same."""
    assert ask(relay, "/long", method="HEAD")[2] == b""


def test_requests_are_counted_while_a_fault_is_set(relay):
    """Those before are forgotten, and those that change nothing are no writes."""
    ask(relay)
    with relay.striking(""):
        ask(relay, "/a", method="GET")
        ask(relay, "/b")
        assert relay.requests == ["GET /v1/a", "POST /v1/b"]
        assert relay.writes() == ["POST /v1/b"]


@pytest.mark.parametrize("status", [400, 429, 503])
def test_a_status_is_answered_by_the_relay(relay, service, status):
    """The service hears nothing; the answer repeats the secret, and asks to wait where services do."""
    with relay.striking(str(status)):
        found, headers, body = ask(relay)
    assert found == status == json.loads(body)["error"]["code"]
    assert SECRET in body.decode()
    assert headers.get("Retry-After") == (None if status == 400 else str(RETRY_AFTER))
    assert service.heard == []


@pytest.mark.parametrize(("fault", "heard"), [("drop", 0), ("lose", 1)])
def test_a_connection_ends_without_an_answer(relay, service, fault, heard):
    """Before the service hears of it, or after."""
    with relay.striking(fault), pytest.raises(ConnectionError):
        ask(relay)
    assert len(service.heard) == heard


def test_half_an_answer_comes(relay, service):
    """The length that was announced is the whole one's; of an empty answer nothing comes."""
    with relay.striking("cut"):
        with pytest.raises(http.client.IncompleteRead) as caught:
            ask(relay, "/long")
        assert caught.value.partial == LONG[: len(LONG) // 2]
        with pytest.raises(ConnectionError):
            ask(relay, body=b"")
    assert len(service.heard) == 2


def test_garbage_comes(relay, service):
    """A page of HTML, after the service has done its work."""
    with relay.striking("garble"):
        status, _, body = ask(relay)
    assert status == 200
    assert body.startswith(b"<html>")
    assert len(service.heard) == 1


def test_the_first_requests_can_be_spared(relay):
    """A fault can strike the last of several requests."""
    with relay.striking("400", spared=1):
        assert ask(relay)[0] == 201
        assert ask(relay)[0] == 400
    assert ask(relay)[0] == 201


def test_a_service_that_does_not_answer_is_told():
    """The plugin sees a status, and not the relay's own trouble."""
    relay = Relay("http://127.0.0.1:9", SECRET)
    try:
        assert ask(relay)[0] == 502
    finally:
        relay.close()
