"""NumPy's archive: ``vectors.npy``, and beside it ``items.jsonl`` with the header and a line for each row.

Of another program, arrays of equal length are read: ids, texts, vectors; the others become metadata.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import shutil
import tempfile
import zipfile
from typing import IO, TYPE_CHECKING, Any

import attrs
import numpy as np
import orjson
from numpy.lib import format as npy

from embedlane.transfer.files import PAGE, reading
from embedlane.transfer.jsonl import header_line, read_header, read_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from embedlane.transfer.files import Row
    from embedlane.transfer.records import Header, Record

_ITEMS, _VECTORS = "items.jsonl", "vectors.npy"
_SUFFIX = ".npy"
_MISSING = object()


class NpzSink:
    """Writes the vectors at once, and the items behind them."""

    def __init__(self, path: Path, header: Header) -> None:
        self._archive = zipfile.ZipFile(path, "w", zipfile.ZIP_STORED)
        # An archive is written one member after the other, so the second one waits in a file.
        self._items = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        self._items.write(header_line(header))
        self._vectors = self._archive.open(zipfile.ZipInfo(_VECTORS), "w", force_zip64=True)
        self._empty = np.full(header.space.dimensions, np.nan, dtype=np.float32)
        shape = (header.items, header.space.dimensions)
        layout = {"descr": "<f4", "fortran_order": False, "shape": shape}
        npy.write_array_header_1_0(self._vectors, layout)

    def write(self, records: Sequence[Record]) -> None:
        """Write rows of vectors; a row of NaN where there is none."""
        rows = [self._empty if record.vector is None else record.vector for record in records]
        self._vectors.write(np.stack(rows).astype("<f4", copy=False).tobytes())
        for record in records:
            line = {**record.to_json(), "embedded": record.vector is not None}
            self._items.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))

    def close(self) -> None:
        """Write the items."""
        self._vectors.close()
        self._items.seek(0)
        member = zipfile.ZipInfo(_ITEMS)
        member.compress_type = zipfile.ZIP_DEFLATED
        with self._archive.open(member, "w", force_zip64=True) as items:
            shutil.copyfileobj(self._items, items)
        self._items.close()
        self._archive.close()


@attrs.frozen
class NpzSource:
    """Reads an archive, ours or another program's, a page at a time."""

    #: The file.
    path: Path

    def header(self) -> Header | None:
        """What the items' first line declares."""
        with reading(self.path), zipfile.ZipFile(self.path) as archive:
            if _ITEMS not in archive.namelist():
                return None
            with archive.open(_ITEMS) as items:
                return read_header(items.readline(), str(self.path))

    def rows(self) -> Iterator[Row]:
        """All rows."""
        with reading(self.path), zipfile.ZipFile(self.path) as archive:
            yield from _own(archive) if _ITEMS in archive.namelist() else _foreign(archive)


def _own(archive: zipfile.ZipFile) -> Iterator[Row]:
    with archive.open(_ITEMS) as items, archive.open(_VECTORS) as stream:
        vectors = _entries(stream)
        for number, row in read_rows(items):
            vector = next(vectors, None)
            if vector is None:
                raise ValueError(f"{_VECTORS} has fewer rows than {_ITEMS}")
            if isinstance(row, str):
                yield number, row
            else:
                yield number, {**row, "vector": vector if row.get("embedded") else None}


def _foreign(archive: zipfile.ZipFile) -> Iterator[Row]:
    names = [name for name in archive.namelist() if name.endswith(_SUFFIX)]
    with contextlib.ExitStack() as stack:
        streams = [_entries(stack.enter_context(archive.open(name))) for name in names]
        fields = [name.removesuffix(_SUFFIX) for name in names]
        for number, values in enumerate(itertools.zip_longest(*streams, fillvalue=_MISSING), 1):
            if any(value is _MISSING for value in values):
                raise ValueError(f"its arrays {', '.join(fields)} are not of one length")
            yield number, dict(zip(fields, values, strict=True))


def _entries(stream: IO[bytes]) -> Iterator[Any]:
    """The entries of an array along its first axis; single values as Python's own."""
    shape, dtype = _layout(stream)
    entry = math.prod(shape[1:])
    for start in range(0, shape[0], PAGE):
        rows = min(PAGE, shape[0] - start)
        page = np.frombuffer(_exactly(stream, rows * entry * dtype.itemsize), dtype=dtype)
        yield from page.reshape(rows, *shape[1:]) if len(shape) > 1 else page.tolist()


def _layout(stream: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = npy.read_magic(stream)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, fortran, dtype = read(stream)
    if dtype.hasobject:
        raise ValueError("an array of Python objects would have to be unpickled; save texts with dtype str")
    if not shape or (fortran and len(shape) > 1):
        raise ValueError(
            "an array is a single value or lies in Fortran's order; save np.ascontiguousarray of it"
        )
    return shape, dtype


def _exactly(stream: IO[bytes], size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise ValueError("an array ends early")
    return data
