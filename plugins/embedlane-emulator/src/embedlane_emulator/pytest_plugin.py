"""The fixture ``gemini_emulator``: a fresh service for each test, behind one server for all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from embedlane_emulator.emulator import GeminiEmulator
    from embedlane_emulator.server import Switchboard


@pytest.fixture(scope="session")
def _gemini_switchboard() -> Iterator[tuple[Switchboard, str]]:
    from embedlane_emulator.server import Server, Switchboard  # noqa: PLC0415 - no server for who asks for none

    switchboard = Switchboard()
    server = Server(switchboard)
    yield switchboard, server.url
    server.close()


@pytest.fixture
def gemini_emulator(_gemini_switchboard: tuple[Switchboard, str]) -> Iterator[GeminiEmulator]:
    """An emulated Gemini service that nobody has used before; point SDKs at its ``url``."""
    from embedlane_emulator.emulator import GeminiEmulator  # noqa: PLC0415 - as above

    switchboard, url = _gemini_switchboard
    emulator = GeminiEmulator(url=url)
    switchboard.app = emulator.app
    yield emulator
    switchboard.app = None
    emulator.close()
