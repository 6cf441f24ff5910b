"""Downloads of results, those that go wrong included."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import FileResponse

from embedlane_emulator.faults import Moment
from embedlane_emulator.transport import hang_up

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.types import Receive, Scope, Send

    from embedlane_emulator.core import Core
    from embedlane_emulator.job import Job
    from embedlane_emulator.service import Refusal

_CHUNK = 1 << 18
_BYTES = "application/octet-stream"


def send(core: Core[Any], path: Path, found: Job | None, operation: str, gone: Refusal) -> Any:
    """The content at *path*, streamed, unless a fault strikes the download.

    Args:
        core: Where the faults are.
        path: The content.
        found: The job whose results it is, if it is any.
        operation: The API's name of the operation.
        gone: What is said of results that are not there.

    Raises:
        Refusal: *gone*, where a fault says so.
    """
    model, display_name = (found.model, found.display_name) if found else ("", "")
    for fault in core.faults.draw(Moment.DOWNLOAD, operation, model, display_name):
        if fault.kind == "results-gone":
            raise gone
        return _Truncated(path, 0.5 if fault.fraction is None else fault.fraction)
    return FileResponse(path, media_type=_BYTES)


class _Truncated:
    """Promises a whole file, sends a share of it and hangs up."""

    def __init__(self, path: Path, share: float) -> None:
        self._path = path
        self._share = share

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Send the head of the file."""
        size = self._path.stat().st_size
        headers = [
            (b"content-type", _BYTES.encode()),
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
