"""The SDK's async client, one for each event loop.

A connection belongs to the loop that opened it. Each client is kept by an asynchronous generator, which
closes it when it ends; and a loop ends its generators in time: those that nobody holds any more at once, the
others before `asyncio.run` returns.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, TypeAlias, final
from weakref import WeakKeyDictionary

import attrs

if TYPE_CHECKING:
    import openai

    from embedlane_openai._service import Opener

_Kept: TypeAlias = "tuple[openai.AsyncOpenAI, AsyncGenerator[None, None]]"


@final
@attrs.frozen(eq=False, repr=False)
class LoopClients:
    """Opens a client in each event loop that asks for one, and closes it with the loop."""

    _opener: Opener
    _kept: WeakKeyDictionary[asyncio.AbstractEventLoop, _Kept] = attrs.field(
        factory=WeakKeyDictionary, init=False
    )

    async def client(self) -> openai.AsyncOpenAI:
        """The client of the running loop."""
        loop = asyncio.get_running_loop()
        if loop not in self._kept:
            client = self._opener.async_client()
            keeper = _keep(client)
            self._kept[loop] = client, keeper
            await anext(keeper)
        return self._kept[loop][0]

    def close(self) -> None:
        """Let go of all clients; the loops that still run close theirs."""
        self._kept.clear()


async def _keep(client: openai.AsyncOpenAI) -> AsyncGenerator[None, None]:
    async with client:
        yield
