"""Which files are meant by the paths that were given, and what each is called."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import attrs

from embedlane.text.documents import Unreadable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

#: The path that stands for standard input, and its name as a source.
STDIN = "-"
#: Directories that hold no documents; those with a leading dot, as `.embedlane`, are skipped too.
_SKIPPED = frozenset({"__pycache__", "node_modules", ".embedlane"})

_KINDS = (
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISFIFO, "a named pipe"),
)


@attrs.frozen
class Found:
    """A file to read."""

    #: Its name as a source.
    source: str
    #: Where it is; None for standard input.
    path: Path | None


_Finding: TypeAlias = Found | Unreadable


def source_name(path: str | Path, root: Path) -> str:
    r"""Name *path* as a source: relative to *root* when below it, absolute otherwise, with ``/``.

    The name is the path's own, links in it are not followed, unless only their targets show that the file
    is below *root*. Bytes that are not UTF-8 appear as ``\\xff``.
    """
    absolute, base = Path(os.path.abspath(path)), Path(os.path.abspath(root))  # noqa: PTH100 - not through links
    if not absolute.is_relative_to(base):
        real, real_base = Path(os.path.realpath(absolute.parent), absolute.name), Path(os.path.realpath(base))
        if real.is_relative_to(real_base):
            absolute, base = real, real_base
    name = absolute.relative_to(base) if absolute.is_relative_to(base) else absolute
    return os.fsencode(name.as_posix()).decode("utf-8", "backslashreplace")


def find(paths: Sequence[str | Path], *, root: Path, suffixes: Collection[str]) -> Iterator[_Finding]:
    """Find the files that *paths* mean, each once.

    A path that names a file means it, whatever its suffix. One that names a directory means the files below
    it that have one of *suffixes*, in the order of their names. Hidden entries are skipped. Linked
    directories come last, so that a file that can be reached without a link is named without it.
    """
    return _Search(root, suffixes).run(paths)


class _Search:
    """One call of `find`. It remembers directories and the given paths, but not the files."""

    def __init__(self, root: Path, suffixes: Collection[str]) -> None:
        self._root = root
        self._suffixes = suffixes
        self._given: set[str] = set()
        self._walked: set[tuple[int, int]] = set()
        self._linked: list[str] = []

    def run(self, paths: Sequence[str | Path]) -> Iterator[_Finding]:
        given: dict[str, str | Path] = {}
        for path in paths:
            given.setdefault(self._name(path), path)
        self._given = set(given)
        for name, path in given.items():
            yield from self._take(name, path)
        while self._linked:
            yield from self._walk(self._linked.pop(0))

    def _name(self, path: str | Path) -> str:
        # An empty path is an unset variable of the shell more often than the current directory.
        return str(path) if str(path) in {STDIN, ""} else source_name(path, self._root)

    def _take(self, name: str, path: str | Path) -> Iterator[_Finding]:
        if path == STDIN:
            yield Found(name, None)
        elif str(path) == "":
            yield Unreadable(source=name, reason="the path is empty")
        else:
            mode = _mode(str(path))
            if isinstance(mode, str):
                yield Unreadable(source=name, reason=mode)
            elif stat.S_ISDIR(mode):
                yield from self._walk(str(path))
            elif stat.S_ISFIFO(mode):  # what <(command) is in a shell
                yield Found(name, Path(path))
            else:
                yield self._file(name, str(path), mode)

    def _file(self, name: str, path: str, mode: int) -> _Finding:
        if stat.S_ISREG(mode):
            return Found(name, Path(path))
        kind = next((kind for test, kind in _KINDS if test(mode)), "of no known kind")
        return Unreadable(source=name, reason=f"not a file, but {kind}")

    def _walk(self, top: str) -> Iterator[_Finding]:
        stack = [top]
        while stack:
            path = stack.pop()
            try:
                entries = self._entries(path)
            except OSError as error:
                yield Unreadable(source=self._name(path), reason=reason(error))
                continue
            below: list[str] = []
            for entry in entries:
                if _is_directory(entry):
                    (self._linked if entry.is_symlink() else below).append(entry.path)
                elif Path(entry.name).suffix.lower() in self._suffixes:
                    yield from self._listed(entry.path)
            stack.extend(reversed(below))

    def _entries(self, path: str) -> list[os.DirEntry[str]]:
        """What is in *path*, sorted; nothing if it was walked before, perhaps by another name."""
        status = os.stat(path)  # noqa: PTH116 - a walk makes no Path for each entry
        key = (status.st_dev, status.st_ino)
        if key in self._walked:
            return []
        self._walked.add(key)
        with os.scandir(path) as entries:
            kept = [e for e in entries if not e.name.startswith(".") and e.name not in _SKIPPED]
        return sorted(kept, key=lambda entry: entry.name)

    def _listed(self, path: str) -> Iterator[_Finding]:
        name = self._name(path)
        if name in self._given:  # read in its own place
            return
        mode = _mode(path)
        yield Unreadable(source=name, reason=mode) if isinstance(mode, str) else self._file(name, path, mode)


def _is_directory(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself; reported if its suffix says that it is meant
        return False


def _mode(path: str) -> int | str:
    """The mode of *path*, links followed, or why there is none."""
    try:
        return os.stat(path).st_mode  # noqa: PTH116 - see `_Search._entries`
    except (OSError, ValueError) as error:  # ValueError: a NUL character in the path
        return "a link to nothing" if os.path.islink(path) else reason(error)  # noqa: PTH114


def reason(error: OSError | ValueError) -> str:
    """Why the system refused, as a sentence without a capital."""
    text = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return text[:1].lower() + text[1:]
