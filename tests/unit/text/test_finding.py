"""Finding and naming the files that paths mean."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from embedlane.text.documents import Unreadable
from embedlane.text.finding import Found, find, reason, source_name

SUFFIXES = {".txt", ".md"}


@pytest.fixture
def tree(tmp_path):
    """A folder to be searched."""
    for name in ("b.txt", "a.md", "tail/t.txt", "sub/c.txt", "sub/deep/d.TXT", "z.bin", "README"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path


def names(root: Path, *paths: str | Path) -> list[str]:
    """The sources that are found."""
    return [each.source for each in find(paths, root=root, suffixes=SUFFIXES) if isinstance(each, Found)]


def problems(root: Path, *paths: str | Path) -> list[str]:
    """The reports, as text."""
    return [str(each) for each in find(paths, root=root, suffixes=SUFFIXES) if isinstance(each, Unreadable)]


def test_a_directory_is_searched_in_order(tree):
    """Files of known suffixes are found, in whatever case, in the order of their names."""
    assert names(tree, tree) == ["a.md", "b.txt", "sub/c.txt", "sub/deep/d.TXT", "tail/t.txt"]


def test_a_named_file_is_taken_whatever_its_suffix(tree):
    """Who names a file means it."""
    assert names(tree, tree / "README", tree / "z.bin") == ["README", "z.bin"]


def test_hidden_and_foreign_entries_are_skipped(tree):
    """Hidden entries and folders that hold no documents are not searched, unless they are named."""
    for name in (".embedlane", ".git", "__pycache__", "node_modules"):
        (tree / "sub" / name).mkdir()
        (tree / "sub" / name / "x.txt").write_text("x")
    (tree / "sub" / ".hidden.txt").write_text("x")
    assert names(tree, tree / "sub") == ["sub/c.txt", "sub/deep/d.TXT"]
    assert names(tree, tree / "sub/.git") == ["sub/.git/x.txt"]


def test_each_file_is_found_once(tree):
    """A file given twice, by another spelling or through its directory, is read in the place it was named."""
    twice = tree / "sub" / ".." / "b.txt"
    assert names(tree, tree, tree / "b.txt", twice, str(tree / "b.txt"), tree) == [
        "a.md",
        "sub/c.txt",
        "sub/deep/d.TXT",
        "tail/t.txt",
        "b.txt",
    ]
    assert names(tree, tree / "sub", tree) == ["sub/c.txt", "sub/deep/d.TXT", "a.md", "b.txt", "tail/t.txt"]


def test_link_loops_end(tree):
    """Links that lead back up do not lead in circles."""
    (tree / "sub" / "up").symlink_to(tree, target_is_directory=True)
    (tree / "sub" / "deep" / "side").symlink_to(tree / "sub", target_is_directory=True)
    assert names(tree, tree) == ["a.md", "b.txt", "sub/c.txt", "sub/deep/d.TXT", "tail/t.txt"]


def test_linked_directories_come_last(tree, tmp_path_factory):
    """A directory that lies elsewhere is searched through its link; one that has its own place is not."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "e.txt").write_text("e")
    (tree / "a-link").symlink_to(elsewhere, target_is_directory=True)
    (tree / "a-twin").symlink_to(tree / "sub", target_is_directory=True)
    assert names(tree, tree) == ["a.md", "b.txt", "sub/c.txt", "sub/deep/d.TXT", "tail/t.txt", "a-link/e.txt"]


def test_a_linked_file_has_its_own_name(tree):
    """A link to a file is a file of its own."""
    (tree / "link.txt").symlink_to(tree / "b.txt")
    assert names(tree, tree / "link.txt") == ["link.txt"]
    assert "link.txt" in names(tree, tree)


def test_standard_input_is_a_dash(tree):
    """A dash is standard input, once."""
    assert list(find(["-", "-"], root=tree, suffixes=SUFFIXES)) == [Found("-", None)]


def test_a_pipe_can_be_named(tree):
    """A named pipe is what a shell's <(command) is; in a directory it might block, so it is reported."""
    os.mkfifo(tree / "pipe.txt")
    assert names(tree, tree / "pipe.txt") == ["pipe.txt"]
    assert problems(tree, tree) == ["pipe.txt: not a file, but a named pipe"]


def test_what_cannot_be_read_is_reported(tree, monkeypatch):
    """Missing paths, empty ones, broken links, sockets and devices are answers, not exceptions."""
    (tree / "broken.txt").symlink_to(tree / "nowhere")
    (tree / "self.txt").symlink_to(tree / "self.txt")
    monkeypatch.chdir(tree)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("s.txt")
        assert problems(tree, tree) == [
            "broken.txt: a link to nothing",
            "s.txt: not a file, but a socket",
            "self.txt: a link to nothing",
        ]
    assert problems(tree, "missing") == ["missing: no such file or directory"]
    assert problems(tree, "b.txt/x") == ["b.txt/x: not a directory"]
    assert problems(tree, "") == [": the path is empty"]
    assert problems(tree, "/dev/null") == ["/dev/null: not a file, but a device"]
    assert "file name too long" in problems(tree, "x" * 1000)[0]
    assert len(problems(tree, "a\0b")) == 1


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_closed_directory_is_reported(tree):
    """A directory without permission is reported, and the others are searched."""
    (tree / "sub").chmod(0)
    try:
        assert names(tree, tree) == ["a.md", "b.txt", "tail/t.txt"]
        assert problems(tree, tree) == ["sub: permission denied"]
    finally:
        (tree / "sub").chmod(0o700)


def test_a_vanished_directory_is_reported(tree):
    """A directory that goes away during the search is reported, and the others are searched."""
    (tree / "tub").mkdir()
    found = find([tree], root=tree, suffixes=SUFFIXES)
    next(found)
    (tree / "tub").rmdir()
    assert [str(each) for each in found if isinstance(each, Unreadable)] == ["tub: no such file or directory"]


def test_sources_are_relative_below_the_root(tmp_path, monkeypatch):
    """Below the root a source is named relative to it, elsewhere by its whole path."""
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    monkeypatch.chdir(root / "sub")
    assert source_name("a.txt", root) == "sub/a.txt"
    assert source_name("../b.txt", root) == "b.txt"
    assert source_name(root / "sub" / "a.txt", root) == "sub/a.txt"
    assert source_name("../../c.txt", root) == (tmp_path / "c.txt").as_posix()


def test_sources_below_a_linked_root_are_relative(tmp_path):
    """It makes no difference whether the root or the path was spelt through a link."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real", target_is_directory=True)
    assert source_name(tmp_path / "link" / "a.txt", tmp_path / "real") == "a.txt"
    assert source_name(tmp_path / "real" / "a.txt", tmp_path / "link") == "a.txt"


def test_names_that_are_not_utf8_can_be_stored(tmp_path):
    """A file name with foreign bytes becomes a text that has a UTF-8 form."""
    name = source_name(os.fsdecode(b"caf\xe9.txt"), Path.cwd())
    assert name == "caf\\xe9.txt"
    name.encode()


def test_reason_is_a_sentence_without_a_capital():
    """Reasons read on after the name of the source."""
    assert reason(OSError(2, "No such file")) == "no such file"
    assert reason(OSError("Closed")) == "closed"
    assert reason(ValueError("Embedded")) == "embedded"
