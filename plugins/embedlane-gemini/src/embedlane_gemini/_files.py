"""Files at the service: upload, download, removal."""

from __future__ import annotations

import logging
import time
from typing import IO, TYPE_CHECKING, cast

import attrs

from embedlane.plugin import EmbedlaneError, RequestRefusedError, TransientError
from embedlane_gemini._service import Outcome, failed
from embedlane_gemini._status import Call

if TYPE_CHECKING:
    import io
    from collections.abc import Callable
    from pathlib import Path

    from google import genai
    from google.genai import types

    from embedlane_gemini._service import Service

_log = logging.getLogger(__name__)

#: Google's documentation and its executed notebook use it; `mimetypes` knows none for .jsonl.
MIME_TYPE = "jsonl"
_PATIENCE = 30.0
_ATTEMPTS = 3
_MISSING = frozenset({403, 404})


class MissingFileError(Exception):
    """The service no longer has a file."""


@attrs.frozen(eq=False, repr=False)
class Files:
    """The files of one service."""

    service: Service
    sleep: Callable[[float], None] = time.sleep

    def upload(self, path: Path, size: int, tag: str) -> str:
        """Upload *path* under the display name *tag*, and wait until the service has taken it in.

        Returns:
            Its name, such as ``files/abc``.

        Raises:
            TransientError: The same upload may succeed later.
            RequestRefusedError: The service does not take the file.
        """
        call = Call(f"upload {path.name}")
        config: types.UploadFileConfigDict = {"display_name": tag, "mime_type": MIME_TYPE}
        try:
            file = self.service.client.files.upload(file=path, config=config)
        except Exception as error:
            outcome = failed(self.service.translator, call, error)
        else:
            return self._active(file, size, path.name)
        assert outcome.failure is not None
        raise TransientError(outcome.failure.message) if outcome.kind in _PROTOCOL else outcome.failure

    def _active(self, file: types.File, size: int, place: str) -> str:
        """The name of *file*, once it is active."""
        name = file.name or ""
        waited = 0.0
        while name and _state(file) in {"PROCESSING", "STATE_UNSPECIFIED"} and waited < _PATIENCE:
            self.sleep(1.0)
            waited += 1.0
            file = self.service.plain(Call(f"look at {name}"), lambda client: client.files.get(name=name))
        if _state(file) == "FAILED":
            why = file.error.message if file.error else "no reason given"
            raise RequestRefusedError(f"Gemini could not take in {place}: {why}.", code="FILE_FAILED")
        if not name or _state(file) not in {"ACTIVE", ""}:
            raise TransientError(f"Gemini has not taken in {place} yet: {_state(file) or 'it has no name'}.")
        if file.size_bytes is not None and file.size_bytes != size:
            raise TransientError(f"Gemini has {file.size_bytes} of the {size} bytes of {place}.")
        return name

    def download(self, name: str, target: IO[bytes]) -> None:
        """Stream the file *name* into *target*, emptied first; again if the download breaks off.

        Raises:
            MissingFileError: If the service no longer has it.
            TransientError: If it breaks off again and again.
        """
        size = -1
        for attempt in range(1, _ATTEMPTS + 1):
            outcome = self._download_once(name, target)
            if outcome.failure is None:
                # Cut within a line: the same length twice is how the file is, not how the network is.
                if _ends_whole(target) or target.tell() == size or attempt == _ATTEMPTS:
                    break
                size = target.tell()
            elif outcome.status not in _MISSING and not isinstance(outcome.failure, TransientError):
                raise outcome.failure
            elif attempt == _ATTEMPTS:
                raise MissingFileError if outcome.status in _MISSING else outcome.failure
            self.sleep(0.5 * attempt)
        target.seek(0)

    def _download_once(self, name: str, target: IO[bytes]) -> Outcome:
        target.seek(0)
        target.truncate()
        try:
            self.service.client.files.download(file=name, destination=cast("io.IOBase", target))
        except Exception as error:
            return failed(self.service.translator, Call(f"download {name}"), error)
        target.flush()
        return Outcome(body=None, sent=True)

    def delete(self, name: str) -> None:
        """Remove the file *name*; that it is gone, or can't be removed, is no error.

        The id of a result file is longer than the service's own limit for ids (python-genai issue 1759), so
        that such a file stays until it expires.
        """
        try:
            self.service.plain(Call(f"delete {name}"), lambda client: client.files.delete(name=name))
        except TransientError:
            raise
        except EmbedlaneError as error:
            _log.info("%s was not deleted: %s", name, error.message)

    def named(self, tag: str) -> list[str]:
        """Names of the files that were uploaded under *tag*."""

        def listed(client: genai.Client) -> list[str]:
            files = client.files.list(config={"page_size": 100})
            return [file.name for file in files if file.display_name == tag and file.name]

        return self.service.plain(Call("list files"), listed)


#: What the SDK raises when the service does not keep to the protocol of uploads.
_PROTOCOL = frozenset({KeyError, ValueError, AttributeError, TypeError})


def _state(file: types.File) -> str:
    return "" if file.state is None else file.state.value


def _ends_whole(file: IO[bytes]) -> bool:
    """Whether *file* is empty or ends with a line's end; leaves it at its end."""
    size = file.seek(0, 2)
    if size == 0:
        return True
    file.seek(-1, 2)
    return file.read(1) in {b"\n", b"}"}
