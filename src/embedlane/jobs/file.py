"""Writing the batch file: streamed, digested, whole or not there."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, TypeVar

from embedlane.errors import PluginError
from embedlane.providers.values import BatchFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from embedlane.jobs.cargo import Row
    from embedlane.providers.values import BatchLimits

_Row = TypeVar("_Row", bound="Row")


def write_batch_file(
    path: Path, rows: Iterable[_Row], encode: Callable[[Sequence[_Row]], bytes], limits: BatchLimits
) -> BatchFile:
    r"""Write rows line by line, until the file would be larger than *limits* allow.

    The file appears under its name only when it is complete and on disk; a crash leaves at most a
    ``.part`` file, which the next attempt overwrites.

    Args:
        path: Where the file is to be.
        rows: The rows, in their order.
        encode: The provider's line for some rows.
        limits: How many rows a line takes, and how many bytes the file.

    Returns:
        The file, with the number of rows that fitted.

    Raises:
        PluginError: If an encoded row holds a line break.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = _part(path)
    digest, size, count = hashlib.sha256(), 0, 0
    with part.open("wb") as stream:
        for group in _lines(rows, limits.texts_per_line):
            line = encode(group)
            if b"\n" in line:
                raise PluginError(
                    f"The batch line for row {group[0].key} holds a line break.",
                    "This is a fault of the plugin.",
                )
            if limits.size is not None and size + len(line) + 1 > limits.size:
                break
            stream.write(line + b"\n")
            digest.update(line + b"\n")
            size += len(line) + 1
            count += len(group)
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(path)
    return BatchFile(path=path, rows=count, size=size, digest=digest.hexdigest())


def remove_batch_file(path: Path) -> None:
    """Remove the file, and what a crash has left of an attempt to write it; no error if nothing is there."""
    path.unlink(missing_ok=True)
    _part(path).unlink(missing_ok=True)


def _part(path: Path) -> Path:
    return path.with_name(path.name + ".part")


def _lines(rows: Iterable[_Row], most: int) -> Iterator[list[_Row]]:
    """Cut *rows* into lines of at most *most*; a row that is to be alone gets a line of its own."""
    line: list[_Row] = []
    for row in rows:
        if line and (row.alone or line[-1].alone or len(line) == most):
            yield line
            line = []
        line.append(row)
    if line:
        yield line
