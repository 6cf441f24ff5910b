"""Telling all threads of a run to send nothing more."""

from __future__ import annotations

import threading

import attrs


class HaltedError(Exception):
    """The run was halted before the request was sent; it costs nothing."""


@attrs.define(eq=False)
class Halt:
    """A switch that is turned once. Waits for a rate or before a retry end when it is."""

    _turned: threading.Event = attrs.field(factory=threading.Event, init=False)

    def turn(self) -> None:
        """Send nothing more from now on."""
        self._turned.set()

    def check(self) -> None:
        """Raise HaltedError if the run was halted."""
        self.sleep(0.0)

    def sleep(self, seconds: float) -> None:
        """Wait for *seconds*, or raise HaltedError as soon as the run is halted."""
        if self._turned.wait(seconds):
            raise HaltedError
