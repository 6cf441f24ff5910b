"""Runs the documentation: every block of a README and of docs that a reader would type.

A page is one test, for its blocks build on each other. It runs in a folder of its own, which holds a copy of
README.md, and never in the checkout. What is done with a block is said by its language:

- ``python`` is executed; with ``>>>`` its output is compared.
- ``console`` is typed: each line after ``$``. If lines are shown below it, they are compared with what is
  printed; ``…`` stands for anything, on a line of its own for any number of lines, and the width of a table's
  columns does not matter. A command that ends with another status than 0 must be followed by ``$ echo $?``.
  ``make -C FOLDER test`` is what the Makefile of a new plugin does, but for pip: its tests.
- ``toml`` is read as a configuration. Other languages are only looked at.
- Any block after a line that ends in ```name`:`` is written to the file of that name instead (TOML both).

Generated parts are not run; `tests/unit/test_docs.py` compares them with the code.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import re
import shlex
import subprocess
import sys
import tempfile
import tomllib
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path

import attrs
import pytest
from sybil import Document, Example, Region
from sybil.evaluators.doctest import DocTestEvaluator
from sybil.evaluators.python import PythonEvaluator
from sybil.example import SybilFailure
from sybil.parsers.abstract.doctest import DocTestStringParser
from sybil.parsers.markdown.lexers import FencedCodeBlockLexer
from sybil.typing import Evaluator

ROOT = Path(__file__).parent
#: READMEs whose blocks are run, too.
READMES = (ROOT / "README.md", ROOT / "plugins" / "embedlane-adapters" / "README.md")
#: Commands that are not run: they install from a registry, or run what other tests run.
NOT_RUN = ("make", "pip")
#: Commands beside embedlane that are run. Any other fails the page.
TOOLS = ("cat", "echo", "find", "llm", "printf", "rm")
#: The server of the pages, and what is run in its place: a database of a PostgreSQL of this process's own.
SERVER = "postgresql://embedlane@db.example.com/embedlane"
#: The width that tables are printed in.
COLUMNS = "110"

# Haystack asks when it is imported, and so before any fixture, whether it may report usage.
os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "False"

_GENERATED = re.compile(r"<!-- generated: .*?<!-- end -->", re.DOTALL)
_NAMED = re.compile(r"`([\w./-]+)`:\Z")
_ASSIGNMENT = re.compile(r"([A-Z_]+)=(.*)", re.DOTALL)
_PLUGIN_TEST = re.compile(r"make -C ([\w-]+) test")
_SHELL = re.compile(r"[|<>&;$`*]")
_lexer = FencedCodeBlockLexer(language=".+", mapping={"language": "arguments", "source": "source"})
_doctests = DocTestStringParser(DocTestEvaluator())
_KEY = "_reader"


# --- a person who follows the page ------------------------------------------------------------------------


@attrs.define
class Reader:
    """Types commands in a folder, and remembers how the last one ended."""

    #: The working directory.
    folder: Path
    #: Undoes what the page exports.
    patch: pytest.MonkeyPatch
    #: Status of the last command.
    status: int = 0
    #: The last command whose status nobody has looked at.
    unseen: str = ""

    def type(self, line: str) -> str:
        """Run one command line; return what a terminal would show."""
        if line == "echo $?":
            self.unseen = ""
            return f"{self.status}\n"
        self.require_success()
        if line.startswith("export "):
            name, value = shlex.split(line)[1].split("=", 1)
            self.patch.setenv(name, new_database() if value == SERVER else value)
            return ""
        if not is_run(line):
            return ""
        plugin = _PLUGIN_TEST.fullmatch(line)
        shown, self.status = try_plugin(self.folder / plugin[1]) if plugin else self._run(line)
        self.unseen = f"{line}\n{shown}" if self.status else ""
        return shown

    def require_success(self) -> None:
        """Fail if the last command failed and the page does not say so."""
        assert not self.unseen, f"status {self.status} of: {self.unseen}"

    def _run(self, line: str) -> tuple[str, int]:
        if word_of(line) not in ("embedlane", *TOOLS):
            raise AssertionError(f"{word_of(line)} is not among the commands that a page may use: {TOOLS}")
        if not _SHELL.search(line) and " embedlane " in f" {line} ":
            return self._embedlane(shlex.split(line))
        done = subprocess.run(  # noqa: S602 - the documentation's own lines
            line, shell=True, capture_output=True, text=True, encoding="utf-8", check=False
        )
        return done.stdout + done.stderr, done.returncode

    def _embedlane(self, words: list[str]) -> tuple[str, int]:
        """Run the command line in this process: a new one for each command would take minutes."""
        from embedlane.cli.main import main  # noqa: PLC0415 - must not stop the tests that need none

        with pytest.MonkeyPatch.context() as patch:
            while (match := _ASSIGNMENT.fullmatch(words[0])) is not None:
                patch.setenv(*match.groups())
                words = words[1:]
            screen = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
            with contextlib.redirect_stdout(screen), contextlib.redirect_stderr(screen):
                status = main(words[1:])
            screen.flush()
            return screen.buffer.getvalue().decode(), status


def new_database() -> str:
    """The address of an empty database."""
    from pg_server import running  # noqa: PLC0415 - starts a server, and few pages need one

    return running().address(running().create())


def word_of(line: str) -> str:
    """The command of a line, after the variables that are set for it."""
    return next(word for word in line.split() if not _ASSIGNMENT.fullmatch(word))


def is_run(line: str) -> bool:
    """Whether *line* is typed, or only looked at."""
    return word_of(line) not in NOT_RUN or _PLUGIN_TEST.fullmatch(line) is not None


def try_plugin(folder: Path) -> tuple[str, int]:
    """Do what ``make test`` of a plugin does: what it prints, and the status that make ends with."""
    install(folder)
    done = subprocess.run(
        [sys.executable, "-m", "pytest"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder / "src")},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    return done.stdout + done.stderr, 2 if done.returncode else 0


def install(folder: Path) -> None:
    """Make the plugin in *folder* known, as an editable install would: its metadata, without a build."""
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    name, version = project["name"], project["version"]
    metadata = folder / "src" / f"{name.replace('-', '_')}-{version}.dist-info"
    metadata.mkdir(exist_ok=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    groups = project.get("entry-points", {}).items()
    lines = [f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in names.items()) for group, names in groups]
    (metadata / "entry_points.txt").write_text("\n".join(lines))
    if str(metadata.parent) not in sys.path:
        sys.path.insert(0, str(metadata.parent))
    importlib.invalidate_caches()


def shows(expected: str, printed: str) -> bool:
    """Whether *printed* is what the page shows, with ``…`` for anything."""
    pattern = "".join(_line_pattern(_narrow(line)) for line in expected.rstrip().splitlines())
    actual = "".join(f"{_narrow(line)}\n" for line in printed.rstrip().splitlines())
    return re.fullmatch(pattern, actual) is not None


def _narrow(line: str) -> str:
    """The line with its columns two blanks apart: they grow with the longest name that is installed."""
    return re.sub(r"(?<=\S) {2,}", "  ", line.rstrip())


def _line_pattern(line: str) -> str:
    if line.strip() == "…":
        return r"(?:[^\n]*\n)*?"
    return re.escape(line).replace("…", r"[^\n]*") + r"\n"


# --- blocks -----------------------------------------------------------------------------------------------


def blocks(document: Document) -> Iterable[Region]:
    """Parse the blocks that a reader would type; a parser for Sybil."""
    generated = [match.span() for match in _GENERATED.finditer(document.text)]
    for region in _lexer(document):
        if any(start <= region.start < end for start, end in generated):
            continue
        language, source = region.lexemes["arguments"].strip(), region.lexemes["source"]
        region.parsed = source
        named = _NAMED.search(document.text[: region.start].rstrip())
        if named:
            region.parsed, region.evaluator = (named[1], source), write
        elif language == "python" and source.lstrip().startswith(">>>"):
            for each in _doctests(source, document.path):
                each.adjust(region, source)
                yield each
            continue
        elif language in _EVALUATORS:
            region.evaluator = _EVALUATORS[language]
        else:
            continue
        yield region


def write(example: Example) -> None:
    """Write the block to the file that the page names."""
    name, text = example.parsed
    path = example.namespace[_KEY].folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    # Python has read an earlier version, maybe.
    forget_modules(example.namespace[_KEY].folder)
    if path.suffix == ".toml":
        read_configuration(path)


def configure(example: Example) -> None:
    """Read the block as a configuration."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "embedlane.toml")
        path.write_text(example.parsed, encoding="utf-8")
        read_configuration(path)


