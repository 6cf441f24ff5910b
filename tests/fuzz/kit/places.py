"""Where runs happen."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: A folder in memory. What a killed process has written is there all the same, and nobody pulls the plug.
_MEMORY = Path("/dev/shm")


@contextlib.contextmanager
def workplace() -> Iterator[Path]:
    """A folder that is gone afterwards: in memory where that can be, for a disk takes long to be sure."""
    fast = _MEMORY if os.access(_MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="embedlane-fuzz-", dir=fast) as name:
        yield Path(name)
