"""What starts fast: nothing heavy is imported before it is needed. Each case is a process of its own."""

import json
import os
import subprocess
import sys

import pytest

#: Packages that cost tens of milliseconds or more.
HEAVY = {"alembic", "bs4", "cattrs", "click", "numpy", "onnxruntime", "rich", "sqlalchemy"}
#: What providers are made of.
SDKS = {
    "google.genai",
    "google.generativeai",
    "grpc",
    "httpx2",
    "onnx",
    "onnxruntime",
    "openai",
    "safetensors",
    "starlette",
    "tokenizers",
    "torch",
    "uvicorn",
}
LOADED = "\nimport sys, json; print(json.dumps(sorted(sys.modules)))"


def loaded(code, folder):
    """The modules that are loaded after *code* was run in *folder*."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("EMBEDLANE_")}
    done = subprocess.run(
        [sys.executable, "-c", code + LOADED],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "code",
    [
        "import embedlane",
        "import embedlane; dir(embedlane)",
        "import embedlane.plugin",
        "from embedlane.plugin import *",
        "import embedlane.errors",
        "import embedlane.plugin.discovery",
    ],
)
def test_importing_the_public_packages_is_light(tmp_path, code):
    """What every program and every plugin's entry module imports pulls in nothing heavy."""
    assert loaded(code, tmp_path) & HEAVY == set()


def test_finding_plugins_and_their_declarations_imports_no_sdk(tmp_path):
    """A plugin is imported and asked for cards and routes; what it needs for work stays out."""
    found = loaded(
        "from embedlane.plugin.discovery import discover\n"
        "plugins = discover()\n"
        "assert 'minilm' in [plugin.name for plugin in plugins.loaded]\n"
        "assert plugins.declarations().routes",
        tmp_path,
    )
    assert found & (HEAVY | SDKS) == set()
    assert "embedlane_minilm" in found


def test_opening_a_workspace_makes_no_ledger_and_imports_no_sdk(tmp_path):
    """The registry is built from cards and routes alone."""
    code = (
        "from embedlane import Workspace\n"
        "with Workspace.open() as workspace: assert workspace.registry.card('local:hash')"
    )
    assert loaded(code, tmp_path) & SDKS == set()
    assert list(tmp_path.iterdir()) == []


def test_opening_one_provider_imports_no_sdk_of_another(tmp_path):
    """The hash provider embeds without anything that other providers need."""
    code = (
        "from embedlane import Workspace\n"
        "with Workspace.open() as workspace, workspace.embedder('local:hash') as embedder:\n"
        "    assert embedder.embed_query('a lane').shape == embedder.embed_documents(['a'])[0].shape"
    )
    assert loaded(code, tmp_path) & SDKS == set()


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_the_command_line_answers_without_the_ledger_and_numpy(tmp_path, arguments):
    """Help and version come at once: no database, no arrays, no SDK."""
    code = (
        "from embedlane.cli.main import main\n"
        f"try: status = main({arguments!r})\n"
        "except SystemExit as end: status = end.code\n"
        "assert not status, status"
    )
    assert loaded(code, tmp_path) & ({"alembic", "numpy", "sqlalchemy"} | SDKS) == set()


def test_a_comparison_without_a_report_draws_nothing(tmp_path):
    """What draws the report is an extra, and imported only when a report is asked for."""
    found = loaded(
        "from embedlane import CompareOptions, Query, QuerySet, Workspace\n"
        "queries = QuerySet(queries=(Query(id='q', text='a b', relevant={'1': 1}),), method='one')\n"
        "with Workspace.open() as workspace:\n"
        "    workspace.create_index('docs', 'local:hash').add([('1', 'a b c'), ('2', 'd e f')])\n"
        "    workspace.compare('docs', CompareOptions(dimensions=[8], queries=queries)).run()\n"
        "import embedlane.cli.commands.compare",
        tmp_path,
    )
    assert found & {"matplotlib", "jinja2"} == set()
    assert "embedlane.evaluation.report.plots" in found
