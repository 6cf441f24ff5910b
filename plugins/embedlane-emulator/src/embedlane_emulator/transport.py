"""Breaking connections on purpose, which ASGI has no word for."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import threading

    from starlette.types import Receive, Scope, Send


class Dropped(Exception):
    """The connection is to be closed without another byte."""


class HangUp:
    """A reply that is none: the connection is reset."""

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Reset the connection."""
        await hang_up(receive, send)


async def hang_up(receive: Receive, send: Send) -> None:
    """Reset the connection of a request, so that the client sees neither an answer nor a clean end."""
    transport = _transport(send)
    if transport is None:  # another server than uvicorn: the best that ASGI can do
        raise Dropped
    connection = transport.get_extra_info("socket")
    if connection is not None:
        # Linger for zero seconds: close() sends RST instead of FIN.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
    while (await receive())["type"] != "http.disconnect":
        pass


def _transport(send: Send) -> Any:
    """Uvicorn gives each request a bound method of the object that holds its transport."""
    return getattr(getattr(send, "__self__", None), "transport", None)


async def wait(seconds: float, closing: threading.Event) -> None:
    """Sleep by the real clock, but wake up when the service goes down."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while (left := end - loop.time()) > 0 and not closing.is_set():
        await asyncio.sleep(min(left, 0.05))
