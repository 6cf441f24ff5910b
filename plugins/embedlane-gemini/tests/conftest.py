"""What the tests share: contexts and workspaces that point at the emulator."""

import hashlib
import http.server
import json
import threading

import attrs
import pytest

from embedlane.models.loading import all_shipped
from embedlane.models.names import ModelId
from embedlane.models.space import Space
from embedlane.providers.interfaces import OpenContext
from embedlane.providers.values import BatchFile, BatchRow
from embedlane.workspace.workspace import Workspace
from embedlane_gemini._batch import open_batch
from embedlane_gemini._sync import open_sync

#: A key that is easy to search for.
KEY = "AIza-never-to-be-seen"
_CLEARED = (
    "GEMINI_API_KEY",
    "GOOGLE_API_KEY",
    "GOOGLE_GEMINI_BASE_URL",
    "GOOGLE_GENAI_API_VERSION",
    "GOOGLE_GENAI_USE_ENTERPRISE",
    "GOOGLE_GENAI_USE_VERTEXAI",
)


@pytest.fixture(autouse=True)
def _environment(monkeypatch):
    """No test sees the machine's own settings of the SDK."""
    for name in _CLEARED:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def key():
    """The secret of all contexts."""
    return KEY


@pytest.fixture(scope="session")
def cards():
    """A function from a model's id to its shipped card."""
    shipped = {card.id: card for card in all_shipped()}
    return lambda model: shipped[ModelId.parse(model)]


@pytest.fixture
def contexts(cards, tmp_path):
    """A function that makes a context as the core does."""

    def make(model="google:gemini-embedding-001", dimensions=768, key=KEY, **settings):
        card = cards(model)
        return OpenContext(
            provider="gemini",
            card=card,
            space=Space.of(card, dimensions),
            settings=settings,
            credential=lambda: key,
            directory=tmp_path / "provider",
        )

    return make


@pytest.fixture
def opened(contexts, gemini_emulator):
    """A function that opens a lane against the emulator, and closes it after the test."""
    lanes = []

    def make(opener, **settings):
        lanes.append(opener(contexts(**{"base_url": gemini_emulator.url, **settings})))
        return lanes[-1]

    yield make
    for lane in lanes:
        lane.close()


@pytest.fixture
def sync(opened):
    """A function that opens the sync lane."""
    return lambda **settings: opened(open_sync, **settings)


@pytest.fixture
def batch(opened):
    """A function that opens the batch lane, without pauses between attempts."""

    def make(**settings):
        embedder = opened(open_batch, **settings)
        object.__setattr__(embedder.inputs.files, "sleep", lambda _seconds: None)
        return embedder

    return make


@pytest.fixture
def written(tmp_path):
    """A function that writes the batch file of some texts, under the keys k0, k1 and so on."""

    def make(embedder, texts):
        lines = [embedder.encode([BatchRow(f"k{number}", text)]) + b"\n" for number, text in enumerate(texts)]
        data = b"".join(lines)
        path = tmp_path / "rows.jsonl"
        path.write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()
        return BatchFile(path=path, rows=len(lines), size=len(data), digest=digest)

    return make


@pytest.fixture
def finished(batch, written, gemini_emulator):
    """A function that runs a job of some texts to its end; gives the embedder and the job."""

    def make(texts, tag="tag-1", **settings):
        gemini_emulator.configure(pending=0, running=0)
        embedder = batch(**settings)
        job = embedder.create(embedder.stage(written(embedder, texts), tag), tag)
        return embedder, embedder.get(job.name)

    return make


@pytest.fixture
def workspaces(tmp_path, monkeypatch, gemini_emulator):
    """A function that opens a workspace whose provider is the emulator."""
    monkeypatch.setenv("GEMINI_API_KEY", KEY)
    opened = []

    def make(**settings):
        lines = [f'{name} = "{value}"' for name, value in settings.items()]
        # Without canaries, so that what is billed can be counted in texts.
        text = 'plugins = ["gemini"]\ncanaries = false\n'
        text += f'[providers.gemini]\nbase_url = "{gemini_emulator.url}"\n'
        (tmp_path / "embedlane.toml").write_text(text + "\n".join(lines))
        opened.append(Workspace.open(tmp_path))
        return opened[-1]

    yield make
    for workspace in opened:
        workspace.close()


@attrs.frozen
class Request:
    """A request that came to a scripted service."""

    method: str
    path: str
    headers: dict
    body: bytes

    @property
    def json(self):
        """The body as JSON."""
        return json.loads(self.body)


@attrs.define
class Scripted:
    """A service that gives the answers it was told to, in their order; the last one for ever."""

    answers: list
    requests: list = attrs.field(factory=list)
    url: str = ""

    def next(self):
        """The answer to the next request."""
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture
def scripted():
    """A function that starts a scripted service; an answer is a status, a body and, if any, headers."""
    servers = []

    def make(*answers):
        script = Scripted(list(answers))

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                script.requests.append(Request(self.command, self.path, headers, body))
                status, data, *more = script.next()
                data = data if isinstance(data, bytes) else json.dumps(data).encode()
                self.send_response(status)
                for name, value in ({"content-length": str(len(data))} | (more[0] if more else {})).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_DELETE = answer  # noqa: N815 -- names of http.server

            def log_message(self, *args):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
        script.url = f"http://127.0.0.1:{server.server_port}"
        return script

    yield make
    for server in servers:
        server.shutdown()
        server.server_close()