def read_configuration(path: Path) -> None:
    """Read a file as embedlane would; what is wrong with it is raised."""
    from embedlane.config.settings import load_config  # noqa: PLC0415 - must not stop the tests that need none

    load_config(file=path, environment={})


def type_commands(example: Example) -> None:
    """Type the commands of a console block and compare what is shown."""
    reader = example.namespace[_KEY]
    for line, expected in commands(example.parsed):
        printed = reader.type(line)
        if expected.strip() and is_run(line) and not shows(expected, printed):
            raise AssertionError(f"$ {line}\nthe page shows:\n{expected}\nprinted is:\n{printed}")


def commands(block: str) -> Iterator[tuple[str, str]]:
    """Each command of a console block with the output that is shown below it."""
    for part in re.split(r"^\$ ", block.replace("\\\n", ""), flags=re.MULTILINE)[1:]:
        line, _, shown = part.partition("\n")
        yield re.sub(r"\s{2,}#.*", "", line).strip(), shown


_EVALUATORS: dict[str, Evaluator] = {"python": PythonEvaluator(), "console": type_commands, "toml": configure}


# --- a page as a test -------------------------------------------------------------------------------------


class Page(pytest.File):
    """A page of the documentation."""

    def collect(self) -> Iterator[pytest.Item]:
        """One test, or none if there is nothing to run."""
        document = Document.parse(str(self.path), blocks)
        examples = list(document.examples())
        if examples:
            yield PageTest.from_parent(self, name="blocks", document=document, examples=examples)


