"""A server on the loopback interface, in a thread of this process or in the foreground."""

from __future__ import annotations

import ipaddress
import socket
import threading
from typing import TYPE_CHECKING, Any

import uvicorn

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

_START = 30.0


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one.

    Raises:
        ValueError: For a host that others can reach: the emulator lets everybody in.
    """
    address = "127.0.0.1" if host == "localhost" else host
    try:
        loopback = ipaddress.ip_address(address).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise ValueError(f"the emulator listens on loopback addresses only, not on {host!r}")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    # With the protocol named, or asyncio leaves Nagle's algorithm on and each small reply waits 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, port))
    listener.listen(128)
    return listener


def url_of(listener: socket.socket) -> str:
    """The base URL of what listens there."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def uvicorn_server(app: ASGIApp) -> uvicorn.Server:
    """uvicorn, quiet and without what would come between us and the connection."""
    config = uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="off",
        log_level="critical",
        access_log=False,
        timeout_keep_alive=60,
        timeout_graceful_shutdown=1,
    )
    return uvicorn.Server(config)


class Switchboard:
    """An application whose inside can be changed between two tests."""

    def __init__(self) -> None:
        self.app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand over to the application of the moment."""
        if self.app is not None:
            await self.app(scope, receive, send)
            return
        headers = [(b"content-type", b"text/plain")]
        await send({"type": "http.response.start", "status": 503, "headers": headers})
        await send({"type": "http.response.body", "body": b"no emulator is running here now"})


class Server:
    """A server in a thread, from construction to `close`."""

    def __init__(self, app: ASGIApp, host: str = "127.0.0.1", port: int = 0) -> None:
        listener = listen(host, port)
        #: The base URL, without a slash at its end.
        self.url = url_of(listener)
        self._server = uvicorn_server(app)
        self._started = threading.Event()
        self._thread = threading.Thread(
            target=self._serve, args=(listener,), name="embedlane-emulator", daemon=True
        )
        self._thread.start()
        if not self._started.wait(_START):
            raise RuntimeError("the emulator's server did not start")

    def _serve(self, listener: socket.socket) -> None:
        startup = self._server.startup

        async def startup_and_tell(sockets: Any = None) -> None:
            await startup(sockets)
            self._started.set()

        self._server.startup = startup_and_tell  # type: ignore[method-assign]
        with listener:
            self._server.run(sockets=[listener])

    def close(self) -> None:
        """Stop serving."""
        self._server.should_exit = True
        self._thread.join(10)
