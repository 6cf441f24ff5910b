"""Reading docstrings of Python files."""

from __future__ import annotations

import ast
import inspect
import textwrap
from pathlib import Path

import pytest

from embedlane.text.documents import Form, Unreadable
from embedlane.text.readers import python

SOURCE = '''
"""Module."""

class Outer:
    """Outer
        deep.
    """

    @property
    def size(self):
        """The size."""

    @size.setter
    def size(self, value):
        """Set it."""

    async def wait(self):
        """Wait."""

        def inner():
            """Inner."""

    class Nested:
        "Nested."

try:
    def either():
        """One."""
except ImportError:
    async def either():
        """Other."""

def silent(): ...
def blank():
    """   """
match 1:
    case 1:
        def cased():
            """Cased."""
'''


def parts_of(source: str) -> dict[str, str]:
    document = python.read(source.encode(), "m.py")
    return {part.id: part.text for part in document.parts}


def test_each_docstring_is_a_record():
    """Modules, classes, functions and methods are found wherever they are defined."""
    assert parts_of(SOURCE) == {
        "m.py": "Module.",
        "m.py::Outer": "Outer\ndeep.",
        "m.py::Outer.size": "The size.",
        "m.py::Outer.size@2": "Set it.",
        "m.py::Outer.wait": "Wait.",
        "m.py::Outer.wait.<locals>.inner": "Inner.",
        "m.py::Outer.Nested": "Nested.",
        "m.py::either": "One.",
        "m.py::either@2": "Other.",
        "m.py::cased": "Cased.",
    }


def test_metadata_tells_name_kind_and_line():
    """A record says what it documents and where that is."""
    document = python.read(SOURCE.encode(), "m.py")
    found = {
        part.metadata["qualname"]: (part.metadata["kind"], part.metadata["line"]) for part in document.parts
    }
    assert found[""] == ("module", 2)
    assert found["Outer"] == ("class", 4)
    assert found["Outer.wait"] == ("async method", 17)
    assert found["Outer.wait.<locals>.inner"] == ("function", 20)
    assert {part.form for part in document.parts} == {Form.RECORD}


def test_ids_do_not_depend_on_other_docstrings():
    """A definition without docstring is counted, so adding one renames nothing."""
    bare = "def f(): ...\ndef f():\n    'second'\n"
    full = "def f():\n    'first'\ndef f():\n    'second'\n"
    assert parts_of(bare) == {"m.py::f@2": "second"}
    assert parts_of(full)["m.py::f@2"] == "second"


def test_reads_a_module_of_the_standard_library():
    """Every docstring that `textwrap` has at run time is found, as `inspect` shows it."""
    parts = parts_of(Path(textwrap.__file__).read_text())
    assert parts["m.py"] == inspect.getdoc(textwrap)
    for name in ("TextWrapper", "TextWrapper.wrap", "TextWrapper.fill", "dedent", "shorten"):
        value = textwrap
        for step in name.split("."):
            value = getattr(value, step)
        assert parts[f"m.py::{name}"] == inspect.getdoc(value)


def test_coding_line_is_obeyed():
    """A file in an old encoding is read as its coding line says."""
    source = b"# -*- coding: latin-1 -*-\n'caf\xe9'\n"
    assert python.read(source, "m.py").parts[0].text == "café"


def test_utf16_is_read():
    """A byte order mark is obeyed, although Python itself would not."""
    assert python.read("'café'".encode("utf-16"), "m.py").parts[0].text == "café"


def test_invalid_escapes_are_no_warnings_of_ours():
    r"""A ``\d`` in a docstring is the file's affair."""
    assert parts_of("'\\d'\n") == {"m.py": "\\d"}


def test_lone_surrogates_are_replaced():
    """An escape that has no UTF-8 form becomes U+FFFD."""
    assert parts_of("'a\\ud800'\n") == {"m.py": "a\ufffd"}


def test_long_chains_are_walked():
    """Branches nest as deep as there are `elif`, and definitions after them are still found."""
    chain = "if x: pass\n" + "elif x: pass\n" * 800 + "else:\n    def f():\n        'found'\n"
    try:
        ast.parse(chain)
    except (RecursionError, MemoryError):  # pragma: no cover - the parser's own limit is lower here
        pytest.skip("the parser does not take it")
    assert parts_of(chain) == {"m.py::f": "found"}


def test_syntax_error_names_the_line():
    """A file that is no Python is reported with its line."""
    answer = python.read(b"x = 1\ny = (\n", "m.py")
    assert isinstance(answer, Unreadable)
    assert str(answer) == "m.py:2: not Python that this version can read: '(' was never closed"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x7fELF\0", "binary file (ELF program); not Python"),
        (b"x" * 2000 + b"\0", "null bytes"),
        (b"-" * 100_000 + b"1", "not Python that this version can read: "),
        (b"\xff", "not Python that this version can read: "),
        (b"\xff\xfea", "not Python that this version can read: "),
    ],
)
def test_says_why_it_is_no_python(data, reason):
    """Whatever the parser does with a file, it is an answer and no exception."""
    answer = python.read(data, "m.py")
    assert isinstance(answer, Unreadable)
    assert reason in answer.reason
