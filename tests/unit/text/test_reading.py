"""Reading files, directories and standard input."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
import tracemalloc

import pytest

from embedlane.text.documents import Document, Form, Unreadable
from embedlane.text.reading import JSONL_SUFFIXES, READERS, read_jsonl, read_paths


@pytest.fixture
def corpus(tmp_path):
    """A folder with a file of each kind."""
    files = {
        "a.txt": "Plain",
        "b.md": "---\nt: x\n---\n# Head",
        "c.HTML": "<p>Page</p>",
        "d.py": "'Doc.'\n",
        "e.rst": "Title\n=====",
        "f.jsonl": '{"id": 1, "text": "one"}\n{"id": 2}\n',
        "g.bin": "never read",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def test_each_file_is_read_as_its_suffix_says(corpus):
    """Known suffixes have a reader each; JSON Lines are not read as text."""
    parts = [part for document in read_paths([corpus], root=corpus) for part in document.parts]
    assert [(part.id, part.text, part.form) for part in parts] == [
        ("a.txt", "Plain", Form.PROSE),
        ("b.md", "# Head", Form.MARKDOWN),
        ("c.HTML", "Page", Form.PROSE),
        ("d.py", "Doc.", Form.RECORD),
        ("e.rst", "Title\n=====", Form.PROSE),
    ]


def test_a_named_file_of_another_suffix_is_plain_text(corpus):
    """Who names a file wants it read."""
    (document,) = read_paths([corpus / "g.bin"], root=corpus)
    assert document.parts[0].text == "never read"


def test_one_bad_file_does_not_stop_the_others(corpus):
    """Each problem stands in its place between the documents."""
    (corpus / "b.md").write_bytes(b"\0")
    (corpus / "d.py").write_text("(")
    found = list(read_paths([corpus, "/no/such/file"], root=corpus))
    assert [each.source for each in found if isinstance(each, Unreadable)] == [
        "b.md",
        "d.py",
        "/no/such/file",
    ]
    assert [each.source for each in found if isinstance(each, Document)] == ["a.txt", "c.HTML", "e.rst"]


def test_a_file_over_the_cap_is_not_read(corpus):
    """The cap is named; a file of exactly that size is read."""
    (corpus / "a.txt").write_text("x" * 100)
    (over,) = read_paths([corpus / "a.txt"], root=corpus, max_bytes=99)
    assert str(over) == "a.txt: larger than 99 bytes; split it, or make JSON Lines of it"
    (fits,) = read_paths([corpus / "a.txt"], root=corpus, max_bytes=100)
    assert isinstance(fits, Document)


def test_standard_input_is_plain_text(tmp_path):
    """A dash reads the given stream under the name of a dash, up to the cap."""
    (document,) = read_paths(["-"], root=tmp_path, stdin=io.BytesIO(b"# Hello"))
    assert (document.id, document.source, document.parts[0].form) == ("-", "-", Form.PROSE)
    (over,) = read_paths(["-"], root=tmp_path, stdin=io.BytesIO(b"Hello"), max_bytes=4)
    assert isinstance(over, Unreadable)


@pytest.mark.parametrize("read", [read_paths, read_jsonl])
def test_standard_input_may_be_missing(read, tmp_path):
    """Without a stream the dash is reported."""
    (answer,) = read(["-"], root=tmp_path)
    assert str(answer) == "-: standard input is not open"


def test_a_pipe_is_read(tmp_path):
    """What a shell's <(command) gives is read like a file."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(b"through a pipe",))
    writer.start()
    (document,) = read_paths([pipe], root=tmp_path)
    writer.join()
    assert document.parts[0].text == "through a pipe"


@pytest.mark.parametrize("read", [read_paths, read_jsonl])
def test_a_file_that_vanishes_is_reported(read, tmp_path):
    """A file that is gone when its turn comes is no exception."""
    for name in ("a.jsonl", "b.jsonl"):
        (tmp_path / name).write_text('{"id":1,"text":"x"}')
    found = read([tmp_path / "a.jsonl", tmp_path / "b.jsonl"], root=tmp_path)
    next(found)
    (tmp_path / "b.jsonl").unlink()
    (answer,) = found
    assert str(answer) == "b.jsonl: no such file or directory"


def test_json_lines_are_read_line_by_line(corpus):
    """Of a directory only JSON Lines are read; each line is a document of the file."""
    (corpus / "sub").mkdir()
    (corpus / "sub" / "g.ndjson").write_text('{"id": 3, "text": "three"}')
    good, bad, more = read_jsonl([corpus], root=corpus)
    assert (good.id, good.source) == ("1", "f.jsonl")
    assert str(bad).startswith("f.jsonl:2: no field 'text'")
    assert (more.id, more.source) == ("3", "sub/g.ndjson")


def test_json_lines_come_from_named_files_and_standard_input(tmp_path):
    """A named file is read as JSON Lines whatever its suffix, and so is standard input."""
    (tmp_path / "export.json").write_text('{"key": "a", "body": "one"}')
    stream = io.BytesIO(b'{"key": "b", "body": "two"}')
    options = {"id_field": "key", "text_field": "body", "stdin": stream}
    found = list(read_jsonl([tmp_path / "export.json", "-"], root=tmp_path, **options))
    assert [(each.id, each.source) for each in found] == [("a", "export.json"), ("b", "-")]


def test_missing_json_lines_are_reported(tmp_path):
    """A path that is not there is an answer here too."""
    (answer,) = read_jsonl([tmp_path / "x"], root=tmp_path)
    assert isinstance(answer, Unreadable)


def test_memory_does_not_grow_with_the_lines(tmp_path):
    """Ten megabytes of lines are read in a small part of that."""
    path = tmp_path / "long.jsonl"
    with path.open("w") as file:
        file.writelines(f'{{"id": {n}, "text": "{"x" * 1000}"}}\n' for n in range(10_000))
    tracemalloc.start()
    try:
        count = sum(1 for _ in read_jsonl([path], root=tmp_path))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 10_000
    assert peak < 1 << 20


def test_nothing_heavy_is_imported_to_read_text(tmp_path):
    """Parsers and detection are imported by the files that need them."""
    (tmp_path / "a.txt").write_text("Hello")
    program = (
        "import pathlib, sys\n"
        "from embedlane.text.reading import read_paths\n"
        f"assert len(list(read_paths([{str(tmp_path)!r}], root=pathlib.Path({str(tmp_path)!r})))) == 1\n"
        "assert not {'bs4', 'charset_normalizer'} & set(sys.modules), 'heavy'\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_the_two_kinds_of_suffix_do_not_overlap():
    """A directory can be added both ways without reading a file twice."""
    assert not JSONL_SUFFIXES & set(READERS)
