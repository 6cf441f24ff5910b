"""Files at the service: upload, download, removal."""

from __future__ import annotations

import time
from typing import IO, TYPE_CHECKING, final

import attrs

from embedlane.plugin import RequestRefusedError, TransientError
from embedlane_openai._service import Outcome, failed, parsed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from embedlane_openai._service import Service

_ATTEMPTS = 3
#: Seconds that the service may take for a large file once it has all of it: the SDK's own default.
_PATIENCE = 600.0
_NOT_FOUND = 404
#: Bytes that are written at once.
_PIECE = 1 << 18


class MissingFileError(Exception):
    """The service no longer has a file."""


@final
@attrs.frozen(eq=False, repr=False)
class Files:
    """The files of one service."""

    service: Service
    sleep: Callable[[float], None] = time.sleep

    def upload(self, path: Path, size: int) -> str:
        """Upload *path* for a batch.

        Returns:
            Its id, such as ``file-abc``.

        Raises:
            TransientError: The same upload may succeed later.
            RequestRefusedError: The service does not take the file.
        """
        call = self.service.call(f"upload {path.name}")
        with path.open("rb") as stream:
            body = self.service.fetch(
                call,
                lambda client: client.files.with_raw_response.create(
                    file=(path.name, stream, "application/jsonl"), purpose="batch", timeout=_PATIENCE
                ),
            )
        file = parsed(call, body)
        name, held = file.get("id"), file.get("bytes")
        if not isinstance(name, str) or not name:
            raise TransientError(f"The answer of {call.provider} to {call} names no file: {body[:80]!r}.")
        if isinstance(held, int) and held != size:
            self.delete(name)
            raise TransientError(f"{call.provider} has {held} of the {size} bytes of {path.name}.")
        if file.get("status") == "error":
            why = file.get("status_details") or "no reason given"
            raise RequestRefusedError(
                f"{call.provider} could not take in {path.name}: {why}.", code="FILE_ERROR"
            )
        return name

    def download(self, name: str, target: IO[bytes]) -> None:
        """Stream the file *name* into *target*, emptied first; again if the download breaks off.

        Raises:
            MissingFileError: If the service no longer has it.
            TransientError: If it breaks off again and again.
        """
        told, last = self._size(name), -1
        for attempt in range(1, _ATTEMPTS + 1):
            outcome = self._download_once(name, target)
            if outcome.status == _NOT_FOUND:
                raise MissingFileError
            if outcome.failure is None:
                found = target.tell()
                # The same length twice is how the file is, whatever the service says of its size.
                if told in {None, found} or found == last:
                    target.seek(0)
                    return
                last = found
            elif attempt == _ATTEMPTS or not isinstance(outcome.failure, TransientError):
                raise outcome.failure
            self.sleep(0.2 * attempt)
        raise TransientError(f"{self.service.provider} sends {name} in another length each time.")

    def _size(self, name: str) -> int | None:
        """Bytes of the file, as the service says; None if it does not.

        Raises:
            MissingFileError: If it has no such file.
        """
        call = self.service.call(f"look at {name}")
        outcome = self.service.attempt(call, lambda client: client.files.with_raw_response.retrieve(name))
        if outcome.status == _NOT_FOUND:
            raise MissingFileError
        size = parsed(call, outcome.answer()).get("bytes")
        return size if isinstance(size, int) else None

    def _download_once(self, name: str, target: IO[bytes]) -> Outcome:
        target.seek(0)
        target.truncate()
        try:
            with self.service.client.files.with_streaming_response.content(name) as response:
                for piece in response.iter_bytes(_PIECE):
                    target.write(piece)
        except Exception as error:
            return failed(self.service.translator, self.service.call(f"download {name}"), error)
        target.flush()
        return Outcome(body=b"")

    def delete(self, name: str) -> None:
        """Remove the file *name*; that it is gone is no error."""
        call = self.service.call(f"delete {name}")
        outcome = self.service.attempt(call, lambda client: client.files.with_raw_response.delete(name))
        if outcome.failure is not None and outcome.status != _NOT_FOUND:
            raise outcome.failure
