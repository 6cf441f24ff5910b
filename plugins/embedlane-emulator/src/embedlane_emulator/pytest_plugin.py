"""The fixtures ``gemini_emulator`` and ``openai_emulator``: a fresh service for each test."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from embedlane_emulator.emulator import Emulator, GeminiEmulator, OpenAIEmulator
    from embedlane_emulator.server import Switchboard


@contextmanager
def _serving() -> Iterator[tuple[Switchboard, str]]:
    from embedlane_emulator.server import Server, Switchboard  # noqa: PLC0415 - no server for who asks for none

    switchboard = Switchboard()
    server = Server(switchboard)
    yield switchboard, server.url
    server.close()


@contextmanager
def _switched_to(switchboard: Switchboard, emulator: Emulator[Any]) -> Iterator[None]:
    switchboard.app = emulator.app
    yield
    switchboard.app = None
    emulator.close()


@pytest.fixture(scope="session")
def _gemini_switchboard() -> Iterator[tuple[Switchboard, str]]:
    with _serving() as served:
        yield served


@pytest.fixture(scope="session")
def _openai_switchboard() -> Iterator[tuple[Switchboard, str]]:
    with _serving() as served:
        yield served


@pytest.fixture
def gemini_emulator(_gemini_switchboard: tuple[Switchboard, str]) -> Iterator[GeminiEmulator]:
    """An emulated Gemini service that nobody has used before; point SDKs at its ``url``."""
    from embedlane_emulator.emulator import GeminiEmulator  # noqa: PLC0415 - as above

    switchboard, url = _gemini_switchboard
    emulator = GeminiEmulator(url=url)
    with _switched_to(switchboard, emulator):
        yield emulator


@pytest.fixture
def openai_emulator(_openai_switchboard: tuple[Switchboard, str]) -> Iterator[OpenAIEmulator]:
    """An emulated OpenAI service that nobody has used before; point SDKs at its ``base_url``."""
    from embedlane_emulator.emulator import OpenAIEmulator  # noqa: PLC0415 - as above

    switchboard, url = _openai_switchboard
    emulator = OpenAIEmulator(url=url)
    with _switched_to(switchboard, emulator):
        yield emulator
