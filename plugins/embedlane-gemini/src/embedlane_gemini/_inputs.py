"""Bringing a job's rows to the service: as a file, or kept for the create itself."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import attrs
import orjson
from google.genai import types

from embedlane.plugin import StagedInput
from embedlane_gemini._lines import check_file, read_lines
from embedlane_gemini._settings import BatchInput

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from embedlane.plugin import BatchFile
    from embedlane_gemini._files import Files
    from embedlane_gemini._lines import Judge

#: Rows of an inline job at most. Their order was seen to be mangled from about a thousand on (js-genai issue
#: 1207), and where the service drops their keys, order is all that is left.
INLINE_ROWS = 100
#: Bytes of an inline job at most; the service takes 20 MB of request, which also holds each row's key twice.
INLINE_BYTES = 12_000_000
_INLINE = "inline"


@attrs.frozen(eq=False, repr=False)
class Inputs:
    """Stages input, and remembers the order of inline rows."""

    files: Files
    #: How rows are to be sent.
    choice: BatchInput
    #: Folder for the orders.
    directory: Path
    #: Says what is wrong with a request.
    problem: Judge

    def stage(self, file: BatchFile, tag: str) -> StagedInput:
        """Bring *file* to the service, after a look at each of its lines. Safe to repeat.

        Raises:
            RequestRefusedError: If the service would not or does not take it.
            TransientError: The same upload may succeed later.
        """
        if self._goes_inline(file):
            lines = list(read_lines(file.path, self.problem))
            self._remember(tag, [line.key for line in lines])
            requests = [{"request": line.request, "metadata": {"key": line.key}} for line in lines]
            return StagedInput(handle=_INLINE, rows=len(lines), details={"requests": requests})
        check_file(file, self.problem)
        return StagedInput(handle=self.files.upload(file.path, file.size, tag), rows=file.rows)

    def keys(self, tag: str) -> list[str] | None:
        """The keys of an inline job's rows in their order; None if they are not known here."""
        try:
            found = orjson.loads(self._path(tag).read_bytes())
        except (OSError, orjson.JSONDecodeError):
            return None
        return found if isinstance(found, list) and all(isinstance(key, str) for key in found) else None

    def forget(self, tag: str) -> None:
        """Drop what is remembered of an inline job."""
        self._path(tag).unlink(missing_ok=True)

    def _goes_inline(self, file: BatchFile) -> bool:
        if file.size > INLINE_BYTES:
            return False
        # The answer of a job with a single row can't belong to another row.
        most = {BatchInput.INLINE: INLINE_ROWS, BatchInput.AUTO: 1, BatchInput.FILE: 0}[self.choice]
        return file.rows <= most

    def _remember(self, tag: str, keys: Sequence[str]) -> None:
        path = self._path(tag)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.{os.getpid()}")
        part.write_bytes(orjson.dumps(keys))
        part.replace(path)

    def _path(self, tag: str) -> Path:
        return self.directory / "inline" / f"{tag}.json"


def source_of(staged: StagedInput, placeholder: Any) -> tuple[dict[str, Any], types.HttpOptions | None]:
    """How the SDK is told of *staged*: its `src`, and what is to be added to the body.

    Args:
        staged: What was staged.
        placeholder: Some inline requests in the SDK's own form, which has no place for keys; they are
            replaced as a whole.
    """
    if staged.handle != _INLINE:
        return {"file_name": staged.handle}, None
    requests = staged.details["requests"]
    body = {"batch": {"inputConfig": {"requests": {"requests": requests}}}}
    return {"inlined_requests": placeholder}, types.HttpOptions(extra_body=body)
