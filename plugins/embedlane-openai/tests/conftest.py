"""What the tests share: contexts and workspaces that point at the emulator, and a scripted service."""

import base64
import hashlib
import http.server
import json
import threading

import attrs
import numpy as np
import pytest

from embedlane.models.card import Dimensions, InputLimits, ModelCard, TaskScheme
from embedlane.models.loading import shipped_cards
from embedlane.models.names import ModelId
from embedlane.models.space import Space
from embedlane.providers.interfaces import OpenContext
from embedlane.providers.values import BatchFile, BatchRow
from embedlane.workspace.workspace import Workspace
from embedlane_openai import _batch, _sync

#: A key that is easy to search for.
KEY = "sk-proj-never-to-be-seen"
_CLEARED = (
    "OPENAI_ADMIN_KEY",
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "OPENAI_CUSTOM_HEADERS",
    "OPENAI_ORG_ID",
    "OPENAI_PROJECT_ID",
)


@pytest.fixture(autouse=True)
def _environment(monkeypatch, tmp_path):
    """No test sees the machine's own settings of the SDK, nor its tokenizer's data."""
    for name in _CLEARED:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path / "no-data"))


@pytest.fixture
def key():
    """The secret of all contexts."""
    return KEY


@pytest.fixture(scope="session")
def cards():
    """A function from a model's id to its shipped card, or to one of a model that nobody ships."""
    shipped = {card.id: card for card in shipped_cards()}

    def find(model):
        return shipped.get(ModelId.parse(model)) or ModelCard(
            id=model,
            lanes=("sync", "batch"),
            dimensions=Dimensions(native=16, smallest=2, matryoshka=True),
            limits=InputLimits(inputs_per_request=32),
        )

    return find


@pytest.fixture
def contexts(cards, tmp_path):
    """A function that makes a context as the core does."""

    def make(
        model="openai:text-embedding-3-small", dimensions=512, key=KEY, card=None, tasks=None, **settings
    ):
        card = card or cards(model)
        if tasks:
            card = attrs.evolve(card, tasks=TaskScheme(**tasks))
        return OpenContext(
            provider="openai" if model.startswith("openai:") else "my-server",
            card=card,
            space=Space.of(card, dimensions),
            settings=settings,
            credential=lambda: key,
            directory=tmp_path / "provider",
        )

    return make


@pytest.fixture
def opened(contexts, openai_emulator):
    """A function that opens a lane of a model against the emulator, and closes it after the test."""
    lanes = []

    def make(module, model="openai:text-embedding-3-small", **settings):
        opener = module.open_openai if model.startswith("openai:") else module.open_compatible
        lanes.append(opener(contexts(model, **{"base_url": openai_emulator.base_url, **settings})))
        return lanes[-1]

    yield make
    for lane in lanes:
        lane.close()


@pytest.fixture
def sync(opened):
    """A function that opens the sync lane."""
    return lambda **settings: opened(_sync, **settings)


@pytest.fixture
def batch(opened):
    """A function that opens the batch lane, without pauses between attempts."""

    def make(**settings):
        embedder = opened(_batch, **settings)
        object.__setattr__(embedder.files, "sleep", lambda _seconds: None)
        return embedder

    return make


@pytest.fixture
def written(tmp_path):
    """A function that writes the batch file of some texts."""

    def make(embedder, texts, tag="tag"):
        rows = [BatchRow(f"k{number}", text, number) for number, text in enumerate(texts)]
        most = embedder.limits.texts_per_line
        lines = [embedder.encode(rows[start : start + most]) for start in range(0, len(rows), most)]
        data = b"".join(line + b"\n" for line in lines)
        path = tmp_path / f"{tag}.jsonl"
        path.write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()
        return BatchFile(path=path, rows=len(rows), size=len(data), digest=digest)

    return make


@pytest.fixture
def finished(batch, written, openai_emulator):
    """A function that runs a job of some texts to its end; gives the embedder and the job."""

    def make(texts, tag="tag-1", **settings):
        openai_emulator.configure(pending=0, running=0, finalizing=0)
        embedder = batch(**settings)
        job = embedder.create(embedder.stage(written(embedder, texts, tag), tag), tag)
        return embedder, embedder.get(job.name)

    return make


@pytest.fixture
def workspaces(tmp_path, monkeypatch, openai_emulator):
    """A function that opens a workspace whose provider is the emulator."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    opened = []

    def make(more="", **settings):
        lines = [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
        table = "\n".join(["[providers.openai]", f'base_url = "{openai_emulator.base_url}"', *lines])
        # Without canaries, so that what is billed can be counted in texts.
        (tmp_path / "embedlane.toml").write_text(f'plugins = ["openai"]\ncanaries = false\n{more}\n{table}\n')
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


@attrs.define(slots=False)
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
        script.url = f"http://127.0.0.1:{server.server_port}/v1"
        return script

    yield make
    for server in servers:
        server.shutdown()
        server.server_close()


def vector(*numbers, size=16):
    """Numbers of a vector: *numbers* at its head, and zeros."""
    return [*map(float, numbers), *[0.0] * (size - len(numbers))]


def in_base64(numbers):
    """*numbers* as OpenAI writes them."""
    return base64.b64encode(np.asarray(numbers, "<f4").tobytes()).decode()


def answer(*vectors, tokens=7, encoded=True, indexes=None):
    """The body of an answer with *vectors*."""
    data = [
        {
            "object": "embedding",
            "index": number if indexes is None else indexes[number],
            "embedding": in_base64(numbers) if encoded else numbers,
        }
        for number, numbers in enumerate(vectors)
    ]
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "data": data, "model": "m", "usage": usage}


@pytest.fixture
def answers():
    """A function that makes the body of an answer."""
    return answer


@pytest.fixture
def vectors():
    """A function that makes the numbers of a vector."""
    return vector
