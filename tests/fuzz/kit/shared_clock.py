"""A clock in a page of memory that several processes share: it stands still until one of them sleeps."""

from __future__ import annotations

import mmap
import struct
from pathlib import Path

import attrs

#: Where every clock starts: a day in September 2026, so that no run depends on the day it is run.
START = 1_790_000_000.0
_FORM = struct.Struct("<d")


@attrs.define
class SharedClock:
    """Seconds since 1970. Hours of waiting take no time, and no run depends on the machine's speed."""

    _page: mmap.mmap

    @classmethod
    def of(cls, path: Path) -> SharedClock:
        """The clock in the file *path*, which is made if it is not there."""
        if not path.exists():
            path.write_bytes(_FORM.pack(START))
        with path.open("r+b") as file:
            return cls(mmap.mmap(file.fileno(), _FORM.size))

    def now(self) -> float:
        """The time."""
        return float(_FORM.unpack_from(self._page)[0])

    def sleep(self, seconds: float) -> None:
        """Turn it forward instead of waiting."""
        _FORM.pack_into(self._page, 0, self.now() + max(0.0, seconds))

    def reset(self) -> None:
        """Turn it back to its start, for another run."""
        _FORM.pack_into(self._page, 0, START)
