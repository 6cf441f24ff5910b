"""The clock by which jobs move and files expire: the real one, or one that tests turn."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def _forget(_state: Mapping[str, Any]) -> None:
    """Keep nothing: the default for clocks that need not outlive their process."""


@attrs.define
class Clock:
    """Seconds since the epoch, shifted and stopped at will."""

    #: Where real time comes from.
    source: Callable[[], float] = time.time
    #: Called with the state after each change, so that a restart finds the same time.
    save: Callable[[Mapping[str, Any]], None] = _forget
    _offset: float = 0.0
    _frozen: float | None = None
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False, repr=False, eq=False)

    def now(self) -> float:
        """The time, in seconds since the epoch."""
        return self._frozen if self._frozen is not None else self.source() + self._offset

    def advance(self, seconds: float) -> None:
        """Turn the clock forward.

        Raises:
            ValueError: For negative seconds: time that went back would revive expired files.
        """
        if seconds < 0:
            raise ValueError(f"the clock can't be turned back, but {seconds} seconds were asked for")
        with self._lock:
            if self._frozen is None:
                self._offset += seconds
            else:
                self._frozen += seconds
        self.save(self.state())

    def turn_to(self, moment: datetime) -> None:
        """Turn the clock to a *moment* of any past or future."""
        with self._lock:
            seconds = moment.timestamp()
            if self._frozen is None:
                self._offset = seconds - self.source()
            else:
                self._frozen = seconds
        self.save(self.state())

    def freeze(self) -> None:
        """Stop the clock; from now on only `advance` and `turn_to` move it."""
        with self._lock:
            self._frozen = self.now()
        self.save(self.state())

    def run(self) -> None:
        """Let a stopped clock go on from where it stands."""
        with self._lock:
            if self._frozen is not None:
                self._offset = self._frozen - self.source()
                self._frozen = None
        self.save(self.state())

    @property
    def frozen(self) -> bool:
        """Whether it stands still."""
        return self._frozen is not None

    def state(self) -> dict[str, Any]:
        """What `restore` needs."""
        return {"offset": self._offset, "frozen": self._frozen}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over a saved state."""
        with self._lock:
            self._offset = float(state["offset"])
            self._frozen = state["frozen"]


def iso(seconds: float) -> str:
    """A time as proto JSON writes a Timestamp: RFC 3339 in UTC with microseconds."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
