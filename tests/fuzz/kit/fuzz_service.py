"""An emulated provider by the shared clock, new for each run, behind a gate that knows when it is idle."""

from __future__ import annotations

import contextlib
import http.client
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import attrs

from embedlane_emulator.server import Server, Switchboard

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dialects import Dialect
    from scenarios import Scenario
    from shared_clock import SharedClock
    from starlette.types import Receive, Scope, Send

    from embedlane_emulator.emulator import Emulator


class Gate(Switchboard):
    """Counts the requests that are under way."""

    def __init__(self) -> None:
        super().__init__()
        self.busy = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in and, if it comes to that, out again."""
        self.busy += 1
        try:
            await super().__call__(scope, receive, send)
        finally:
            self.busy -= 1


@attrs.define
class Host:
    """A server in this process; the emulators behind it take turns."""

    clock: SharedClock
    _gate: Gate = attrs.field(factory=Gate, init=False)
    _server: Server = attrs.field(init=False)

    @_server.default
    def _start(self) -> Server:
        return Server(self._gate)

    @property
    def url(self) -> str:
        """Where it is."""
        return self._server.url

    @contextlib.contextmanager
    def serving(self, dialect: Dialect, scenario: Scenario) -> Iterator[Emulator[Any]]:
        """Serve a new emulator with the faults of *scenario*."""
        emulator = dialect.emulator(url=self.url)
        emulator.clock.source = self.clock.now
        emulator.configure(pending=5.0, running=scenario.running)
        for kind, fields in scenario.faults:
            operation = fields["operation"]
            emulator.faults.add(kind, **{**fields, "operation": dialect.operations.get(operation, operation)})
        self._gate.app = emulator.app
        try:
            yield emulator
        finally:
            self._gate.app = None
            emulator.close()

    def settle(self) -> None:
        """Wait until all that a client has sent, dead or alive, is answered.

        A job that a dead client's last request makes is there before the next client asks, as it would be in
        life, where restarts take longer.
        """
        # What came before on the wire is taken up before this is answered.
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc)
        connection.request("GET", "/emulator/clock")
        connection.getresponse().read()
        connection.close()
        while self._gate.busy:
            time.sleep(0.001)

    def close(self) -> None:
        """Stop."""
        self._server.close()
