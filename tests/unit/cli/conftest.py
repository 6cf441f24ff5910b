"""The command line inside the test's process, in a folder of its own."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from embedlane.cli.main import main


@attrs.frozen
class Answer:
    """What a command came to."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its one document."""
        return json.loads(self.out)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, without plugins and without variables of embedlane."""
    for name in [name for name in os.environ if name.startswith("EMBEDLANE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("EMBEDLANE_PLUGINS", "")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def lane(folder: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """Runs a command line as typed."""

    def run(*arguments: str) -> Answer:
        status = main(arguments)
        captured = capsys.readouterr()
        return Answer(status, captured.out, captured.err)

    return run


@pytest.fixture
def docs(folder: Path, lane: Callable[..., Answer]) -> Path:
    """A folder with the index ``docs``, three items with metadata, nothing embedded."""
    lines = [
        {"id": "a", "text": "cats sleep", "year": 2019},
        {"id": "b", "text": "dogs run", "year": 2021},
        {"id": "c", "text": "birds sing", "year": 2023},
    ]
    (folder / "d.jsonl").write_text("\n".join(map(json.dumps, lines)))
    assert lane("index", "create", "docs", "--model", "local:hash").status == 0
    assert lane("add", "docs", "d.jsonl", "--jsonl").status == 0
    return folder


@pytest.fixture
def plugin(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Installs a plugin for the time of a test: a module of its own with an entry point."""
    names: list[str] = []

    def install(name: str, source: str) -> None:
        site = tmp_path_factory.mktemp("site")
        module = f"plugin_{site.name}_{name}"
        (site / f"{module}.py").write_text(source)
        info = site / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[embedlane]\n{name} = {module}\n")
        monkeypatch.syspath_prepend(str(site))
        names.append(name)
        monkeypatch.setenv("EMBEDLANE_PLUGINS", ",".join(names))

    return install
