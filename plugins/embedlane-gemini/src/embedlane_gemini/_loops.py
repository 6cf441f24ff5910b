"""The SDK's async client, one for each event loop.

A connection belongs to the loop it was opened in. A loop that ends through `asyncio.run` ends its
asynchronous generators first, so a generator that holds a client closes it in time.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import attrs

if TYPE_CHECKING:
    from google import genai

    from embedlane_gemini._http import AsyncTapClient
    from embedlane_gemini._service import Opener


@attrs.frozen(eq=False, repr=False)
class _Held:
    client: genai.Client
    keeper: AsyncGenerator[None, None]


@attrs.frozen(eq=False, repr=False)
class LoopClients:
    """Opens a client in each event loop that asks for one, and closes it with the loop."""

    _opener: Opener
    _held: WeakKeyDictionary[asyncio.AbstractEventLoop, _Held] = attrs.field(
        factory=WeakKeyDictionary, init=False
    )

    async def client(self) -> genai.Client:
        """The client of the running loop."""
        loop = asyncio.get_running_loop()
        held = self._held.get(loop)
        if held is None:
            http, async_http = self._opener.http(), self._opener.async_http()
            http.close()  # only there so that the SDK opens none of its own
            held = _Held(self._opener.client(http, async_http), _keeper(async_http))
            self._held[loop] = held
            await anext(held.keeper)
        return held.client

    def close(self) -> None:
        """Close what can be closed from here; the rest is closed with its loop."""
        for loop, held in list(self._held.items()):
            if loop.is_running():
                with contextlib.suppress(RuntimeError):
                    asyncio.run_coroutine_threadsafe(_end(held.keeper), loop)
        self._held.clear()


async def _keeper(http: AsyncTapClient) -> AsyncGenerator[None, None]:
    async with http:
        yield


async def _end(keeper: AsyncGenerator[None, None]) -> None:
    await keeper.aclose()
