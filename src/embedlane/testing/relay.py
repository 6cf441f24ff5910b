"""A relay between a plugin and its service: it forwards, counts, and breaks what it is told to.

Theory of operation. The plugin is given the relay's address as its service's. While no fault is set, each
request goes on to the service and its reply comes back. A fault strikes every request, for as long as it is
set: so whoever tries again by himself is seen doing it. A fault is a word:

- a status such as ``503``: the relay answers, and the service hears nothing. The body repeats the secret, as
  some services do;
- ``drop``: the connection ends, and the service hears nothing;
- ``lose``: the service does what it was asked, then the connection ends;
- ``cut``: the service does it, and half of its reply comes through;
- ``garble``: the service does it, and a page of HTML with the status 200 comes back.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import socketserver
import threading
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Seconds that the answers 429 and 503 ask to wait.
RETRY_AFTER = 7
#: Headers that belong to one connection, and are made anew for the other.
_HOP = frozenset({"connection", "content-length", "host", "keep-alive", "transfer-encoding"})
_HTML = b"<html><body>upstream connect error</body></html>"
_TIMEOUT = 60.0


@attrs.frozen
class _Reply:
    status: int
    headers: list[tuple[str, str]]
    body: bytes


class Relay:
    """A running relay.

    Args:
        upstream: The base URL of the service.
        secret: What the answers of a fault repeat.
    """

    def __init__(self, upstream: str, secret: str) -> None:
        self._upstream = urlsplit(upstream)
        self._secret = secret
        self._lock = threading.Lock()
        self._fault = ""
        self._spared = 0
        #: Method and path of each request that came.
        self.requests: list[str] = []
        self._server = _Server(self)
        #: The base URL to give to the plugin.
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}{self._upstream.path}"
        threading.Thread(target=self._server.serve_forever, args=(0.002,), daemon=True).start()

    @contextlib.contextmanager
    def striking(self, fault: str, spared: int = 0) -> Iterator[None]:
        """Let *fault* strike every request, after *spared* of them, and forget those that came before."""
        with self._lock:
            self.requests.clear()
            self._fault, self._spared = fault, spared
        try:
            yield
        finally:
            with self._lock:
                self._fault = ""

    def writes(self) -> list[str]:
        """Requests that may have changed something."""
        with self._lock:
            return [request for request in self.requests if not request.startswith(("GET ", "HEAD "))]

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()

    def draw(self, method: str, path: str) -> str:
        """Note a request; what is to go wrong with it."""
        with self._lock:
            self.requests.append(f"{method} {path}")
            return self._fault if len(self.requests) > self._spared else ""

    def answer(self, status: int) -> _Reply:
        """The relay's own answer with *status*."""
        words = f"status {status} was made by the conformance kit; the key was {self._secret}"
        body = json.dumps({"error": {"code": status, "message": words}}).encode()
        headers = [("Content-Type", "application/json")]
        if status in (429, 503):
            headers.append(("Retry-After", str(RETRY_AFTER)))
        return _Reply(status, headers, body)

    def forward(self, method: str, path: str, headers: list[tuple[str, str]], body: bytes) -> _Reply:
        """Ask the service."""
        https = self._upstream.scheme == "https"
        kind = http.client.HTTPSConnection if https else http.client.HTTPConnection
        connection = kind(self._upstream.netloc, timeout=_TIMEOUT)
        try:
            connection.putrequest(method, path, skip_accept_encoding=True)
            for name, value in _kept(headers):
                connection.putheader(name, value)
            connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            reply = connection.getresponse()
            return _Reply(reply.status, _kept(reply.getheaders()), reply.read())
        except OSError as error:
            return _Reply(502, [], f"the service does not answer: {error}".encode())
        finally:
            connection.close()


def _kept(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in headers if name.lower() not in _HOP]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = _TIMEOUT
    server: _Server

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def relayed(self) -> None:
        """Answer one request, as the relay's fault wants it."""
        relay, body = self.server.relay, self._body()
        fault = relay.draw(self.command, self.path)
        if fault == "drop":
            self._hang_up()
        elif fault.isdigit():
            self._send(relay.answer(int(fault)))
        else:
            self._deliver(relay.forward(self.command, self.path, list(self.headers.items()), body), fault)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = relayed  # noqa: N815 -- names of http.server

    def _deliver(self, reply: _Reply, fault: str) -> None:
        if fault == "lose" or (fault == "cut" and not reply.body):
            self._hang_up()
        elif fault == "garble":
            self._send(_Reply(200, [("Content-Type", "text/html")], _HTML))
        elif fault == "cut":
            self._send(reply, len(reply.body) // 2)
            self._hang_up()
        else:
            self._send(reply)

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", "").lower():
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        pieces = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    def _send(self, reply: _Reply, shown: int | None = None) -> None:
        self.send_response_only(reply.status)
        for name, value in reply.headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body[:shown])

    def _hang_up(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, relay: Relay) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.relay = relay

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients may hang up."""
