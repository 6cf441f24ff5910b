"""The staged input files of a spool: lines of JSON, each with a key and a text."""

from __future__ import annotations

import hashlib
import itertools
import os
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING

import attrs
import orjson

from embedlane.errors import CreateRejectedError, RequestRefusedError
from embedlane.providers.values import BatchRow

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from embedlane.providers.values import BatchFile

_BLOCK = 1 << 20


def encode(row: BatchRow) -> bytes:
    r"""The line for *row*, without its end; JSON writes a ``\n`` inside a text as two characters."""
    return orjson.dumps({"key": row.key, "text": row.text})


def decode(line: bytes) -> BatchRow:
    """Read what `encode` wrote.

    Raises:
        ValueError: If it is anything else.
    """
    fields = orjson.loads(line)
    if not isinstance(fields, dict) or fields.keys() != {"key", "text"}:
        raise ValueError('a row is {"key": …, "text": …}')
    key, text = fields["key"], fields["text"]
    if not (isinstance(key, str) and isinstance(text, str)):
        raise ValueError("key and text must be strings")
    return BatchRow(key, text)


@attrs.frozen
class Lines:
    """A run of rows from an input file."""

    #: The rows.
    rows: tuple[BatchRow, ...]
    #: Bytes of the file up to the end of the last row.
    end: int


@attrs.frozen
class Inputs:
    """The folder of staged files."""

    #: Where it lies.
    folder: Path

    def stage(self, file: BatchFile, tag: str) -> str:
        """Copy *file* in and return its handle; a copy that is there already is kept.

        The handle is made of the digest and the tag, so that repeating is idempotent and two batches with the
        same rows never share a file.

        Raises:
            RequestRefusedError: If the file does not have the digest it is said to have.
        """
        handle = f"{file.digest[:32]}-{hashlib.sha256(tag.encode()).hexdigest()[:12]}.jsonl"
        target = self.folder / handle
        if target.exists():
            os.utime(target)
            return handle
        self.folder.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=self.folder, suffix=".part")
        try:
            with os.fdopen(descriptor, "wb") as copy:
                _copy(file, copy)
            Path(temporary).replace(target)
        finally:
            Path(temporary).unlink(missing_ok=True)
        return handle

    def check(self, handle: str, most: int | None) -> int:
        """Count the rows of a staged file.

        Args:
            handle: From `stage`.
            most: Rows that are taken; None for any number.

        Raises:
            CreateRejectedError: If the file is gone, empty or too long, or a line is no row.
        """
        number = 0
        try:
            with (self.folder / handle).open("rb") as lines:
                for line in lines:
                    number += 1
                    decode(line)
        except FileNotFoundError:
            raise CreateRejectedError(f"There is no staged file {handle!r}.", "Stage it again.") from None
        except ValueError as error:
            raise CreateRejectedError(f"{handle}: line {number} is not a row: {error}") from error
        if not number:
            raise CreateRejectedError(f"{handle}: the file has no rows.")
        if most is not None and number > most:
            raise CreateRejectedError(f"{handle}: {number} rows; a job takes {most}.", "See batch_rows.")
        return number

    def batches(self, handle: str, start: int, size: int) -> Iterator[Lines]:
        """Read a staged file from byte *start*, *size* rows at a time."""
        with (self.folder / handle).open("rb") as file:
            file.seek(start)
            while lines := tuple(itertools.islice(file, size)):
                start += sum(map(len, lines))
                yield Lines(tuple(map(decode, lines)), start)

    def remove(self, handle: str) -> None:
        """Remove a staged file; no error if it is gone."""
        (self.folder / handle).unlink(missing_ok=True)

    def sweep(self, used: Collection[str], before: float) -> None:
        """Remove copies and uploads given up: last touched before the time *before*, and not *used*."""
        for path in self.folder.glob("*"):
            if path.name not in used and path.stat().st_mtime < before:
                path.unlink(missing_ok=True)


def _copy(file: BatchFile, copy: IO[bytes]) -> None:
    """Copy *file* to the disk itself, and see to it that the bytes are those of its digest."""
    digest = hashlib.sha256()
    with file.path.open("rb") as source:
        while block := source.read(_BLOCK):
            digest.update(block)
            copy.write(block)
    if digest.hexdigest() != file.digest:
        raise RequestRefusedError(
            f"{file.path}: the file has changed since it was finished.", "Write it again.", "DIGEST"
        )
    copy.flush()
    os.fsync(copy.fileno())
