"""A download that breaks off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedlane_emulator.transport import hang_up

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.types import Receive, Scope, Send

_CHUNK = 1 << 18


class Truncated:
    """Promises a whole file, sends a share of it and hangs up."""

    def __init__(self, path: Path, share: float) -> None:
        self._path = path
        self._share = share

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Send the head of the file."""
        size = self._path.stat().st_size
        headers = [
            (b"content-type", b"application/octet-stream"),
            (b"content-length", str(size).encode()),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        left = int(size * self._share)
        with self._path.open("rb") as content:
            while left > 0:
                chunk = content.read(min(_CHUNK, left))
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
                left -= len(chunk)
        await hang_up(receive, send)
