"""The two sides of a format, and what is common to all: a file that is whole or not there, and its errors."""

from __future__ import annotations

import contextlib
import os
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from embedlane.errors import InputError

if TYPE_CHECKING:
    from embedlane.transfer.records import Header, Record

#: Records that are held at once: 12 MB of vectors of 3072 numbers.
PAGE = 1000

#: A row's number from 1, and its fields, or why it has none.
Row: TypeAlias = tuple[int, Mapping[str, Any] | str]


class Sink(Protocol):
    """Writes one file."""

    def write(self, records: Sequence[Record]) -> None:
        """Write a page."""
        ...

    def close(self) -> None:
        """Write what is left."""
        ...


class Source(Protocol):
    """Reads one file."""

    def header(self) -> Header | None:
        """What it declares; None for a file of another program.

        Raises:
            InputError: If it can't be read.
        """
        ...

    def rows(self) -> Iterator[Row]:
        """Read it as a stream.

        Raises:
            InputError: If it can't be read any further.
        """
        ...


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a name to write to; what was written takes the place of *path* when all went well.

    Raises:
        InputError: If nothing can be written there.
    """
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    except OSError as error:
        raise InputError(f"{path} can't be written: {error.strerror}.", "Name a file in a folder.") from error
    os.close(handle)
    part = Path(name)
    try:
        yield part
        with part.open("rb+") as written:
            os.fsync(written.fileno())
        # A temporary file is its owner's alone; this one is made like any other.
        mask = os.umask(0)
        os.umask(mask)
        part.chmod(0o666 & ~mask)
        part.replace(path)
    except OSError as error:
        raise InputError(
            f"{path} can't be written: {error.strerror or error}.", "Make room, or name another."
        ) from error
    finally:
        part.unlink(missing_ok=True)


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """Say which file it is that can't be read, and why.

    Raises:
        InputError: In the place of what the libraries raise.
    """
    try:
        yield
    except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InputError(
            f"{path} can't be read: {reason.rstrip('.')}.", "Is it whole, and what its name says?"
        ) from error
