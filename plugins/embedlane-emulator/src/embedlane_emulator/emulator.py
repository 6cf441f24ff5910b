"""Emulated services as objects: start one, point an SDK at its URL, assert on its bill."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Self

from embedlane_emulator import faults as fault_files
from embedlane_emulator.control import Control
from embedlane_emulator.core import Core, S
from embedlane_emulator.gemini.app import Gemini
from embedlane_emulator.gemini.settings import GeminiSettings
from embedlane_emulator.openai.app import POINTLESS, OpenAI
from embedlane_emulator.openai.settings import OpenAISettings
from embedlane_emulator.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from types import TracebackType

    from starlette.types import ASGIApp

    from embedlane_emulator.bill import Bill
    from embedlane_emulator.clock import Clock
    from embedlane_emulator.faults import Fault, FaultBook
    from embedlane_emulator.service import Service


class Emulator(Generic[S]):
    """One emulated service with a state of its own; `GeminiEmulator` and `OpenAIEmulator` are the kinds.

    Args:
        core: Its state.
        service: What answers.
        url: Where it is served, if a server that exists already serves its `app`.
    """

    def __init__(self, core: Core[S], service: Service[Any], url: str = "") -> None:
        self._core = core
        self._service = service
        #: The ASGI application.
        self.app: ASGIApp = Control(core, service, service.jobs.settle)
        self._server: Server | None = None
        #: Where it is served, without a version.
        self.url = url

    @property
    def clock(self) -> Clock:
        """The clock: ``advance(seconds)``, ``freeze()``, ``run()``, ``turn_to(moment)``, ``now()``."""
        return self._core.clock

    @property
    def bill(self) -> Bill:
        """What was charged until now: ``creates()``, ``total(lane)``, ``charges(lane)``, ``of_job(id)``."""
        self._service.jobs.settle()
        return self._core.bill

    @property
    def faults(self) -> FaultBook:
        """What goes wrong: ``add(kind, **fields)``, ``remove(id)``, ``clear()``, ``fired(id)``."""
        return self._core.faults

    @property
    def settings(self) -> S:
        """How it behaves."""
        return self._core.settings

    def configure(self, **changes: Any) -> S:
        """Change settings, such as ``running=10`` or ``enqueued_tokens=1000``, from now on."""
        return self._core.configure(**changes)

    def load_faults(self, path: Path) -> None:
        """Switch on the faults of a TOML or JSON file."""
        for fault in fault_files.load(path):
            self.faults.add(fault)

    def start(self, host: str = "127.0.0.1", port: int = 0) -> Self:
        """Serve it from a thread of this process.

        Raises:
            ValueError: For a host that is not a loopback address.
            OSError: If the port is taken.
        """
        try:
            self._server = Server(self.app, host, port)
        except BaseException:
            self.close()
            raise
        self.url = self._server.url
        return self

    def close(self) -> None:
        """Stop it; without a data directory its state is gone."""
        self._core.closing.set()
        if self._server is not None:
            self._server.close()
        self._service.close()

    def __enter__(self) -> Self:
        return self if self.url else self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class GeminiEmulator(Emulator[GeminiSettings]):
    """The Gemini Developer API.

    Args:
        data_dir: Where its state survives; nowhere if left out.
        settings: How it behaves.
        faults: What goes wrong from the start.
        url: Where it is served, if a server that exists already serves its `app`.
    """

    def __init__(
        self,
        data_dir: Path | None = None,
        settings: GeminiSettings | None = None,
        faults: Iterable[Fault] = (),
        url: str = "",
    ) -> None:
        core = Core(data_dir, settings or GeminiSettings(), faults)
        super().__init__(core, Gemini(core), url)


class OpenAIEmulator(Emulator[OpenAISettings]):
    """The OpenAI API, or that of a server compatible with it.

    Args:
        data_dir: Where its state survives; nowhere if left out.
        settings: How it behaves.
        faults: What goes wrong from the start.
        url: Where it is served, if a server that exists already serves its `app`.
    """

    def __init__(
        self,
        data_dir: Path | None = None,
        settings: OpenAISettings | None = None,
        faults: Iterable[Fault] = (),
        url: str = "",
    ) -> None:
        core = Core(data_dir, settings or OpenAISettings(), faults, POINTLESS)
        super().__init__(core, OpenAI(core), url)

    @property
    def base_url(self) -> str:
        """What the SDK takes as its ``base_url``."""
        return f"{self.url}/v1"
