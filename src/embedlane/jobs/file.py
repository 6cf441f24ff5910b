"""Writing the batch file: streamed, digested, whole or not there."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

from embedlane.errors import PluginError
from embedlane.providers.values import BatchFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from embedlane.providers.values import BatchRow


def write_batch_file(
    path: Path, rows: Iterable[BatchRow], encode: Callable[[BatchRow], bytes], most_bytes: int | None
) -> BatchFile:
    r"""Write a line for each row, until the file would be larger than *most_bytes*.

    The file appears under its name only when it is complete and on disk; a crash leaves at most a
    ``.part`` file, which the next attempt overwrites.

    Args:
        path: Where the file is to be.
        rows: The rows, in their order.
        encode: The provider's line for a row.
        most_bytes: The provider's limit; None for none.

    Returns:
        The file, with the number of rows that fitted.

    Raises:
        PluginError: If an encoded row holds a line break.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    digest, size, count = hashlib.sha256(), 0, 0
    with part.open("wb") as stream:
        for row in rows:
            line = encode(row)
            if b"\n" in line:
                raise PluginError(
                    f"The batch line for row {row.key} holds a line break.", "This is a fault of the plugin."
                )
            if most_bytes is not None and size + len(line) + 1 > most_bytes:
                break
            stream.write(line + b"\n")
            digest.update(line + b"\n")
            size += len(line) + 1
            count += 1
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(path)
    return BatchFile(path=path, rows=count, size=size, digest=digest.hexdigest())
