"""Reading files, directories and standard input into documents, one file or one line at a time."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from types import MappingProxyType
from typing import TYPE_CHECKING, BinaryIO, TypeAlias

from embedlane.text.documents import Document, Unreadable
from embedlane.text.finding import Found, find, reason, source_name
from embedlane.text.readers import html, jsonl, markdown, plain, python

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["JSONL_SUFFIXES", "MAX_BYTES", "READERS", "read_jsonl", "read_paths", "source_name"]

#: Bytes of the largest file that is read as a whole.
MAX_BYTES = 256 << 20

Reader: TypeAlias = Callable[[bytes, str], Document | Unreadable]

#: What reads a file, by its suffix in lower case. A file of another suffix is read, as plain text, only if
#: it is named itself.
READERS: Mapping[str, Reader] = MappingProxyType(
    {
        ".txt": plain.read,
        ".text": plain.read,
        ".rst": plain.read,
        ".md": markdown.read,
        ".markdown": markdown.read,
        ".html": html.read,
        ".htm": html.read,
        ".py": python.read,
    }
)
#: Suffixes that a directory is searched for when JSON Lines are wanted.
JSONL_SUFFIXES = frozenset({".jsonl", ".ndjson"})


def read_paths(
    paths: Sequence[str | Path], *, root: Path, stdin: BinaryIO | None = None, max_bytes: int = MAX_BYTES
) -> Iterator[Document | Unreadable]:
    """Read each file of *paths* as its suffix says; ``-`` is *stdin*, read as plain text.

    Whatever can't be read is yielded as such, in its place; nothing of that kind is raised.

    Args:
        paths: Files and directories; see `embedlane.text.finding.find` for what is read of a directory.
        root: Files below it are named relative to it.
        stdin: Standard input, opened for bytes.
        max_bytes: A larger file is not read.
    """
    for found in find(paths, root=root, suffixes=READERS):
        if isinstance(found, Unreadable):
            yield found
            continue
        data = _load(found, stdin, max_bytes)
        if isinstance(data, Unreadable):
            yield data
        else:
            yield _reader(found)(data, found.source)


def read_jsonl(
    paths: Sequence[str | Path],
    *,
    root: Path,
    id_field: str = "id",
    text_field: str = "text",
    stdin: BinaryIO | None = None,
) -> Iterator[Document | Unreadable]:
    """Read each line of *paths* as a record; the fields besides id and text become metadata.

    Args:
        paths: Files and directories; of a directory, files with one of `JSONL_SUFFIXES` are read.
        root: Files below it are named relative to it.
        id_field: The field that holds the id.
        text_field: The field that holds the text.
        stdin: Standard input, opened for bytes.
    """
    fields = jsonl.Fields(id=id_field, text=text_field)
    for found in find(paths, root=root, suffixes=JSONL_SUFFIXES):
        if isinstance(found, Unreadable):
            yield found
            continue
        try:
            with _open(found, stdin) as stream:
                yield from jsonl.read_lines(stream, found.source, fields)
        except OSError as error:
            yield Unreadable(source=found.source, reason=reason(error))


def _reader(found: Found) -> Reader:
    return plain.read if found.path is None else READERS.get(found.path.suffix.lower(), plain.read)


def _load(found: Found, stdin: BinaryIO | None, limit: int) -> bytes | Unreadable:
    try:
        with _open(found, stdin) as stream:
            # The size is asked first to spare the reading, but a pipe has none and a file may grow.
            large = found.path is not None and os.fstat(stream.fileno()).st_size > limit
            data = b"" if large else stream.read(limit + 1)
    except OSError as error:
        return Unreadable(source=found.source, reason=reason(error))
    if large or len(data) > limit:
        return Unreadable(
            source=found.source, reason=f"larger than {limit} bytes; split it, or make JSON Lines of it"
        )
    return data


def _open(found: Found, stdin: BinaryIO | None) -> AbstractContextManager[BinaryIO]:
    if found.path is not None:
        return found.path.open("rb")
    if stdin is None:
        raise OSError("standard input is not open")
    return nullcontext(stdin)
