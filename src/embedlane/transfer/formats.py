"""Which format a file has, by its suffix."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from embedlane.errors import InputError, UsageError
from embedlane.transfer.jsonl import JsonlSink, JsonlSource
from embedlane.transfer.npz import NpzSink, NpzSource
from embedlane.transfer.parquet import ParquetSink, ParquetSource

if TYPE_CHECKING:
    from embedlane.transfer.files import Sink, Source
    from embedlane.transfer.records import Header

#: The suffixes that a file of vectors may have.
SUFFIXES = (".parquet", ".jsonl", ".jsonl.gz", ".npz")


def suffix_of(path: Path) -> str:
    """The suffix of *path*, as one of `SUFFIXES`.

    Raises:
        UsageError: If it has none of them.
    """
    # The longest first, for one ends with another's letters.
    for suffix in sorted(SUFFIXES, key=len, reverse=True):
        if path.name.lower().endswith(suffix):
            return suffix
    raise UsageError(
        f"The name of {path} does not say which format it has.", f"Use one of {', '.join(SUFFIXES)}."
    )


def open_sink(path: Path, suffix: str, header: Header) -> Sink:
    """Begin to write a file at *path* in the format of *suffix*.

    Raises:
        MissingDependencyError: If the format needs a package that is not installed.
    """
    if suffix == ".parquet":
        return ParquetSink(path, header)
    if suffix == ".npz":
        return NpzSink(path, header)
    return JsonlSink(path, header, compressed=suffix.endswith(".gz"))


def open_source(path: Path, vector: str) -> Source:
    """The file at *path*, to be read.

    Args:
        path: The file.
        vector: The field of its vectors.

    Raises:
        UsageError: If its name does not say which format it has.
        InputError: If there is no such file.
    """
    suffix = suffix_of(path)
    if not path.is_file():
        raise InputError(f"There is no file {path}.", "Check the path.")
    if suffix == ".parquet":
        return ParquetSource(path, vector)
    if suffix == ".npz":
        return NpzSource(path)
    return JsonlSource(path, suffix.endswith(".gz"))
