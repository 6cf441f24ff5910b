"""What only a real process shows: signals, pipes, neighbours, start-up."""

import os
import signal
import sqlite3
import subprocess
import sys

import pytest

_SLOW = """
import time
import numpy as np
from embedlane.plugin import Dimensions, InputLimits, ModelCard, RawEmbeddings, Route, hookimpl

@hookimpl
def embedlane_models():
    limits = InputLimits(inputs_per_request=2)
    return [ModelCard(id="local:slow", lanes={"sync"}, dimensions=Dimensions(native=4), limits=limits)]

@hookimpl
def embedlane_routes():
    return [Route(provider="slow", models=("local:slow",), lane="sync", factory="plugin_slow:open_sync")]

class Slow:
    def embed(self, inputs, role):
        with open("sent.txt", "a") as file:
            file.write("".join(f"{text}\\n" for text in inputs))
        time.sleep(0.05)
        return RawEmbeddings(vectors=np.ones((len(inputs), 4), dtype=np.float32))
    def close(self): ...

def open_sync(context):
    return Slow()
"""


def _texts(number):
    return [f"text number {place}" for place in range(number)]


def _wait_for(path, lines):
    """Wait until a file has so many lines."""
    import time

    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if path.exists() and len(path.read_text().splitlines()) >= lines:
            return
        time.sleep(0.01)
    raise AssertionError(f"{path} did not get {lines} lines")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "terminated"])
def test_an_interrupted_embed_goes_on(shell, plugin, number):
    """Ctrl-C, or SIGTERM, ends with 130 and a report; the next run sends only what was not sent before."""
    variables = plugin("slow", _SLOW) | {"EMBEDLANE_CANARIES": "false"}
    shell.fill(_texts(100), "local:slow")
    process = shell.start("embed", "docs", "--json", **variables)
    _wait_for(shell.folder / "sent.txt", 10)
    process.send_signal(number)
    ended = shell.end(process)
    assert ended.status == 130
    assert ended.json["sync"]["interrupted"]
    assert 0 < ended.json["tally"]["stored"] < 100
    assert "Run the same command again" in ended.err
    again = shell.run("embed", "docs", "--json", **variables)
    assert again.status == 0
    assert again.json["tally"]["stored"] == 100
    assert sorted((shell.folder / "sent.txt").read_text().splitlines()) == sorted(_texts(100))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "terminated"])
def test_an_interrupt_names_the_jobs_that_go_on_running(shell, number):
    """Ctrl-C while waiting, or SIGTERM, leaves the job at the provider and says so; `work` collects it."""
    shell.fill(_texts(20))
    process = shell.start(
        "embed", "docs", "--lane", "batch", "--wait", EMBEDLANE_PROVIDERS__HASH__BATCH_DELAY="2"
    )
    assert process.stderr is not None
    while "submitted" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(number)
    ended = shell.end(process)
    assert ended.status == 130
    assert "go on running at their providers: 1 (hash)" in ended.err
    assert "embedlane work" in ended.err
    assert "embedlane jobs cancel" in ended.err
    assert shell.run("work", "--json").json["jobs"][0]["rows"]["stored"] == 20


def test_two_processes_store_each_content_once(shell, plugin):
    """Neighbours share the work: nothing is sent twice, nothing is left out."""
    variables = plugin("slow", _SLOW) | {"EMBEDLANE_CANARIES": "false"}
    shell.fill(_texts(60), "local:slow")
    both = [shell.start("embed", "docs", "--json", **variables) for _ in range(2)]
    reports = [shell.end(process) for process in both]
    assert [ended.status for ended in reports] == [0, 0], [ended.err for ended in reports]
    assert sum(ended.json["sync"]["stored"] for ended in reports) == 60
    assert sorted((shell.folder / "sent.txt").read_text().splitlines()) == sorted(_texts(60))
    with sqlite3.connect(shell.folder / ".embedlane" / "lane.db") as connection:
        assert connection.execute("SELECT count(*) FROM vectors").fetchone() == (60,)


def test_a_killed_embed_goes_on(shell, plugin):
    """SIGKILL loses no stored vector, and the next run stores the rest."""
    variables = plugin("slow", _SLOW) | {"EMBEDLANE_CANARIES": "false"}
    shell.fill(_texts(60), "local:slow")
    process = shell.start("embed", "docs", **variables)
    _wait_for(shell.folder / "sent.txt", 20)
    process.kill()
    assert shell.end(process).status == -signal.SIGKILL
    ended = shell.run("embed", "docs", "--json", **variables)
    assert ended.json["tally"] == {
        "wanted": 60,
        "stored": 60,
        "in_flight": 0,
        "refused": 0,
        "pending": 0,
        "pending_characters": 0,
    }


def test_a_reader_that_goes_away_is_no_error_to_shout_about(shell):
    """`embedlane … | head -1` prints no traceback."""
    shell.fill(["long text " * 200 for _ in range(1)])
    shell.run("embed", "docs")
    process = shell.start("models", "--all", "--json")
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    err = process.stderr.read()
    process.stderr.close()
    process.wait(timeout=60)
    assert err == ""


def test_help_imports_nothing_heavy(shell):
    """What --help has to import is neither the database nor numpy, nor what prints tables."""
    code = (
        "import sys; from embedlane.cli.main import main; main(['--help']);"
        "heavy = {'numpy', 'sqlalchemy', 'cattrs', 'rich', 'orjson', 'embedlane.workspace'};"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=dict(shell.variables),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == "[]\n"


def test_a_terminal_without_unicode_gets_all_it_can_show(shell):
    """A letter that the terminal's encoding lacks ends no command."""
    shell.fill(["more ≠ less"])
    shell.run("embed", "docs")
    ended = shell.run("search", "docs", "more", PYTHONIOENCODING="latin-1")
    assert ended.status == 0
    assert "more \\u2260 less" in ended.out


def test_a_file_whose_name_is_no_unicode(shell):
    """It is read or reported, and --json stays a document."""
    shell.run("index", "create", "docs", "--model", "local:hash")
    folder = os.fsencode(shell.folder / "notes")
    os.mkdir(folder)  # noqa: PTH102 - a name of bytes
    with open(os.path.join(folder, b"caf\xe9.txt"), "wb") as file:  # noqa: PTH118, PTH123
        file.write(b"coffee")
    ended = shell.run("add", "docs", "notes", "--json")
    assert ended.status in {0, 5}, ended.err
    assert ended.json["documents"] + ended.json["unreadable"] == 1
