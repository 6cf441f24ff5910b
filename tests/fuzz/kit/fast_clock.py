"""A clock that runs faster, and the same in all processes of a machine."""

from __future__ import annotations

import time
from typing import Any

import attrs

#: What the clock shows when it is started: a day in September 2026, so that no run depends on its day.
EPOCH = 1_790_000_000.0
#: Real seconds of the shortest sleep, so that nobody who waits takes the processor from who works.
_NAP = 0.03


@attrs.frozen(kw_only=True)
class FastClock:
    """Seconds since 1970, some times as many as have really passed."""

    #: When it was started, on the machine's own clock.
    start: float = attrs.field(factory=time.monotonic)
    #: Its seconds in a real one.
    speed: float

    def now(self) -> float:
        """The time."""
        return EPOCH + (time.monotonic() - self.start) * self.speed

    def wind(self) -> None:
        """Let it be the clock of this process, before anything is imported that keeps the other one."""
        real: Any = time.sleep
        time.time = self.now
        time.sleep = lambda seconds: real(max(seconds / self.speed, _NAP) if seconds > 0 else 0)
