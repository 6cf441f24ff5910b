"""Parquet, through pyarrow: the header in the file's key-value metadata, a row for each item."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
import orjson

from embedlane.errors import MissingDependencyError
from embedlane.transfer.files import PAGE, reading
from embedlane.transfer.records import KEY, Header

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from embedlane.transfer.files import Row
    from embedlane.transfer.records import Record

#: Columns of text, in the order of the file.
_TEXTS = ("id", "text", "metadata", "document", "source", "content_hash")


class ParquetSink:
    """Writes Parquet, a row group for each page."""

    def __init__(self, path: Path, header: Header) -> None:
        self._arrow, parquet = _pyarrow()
        arrow, dimensions = self._arrow, header.space.dimensions
        self._schema = arrow.schema(
            [(name, arrow.string()) for name in _TEXTS]
            + [("vector", arrow.list_(arrow.float32(), dimensions))],
            metadata={KEY: orjson.dumps(header.to_json())},
        )
        # Vectors do not compress, and texts hardly ever repeat.
        self._writer = parquet.ParquetWriter(
            path, self._schema, compression="zstd", use_dictionary=["document", "source"]
        )

    def write(self, records: Sequence[Record]) -> None:
        """Write a row group."""
        rows = [record.to_json() for record in records]
        for row in rows:
            row["metadata"] = orjson.dumps(row["metadata"]).decode()
        columns = [self._arrow.array([row[name] for row in rows], self._arrow.string()) for name in _TEXTS]
        columns.append(self._vectors([record.vector for record in records]))
        self._writer.write_table(self._arrow.Table.from_arrays(columns, schema=self._schema))

    def close(self) -> None:
        """Write the footer."""
        self._writer.close()

    def _vectors(self, vectors: Sequence[NDArray[np.float32] | None]) -> Any:
        """A column; a null lies over zeros."""
        kind = self._schema.field("vector").type
        empty = np.zeros(kind.list_size, dtype=np.float32)
        flat = np.concatenate([empty if vector is None else vector for vector in vectors])
        missing = self._arrow.array([vector is None for vector in vectors])
        return self._arrow.FixedSizeListArray.from_arrays(flat, type=kind, mask=missing)


@attrs.frozen
class ParquetSource:
    """Reads Parquet, a page at a time."""

    #: The file.
    path: Path
    #: The column of vectors.
    vector: str

    def header(self) -> Header | None:
        """What the file's metadata declares."""
        with reading(self.path), self._opened() as file:
            metadata = file.schema_arrow.metadata or {}
        declared = metadata.get(KEY.encode())
        with reading(self.path):
            values = None if declared is None else orjson.loads(declared)
        return None if values is None else Header.from_json(values, str(self.path))

    def rows(self) -> Iterator[Row]:
        """All rows."""
        number = 0
        with reading(self.path), self._opened() as file:
            for batch in file.iter_batches(batch_size=PAGE):
                names = batch.schema.names
                columns = [self._column(name, batch.column(name)) for name in names]
                for values in zip(*columns, strict=True):
                    number += 1
                    yield number, dict(zip(names, values, strict=True))

    def _column(self, name: str, column: Any) -> list[Any]:
        """The values of *column*; vectors as arrays, for lists of numbers take a hundred times as long."""
        types = _pyarrow()[0].types
        kind = column.type
        listed = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
        if name != self.vector or not listed or not types.is_floating(kind.value_type):
            return list(column.to_pylist())
        return [cell.values.to_numpy(zero_copy_only=False) if cell.is_valid else None for cell in column]

    def _opened(self) -> Any:
        _, parquet = _pyarrow()
        return parquet.ParquetFile(self.path)


def _pyarrow() -> tuple[Any, Any]:
    """Import pyarrow, which nothing else needs.

    Raises:
        MissingDependencyError: If it is not installed.
    """
    try:
        return importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise MissingDependencyError(
            f"Parquet needs pyarrow, which can't be imported ({error}).",
            "Install it: pip install 'embedlane[parquet]'; .jsonl.gz and .npz need nothing more.",
        ) from error
