"""One request on its way through the service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
from starlette.responses import Response

from embedlane_emulator.gemini import errors
from embedlane_emulator.jsonio import dump

if TYPE_CHECKING:
    from starlette.requests import Request

    from embedlane_emulator.core import Core
    from embedlane_emulator.gemini.settings import GeminiSettings
    from embedlane_emulator.jobs import Jobs

#: Largest body of any request but uploads, in bytes.
BODY_LIMIT = 20_971_520


@attrs.frozen(kw_only=True)
class Call:
    """One request."""

    #: The state shared with other dialects.
    core: Core[GeminiSettings]
    #: The jobs.
    jobs: Jobs
    #: The API's name of the operation.
    operation: str
    #: What the path names.
    params: dict[str, str]
    #: The request itself.
    request: Request
    #: The parsed body.
    payload: Any = None

    @property
    def model(self) -> str:
        """The model in the path, or an empty string."""
        return self.params.get("model", "")

    @property
    def display_name(self) -> str:
        """What the client calls the job that is created, or named in the path."""
        if isinstance(self.payload, dict) and isinstance(batch := self.payload.get("batch"), dict):
            return str(batch.get("displayName") or batch.get("display_name") or "")
        name = self.params.get("batch") or self.params.get("file", "").removeprefix("batch-")
        found = self.jobs.find(name) if name else None
        return found.display_name if found else ""

    @property
    def version(self) -> str:
        """The version in the path, such as ``v1beta``."""
        return self.params.get("version", "v1beta")

    @property
    def base(self) -> str:
        """Scheme and host by which the client reached us; what links are built from."""
        return str(self.request.base_url).rstrip("/")

    def query(self, name: str) -> str:
        """A query parameter, or an empty string."""
        return self.request.query_params.get(name, "")

    def page_size(self, default: int, most: int) -> int:
        """The size of a page, within its bounds.

        Raises:
            ApiError: 400 if it is not a number, or negative.
        """
        text = self.query("pageSize") or self.query("page_size")
        if not text:
            return default
        if not text.isascii() or not text.isdigit():
            raise errors.invalid(f"Invalid value at 'page_size' (TYPE_INT32), \"{text}\"")
        return min(int(text) or default, most)

    def page_token(self) -> int | None:
        """The sequence number a page token stands for.

        Raises:
            ApiError: 400 if we never gave it.
        """
        text = self.query("pageToken") or self.query("page_token")
        if not text:
            return None
        if not text.startswith("p") or not text[1:].isdigit():
            raise errors.invalid("The page token is invalid.")
        return int(text[1:])


def token(seq: int) -> str:
    """The page token for what comes after a sequence number."""
    return f"p{seq}"


def reply(body: Any) -> Response:
    """200, and nothing else: google-genai takes any other 2xx for an error."""
    return Response(dump(body), media_type="application/json; charset=UTF-8")