class PageTest(pytest.Item):
    """All blocks of a page in their order."""

    def __init__(self, *, document: Document, examples: list[Example], **kwargs: object) -> None:
        super().__init__(**kwargs)  # type: ignore[arg-type]  # what pytest passes on
        self.document = document
        self.examples = examples
        self.line = 0

    def runtest(self) -> None:
        """Do what the page says."""
        with desk() as reader:
            self.document.namespace[_KEY] = reader
            self.document.namespace["__name__"] = "__main__"
            for example in self.examples:
                self.line = example.line
                example.evaluate()
            reader.require_success()

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException]) -> str:  # type: ignore[override]
        """Name the place, then what is wrong."""
        place = f"{self.path.relative_to(ROOT)}:{self.line}"
        if excinfo.errisinstance((AssertionError, SybilFailure)) and str(excinfo.value):
            return f"{place}: {excinfo.value}"
        return f"{place}:\n" + "".join(traceback.format_exception(excinfo.value))

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where it is, and what it is called."""
        return self.path, 0, str(self.path.relative_to(ROOT))


@contextlib.contextmanager
def desk() -> Iterator[Reader]:
    """Someone with a folder to work in, and an environment in which nothing is set."""
    path = list(sys.path)
    with (
        tempfile.TemporaryDirectory(prefix="embedlane-docs-") as name,
        contextlib.chdir(name),
        pytest.MonkeyPatch.context() as patch,
    ):
        for variable in [variable for variable in os.environ if variable.startswith("EMBEDLANE_")]:
            patch.delenv(variable)
        patch.setenv("COLUMNS", COLUMNS)
        patch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
        folder = Path(name).resolve()
        patch.setenv("LLM_USER_PATH", str(folder / ".llm"))
        (folder / "README.md").write_bytes((ROOT / "README.md").read_bytes())
        try:
            yield Reader(folder, patch)
        finally:
            sys.path[:] = path
            forget_modules(folder)


def forget_modules(folder: Path) -> None:
    """Let what was imported from *folder* be imported anew."""
    for name, module in list(sys.modules.items()):
        if (getattr(module, "__file__", None) or "").startswith(str(folder)):
            del sys.modules[name]


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Take READMEs and the pages below docs."""
    docs = ROOT / "docs"
    if file_path.suffix == ".md" and (file_path in READMES or file_path.is_relative_to(docs)):
        return Page.from_parent(parent, path=file_path)
    return None
