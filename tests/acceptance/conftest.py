"""The command line as a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest

from embedlane.config.settings import load_config
from embedlane.workspace.workspace import Workspace

_SCRIPT = Path(sys.executable).parent / "embedlane"
_PATIENCE = 60


def _default_interrupts() -> None:
    # A shell's background jobs ignore SIGINT, and children inherit that.
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@attrs.frozen
class Ended:
    """What a process came to."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document on stdout."""
        return json.loads(self.out)


@attrs.frozen
class Shell:
    """A folder and an environment to run commands in."""

    folder: Path
    variables: Mapping[str, str]

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        """Start a command and return its process."""
        return subprocess.Popen(
            [_SCRIPT, *arguments],
            cwd=self.folder,
            env={**self.variables, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            preexec_fn=_default_interrupts,  # noqa: PLW1509 - no threads are running here
        )

    def end(self, process: subprocess.Popen[str]) -> Ended:
        """Wait for a process."""
        out, err = process.communicate(timeout=_PATIENCE)
        return Ended(process.returncode, out, err)

    def run(self, *arguments: str, **variables: str) -> Ended:
        """Run a command to its end."""
        return self.end(self.start(*arguments, **variables))

    def write_items(self, texts: Sequence[str], name: str = "items.jsonl") -> None:
        """Write JSON Lines with an item for each text, its place as its id."""
        lines = (json.dumps({"id": str(place), "text": text}) for place, text in enumerate(texts))
        (self.folder / name).write_text("\n".join(lines))

    def fill(self, texts: Sequence[str], model: str = "local:hash") -> None:
        """Make the index ``docs`` with an item for each text."""
        self.write_items(texts)
        config = load_config(self.folder, environment={})
        with Workspace.open(config=config) as workspace:
            workspace.create_index("docs", model).add_jsonl([self.folder / "items.jsonl"])


@pytest.fixture
def shell(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """An empty folder; no plugins but those that a test names."""
    inherited = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("EMBEDLANE_", "PYTHONDONTWRITE", "COVERAGE"))
    }
    # Compiled once for all processes of a run, wherever the checkout lies.
    cache = str(tmp_path_factory.getbasetemp() / "bytecode")
    return Shell(tmp_path, {**inherited, "EMBEDLANE_PLUGINS": "", "PYTHONPYCACHEPREFIX": cache})


@pytest.fixture
def plugin(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Installs a plugin into the shell's folder; returns the variables that switch it on."""

    def install(name: str, source: str) -> dict[str, str]:
        site = shell.folder / "site"
        info = site / f"{name}-1.0.dist-info"
        info.mkdir(parents=True)
        (site / f"plugin_{name}.py").write_text(source)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[embedlane]\n{name} = plugin_{name}\n")
        # `Shell.fill` works in this process, and has to know the plugin's model.
        monkeypatch.syspath_prepend(str(site))
        return {"EMBEDLANE_PLUGINS": name, "PYTHONPATH": str(site)}

    return install
