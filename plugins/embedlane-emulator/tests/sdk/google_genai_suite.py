"""A pytest plugin that runs google-genai's own tests against the emulator.

The tests ship in google-genai's wheel. They know fixed jobs and files of Google's project, data files that
do not ship, and nothing of a base URL. This plugin gives each test a service of its own with those jobs and
files in it, makes the data files, and points the SDK's ReplayApiClient there. Nothing of the SDK's tests is
changed. What can't pass is in expected.toml with its reason, and must fail.

    python -m pytest -p google_genai_suite --mode api … (see the recipe test-sdk in the Makefile)
"""

import asyncio
import builtins
import importlib.util
import io
import os
import shutil
import sys
import tempfile
import tomllib
import types
from functools import partial
from pathlib import Path

import httpx2
import pytest

from embedlane_emulator.emulator import GeminiEmulator
from embedlane_emulator.gemini import batches, files
from embedlane_emulator.jobs import Order
from embedlane_emulator.server import Server, Switchboard

EXPECTED = tomllib.loads(Path(__file__).with_name("expected.toml").read_text("utf-8"))
EMBED_LINE = b'{"key": "k", "request": {"content": {"parts": [{"text": "hi"}]}}}\n'
GENERATE_LINE = b'{"key": "k", "request": {"contents": [{"parts": [{"text": "hi"}]}]}}\n'
#: Jobs that the tests name: kind, model, lines, and the input file, if it was one.
JOBS = {
    "wdx71o8cgbzoa6gg3be1mg7g8ulrhapcjgo3": ("EmbedContent", "gemini-embedding-001", EMBED_LINE, ""),
    "507oatd242het8ox60pwsmn7tcmtkrj8itff": (
        "EmbedContent",
        "gemini-embedding-001",
        EMBED_LINE,
        "files/mq9e3mg3u2y5",
    ),
    "z2p8ksus4lyxt25rntl3fpd67p2niw4hfij5": ("GenerateContent", "gemini-2.5-flash", GENERATE_LINE, ""),
    "0yew7plxupyybd7appsrq5vw7w0lp3l79lab": ("GenerateContent", "gemini-2.5-flash", GENERATE_LINE, ""),
    "70h2jo0ic2t1zejyl0p4jgi8mk1gj0wvjusv": ("GenerateContent", "gemini-2.5-flash", GENERATE_LINE, ""),
}
#: Files that the tests name.
FILES = {
    "mq9e3mg3u2y5": EMBED_LINE,
    "s0pa54alni6w": GENERATE_LINE,
    "1g583ke2xdsn": b"to be deleted",
    "n1gls7dyh90q": b"to be asked for",
    "vjvu9fwk2qj8": b"to be asked for",
}
#: What the tests upload: only its name and size matter to them.
DATA = ("google.png", "google.jpg", "story.pdf", "animal.mp4", "pixel.m4a", "checkerboard.png")
#: The start of an MP4, which is what the tests expect of a download.
VIDEO = b"\x00\x00\x00\x18ftypmp42"


def _prepare() -> Path:
    """Make the directory that the tests run in, with the data files they read."""
    home = Path(tempfile.mkdtemp(prefix="embedlane-sdk-tests-"))
    data = home / "tests" / "data"
    data.mkdir(parents=True)
    for name in DATA:
        (data / name).write_bytes(name.encode() * 100)
    return home


HOME = _prepare()
os.environ["GOOGLE_GENAI_REPLAYS_DIRECTORY"] = str(HOME / "replays")
os.environ["GOOGLE_GENAI_RUN_GEMINI_ONLY_IN_API_MODE"] = "1"
os.environ["GOOGLE_API_KEY"] = "any"
os.chdir(HOME)

# Named by one test module as a plugin; the coroutines are run below.
sys.modules.setdefault("pytest_asyncio", types.ModuleType("pytest_asyncio"))
# Two test modules import the SDK's former HTTP client, to build responses of its classes.
sys.modules.setdefault("httpx", httpx2)

SERVER = Switchboard()


def _open(original, file, *arguments, **named_arguments):
    """Read data files that the wheel lacks from where they were made."""
    if isinstance(file, str) and "genai/tests" in file and "/data/" in file:
        file = HOME / "tests" / "data" / file.rsplit("/", 1)[1]
    return original(file, *arguments, **named_arguments)


builtins.open = partial(_open, io.open)


def pytest_configure(config):
    """Start the server, and point the SDK's client for tests at it."""
    from google.genai import _replay_api_client

    config.addinivalue_line("markers", "asyncio: run by google_genai_suite")
    server = Server(SERVER)
    config.add_cleanup(server.close)
    config.add_cleanup(partial(shutil.rmtree, HOME, ignore_errors=True))
    construct = _replay_api_client.ReplayApiClient.__init__

    def pointed(self, *arguments, http_options=None, vertexai=False, **named_arguments):
        options = dict(http_options or {})
        if not vertexai:
            options["base_url"] = server.url
        construct(self, *arguments, http_options=options, vertexai=vertexai, **named_arguments)

    _replay_api_client.ReplayApiClient.__init__ = pointed


def pytest_collection_modifyitems(items):
    """Expect to fail what is listed, and complain of what is listed but not there."""
    missing = set(EXPECTED)
    for item in items:
        name = item.nodeid.split("genai/tests/", 1)[-1].split("[")[0]
        missing.discard(name)
        if name in EXPECTED and _applies(EXPECTED[name]):
            item.add_marker(pytest.mark.xfail(reason=EXPECTED[name]["reason"], strict=True))
    if missing and len(items) > 100:
        raise pytest.UsageError(f"expected.toml names tests that are not there: {sorted(missing)}")


def _applies(entry):
    if "without" in entry and importlib.util.find_spec(entry["without"]) is not None:
        return False
    return "below" not in entry or sys.version_info < tuple(entry["below"])


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    """Run coroutine tests."""
    if not asyncio.iscoroutinefunction(pyfuncitem.obj):
        return None
    wanted = pyfuncitem._fixtureinfo.argnames
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in wanted}))
    return True


@pytest.fixture(autouse=True)
def _service():
    """A service with the jobs and files that the tests name."""
    emulator = GeminiEmulator(url="-")
    _fill(emulator)
    SERVER.app = emulator.app
    yield
    SERVER.app = None
    emulator.close()


def _fill(emulator):
    core, jobs = emulator._core, emulator._service.jobs
    for name, content in FILES.items():
        _add_file(core, name, content)
    for name, (kind, model, line, file) in JOBS.items():
        source = core.store.blob(f"staged-{name}")
        source.write_bytes(line)
        jobs.create(_order(name, kind, model, file), source, lambda made, _: made)
    emulator.clock.advance(60)
    # The tests download the first file in the list that can be, and look for a video in it.
    jobs.settle()
    video = _add_file(core, "abcdefghijkl", VIDEO)
    core.store.put(files.KIND, video["id"], {**video, "source": "GENERATED"})


def _order(name, kind, model, file):
    operation = batches.EMBED if kind == "EmbedContent" else batches.GENERATE
    return Order(
        id=name,
        kind=kind,
        operation=operation,
        model=model,
        price=0,
        display_name="test_batch",
        file=file,
        rows=1,
        tokens=1,
        fields={"extra": {"priority": 0}},
    )


def _add_file(core, name, content):
    path = core.store.blob(f"new-{name}")
    path.write_bytes(content)
    return files.register(core, name, path, display_name="", mime_type="text/plain")
