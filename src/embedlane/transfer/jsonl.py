"""JSON Lines, plain or compressed: the header on the first line, then an object for each item."""

from __future__ import annotations

import gzip
from typing import IO, TYPE_CHECKING, Any

import attrs
import numpy as np
import orjson

from embedlane.transfer.files import reading
from embedlane.transfer.records import KEY, Header

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from embedlane.transfer.files import Row
    from embedlane.transfer.records import Record

#: Bytes of the longest line that is read; without an end a line could fill the memory.
_MAX_LINE = 64 << 20
_UTF8_MARK = b"\xef\xbb\xbf"


class JsonlSink:
    """Writes JSON Lines."""

    def __init__(self, path: Path, header: Header, *, compressed: bool) -> None:
        self._file = path.open("wb")
        # Without the time, so that equal indexes give equal files.
        stream = gzip.GzipFile("", "wb", 6, self._file, mtime=0) if compressed else self._file
        self._stream: IO[bytes] = stream  # type: ignore[assignment]
        self._stream.write(header_line(header))

    def write(self, records: Sequence[Record]) -> None:
        """Write a line for each record."""
        for record in records:
            self._stream.write(_line(record))

    def close(self) -> None:
        """Write what is left."""
        self._stream.close()
        self._file.close()


@attrs.frozen
class JsonlSource:
    """Reads JSON Lines."""

    #: The file.
    path: Path
    #: Whether it is compressed with gzip.
    compressed: bool

    def header(self) -> Header | None:
        """What the first line declares."""
        with reading(self.path), self._opened() as stream:
            return read_header(stream.readline(_MAX_LINE), str(self.path))

    def rows(self) -> Iterator[Row]:
        """All lines but that of the header; blank ones are skipped."""
        with reading(self.path), self._opened() as stream:
            yield from read_rows(stream)

    def _opened(self) -> IO[bytes]:
        return gzip.open(self.path, "rb") if self.compressed else self.path.open("rb")  # type: ignore[return-value]


def header_line(header: Header) -> bytes:
    """The first line of a file of ours."""
    return orjson.dumps({KEY: header.to_json()}, option=orjson.OPT_APPEND_NEWLINE)


def read_header(line: bytes, place: str) -> Header | None:
    """Read the first line of the file *place*; None if it is no header.

    Raises:
        InputError: If it is a header that can't be read.
    """
    try:
        first = orjson.loads(line.removeprefix(_UTF8_MARK))
    except orjson.JSONDecodeError:
        return None
    declared = isinstance(first, dict) and list(first) == [KEY]
    return Header.from_json(first[KEY], place) if declared else None


def read_rows(stream: IO[bytes]) -> Iterator[Row]:
    """Read lines; rows are numbered as lines are, from 1."""
    number = 0
    while line := stream.readline(_MAX_LINE + 1):
        number += 1
        if number == 1:
            line = line.removeprefix(_UTF8_MARK)
        if len(line) > _MAX_LINE:
            while line and not line.endswith(b"\n"):
                line = stream.readline(1 << 20)
            yield number, f"the line is longer than {_MAX_LINE} bytes"
        elif line.strip():
            row = _parse(line)
            if number > 1 or not isinstance(row, dict) or list(row) != [KEY]:
                yield number, row


def _parse(line: bytes) -> dict[str, Any] | str:
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return f"not JSON: {error.msg} at column {error.colno}"
    return row if isinstance(row, dict) else "not a JSON object"


def _line(record: Record) -> bytes:
    values = record.to_json()
    values["vector"] = None if record.vector is None else orjson.Fragment(_numbers(record.vector))
    return orjson.dumps(values, option=orjson.OPT_APPEND_NEWLINE)


def _numbers(vector: NDArray[np.float32]) -> bytes:
    """The numbers as they are read again bit by bit.

    A float32 is written with the fewest digits that tell it from its neighbours. They are read as a float64
    first, and rounding twice can end at a neighbour: one number in a thousand million, but one is enough.
    """
    short = orjson.dumps(vector, option=orjson.OPT_SERIALIZE_NUMPY)
    if np.array_equal(np.array(orjson.loads(short), dtype=np.float64).astype(np.float32), vector):
        return short
    return orjson.dumps(vector.astype(np.float64), option=orjson.OPT_SERIALIZE_NUMPY)
