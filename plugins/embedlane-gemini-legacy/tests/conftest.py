"""What the tests share: a service that says what it is told to, and embedders that are closed again."""

import json
import socketserver
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from embedlane.models.loading import shipped_cards
from embedlane.models.names import ModelId
from embedlane.models.space import Space
from embedlane.providers.interfaces import OpenContext
from embedlane_gemini_legacy._sync import open_sync

KEY = "AIza-the-secret-of-the-tests"


class Service:
    """A local HTTP service. It embeds by the lengths of texts, unless a reply is waiting in `replies`."""

    def __init__(self, address):
        self.url = address
        #: (path, headers in lower case, body) of each request.
        self.requests = []
        #: Functions that answer the next requests, given the handler.
        self.replies = []

    def will_say(self, status, body, times=1, **headers):
        """Answer the next *times* requests with *body*: text, bytes, or what becomes JSON."""
        raw = (
            body
            if isinstance(body, bytes)
            else (body if isinstance(body, str) else json.dumps(body)).encode()
        )
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self.replies += [lambda handler: send(handler, status, raw, headers)] * times

    def will_fail(self, code, status, message, *details):
        """Answer the next request with an error in the form of the service."""
        error = {"code": code, "message": message, "status": status, "details": details}
        self.will_say(code, {"error": error})


def send(handler, status, raw, headers=()):
    handler.send_response(status)
    headers = {"Content-Type": "application/json", "Content-Length": str(len(raw)), **dict(headers)}
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(raw)


def vector(text, task, size):
    """Numbers that tell text, task and size apart, not of unit length."""
    return [float(len(text) + 1), float(task), *([0.5] * (size - 2))]


def embed(body):
    return {
        "embeddings": [
            {
                "values": vector(
                    each["content"]["parts"][0]["text"],
                    each.get("taskType", 0),
                    each.get("outputDimensionality", 3072),
                )
            }
            for each in body["requests"]
        ],
        "usageMetadata": {"promptTokenCount": 7},
    }


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        """Say nothing."""

    def do_POST(self):
        """Answer with what is waiting, or else with vectors."""
        service = self.server.service
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"null")
        headers = {name.lower(): value for name, value in self.headers.items()}
        service.requests.append((self.path, headers, body))
        if service.replies:
            service.replies.pop(0)(self)
        else:
            send(self, 200, json.dumps(embed(body)).encode())

    def do_GET(self):
        """Answer with what is waiting."""
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.service.requests.append((self.path, headers, None))
        self.server.service.replies.pop(0)(self)


class Server(ThreadingHTTPServer):
    def handle_error(self, *_):
        """Say nothing: some tests hang up."""

    def server_bind(self):
        """Leave the host's name alone; looking it up takes seconds on some machines."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address


@pytest.fixture
def start():
    """A function that starts a service."""
    servers = []

    def begin():
        server = Server(("127.0.0.1", 0), Handler)
        server.service = Service(f"http://127.0.0.1:{server.server_port}")
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
        return server.service

    yield begin
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def service(start):
    """A service of the test's own."""
    return start()


@pytest.fixture
def context(tmp_path):
    """A function that makes a context as the core does."""
    cards = {card.id: card for card in shipped_cards()}

    def make(model="google:gemini-embedding-001", dimensions=None, key=KEY, card=None, **settings):
        card = card or cards[ModelId.parse(model)]
        return OpenContext(
            provider="gemini-legacy",
            card=card,
            space=Space.of(card, dimensions),
            settings={"timeout": 5, **settings},
            credential=lambda: key,
            directory=tmp_path,
        )

    return make


@pytest.fixture
def opened(context, service):
    """A function that opens an embedder, by default at `service`."""
    embedders = []

    def make(*arguments, **settings):
        embedder = open_sync(context(*arguments, **{"base_url": service.url, **settings}))
        embedders.append(embedder)
        return embedder

    yield make
    for embedder in embedders:
        embedder.close()


@pytest.fixture
def key():
    """The key that all embedders are opened with."""
    return KEY
