"""One request on its way through the service."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import attrs
from starlette.responses import Response

from embedlane_emulator.jsonio import dump
from embedlane_emulator.openai import errors

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from starlette.requests import Request

    from embedlane_emulator.core import Core
    from embedlane_emulator.job import Job
    from embedlane_emulator.jobs import Jobs
    from embedlane_emulator.openai.limits import Limits
    from embedlane_emulator.openai.settings import OpenAISettings

#: Where files are stored.
FILE = "openai-file"
#: Where batches are stored.
BATCH = "openai-batch"


@attrs.frozen(kw_only=True)
class Call:
    """One request."""

    #: The state shared with other dialects.
    core: Core[OpenAISettings]
    #: The batches.
    jobs: Jobs
    #: What may be asked in a minute.
    limits: Limits
    #: The API's name of the operation, as the SDK has it.
    operation: str
    #: What the path names.
    params: dict[str, str]
    #: The request itself.
    request: Request
    #: The parsed body.
    payload: Any = None

    @property
    def model(self) -> str:
        """The model in the body, or of the batch that the path names."""
        if isinstance(self.payload, dict) and "model" in self.payload:
            return str(self.payload["model"])
        found = self._job()
        return found.model if found else ""

    @property
    def display_name(self) -> str:
        """What the client calls the batch that is created, or named in the path."""
        if isinstance(self.payload, dict) and "metadata" in self.payload:
            return name_in(self.payload["metadata"])
        found = self._job()
        return found.display_name if found else ""

    def _job(self) -> Job | None:
        if "batch" in self.params:
            return self.jobs.find(self.params["batch"])
        doc = self.core.store.get(FILE, self.params.get("file", ""))
        return self.jobs.find(doc["batch"]) if doc and doc["batch"] else None

    def query(self, name: str) -> str:
        """A query parameter, or an empty string."""
        return self.request.query_params.get(name, "")

    def page(self, items: Iterable[dict[str, Any]], default: int, most: int) -> Response:
        """The page of *items* that was asked for by ``after`` and ``limit``, as a list object.

        Raises:
            ApiError: 400 if the limit is out of bounds, or the cursor is none of the items.
        """
        limit, after = self._limit(default, most), self.query("after")
        found = list(items)
        if after:
            places = [place for place, item in enumerate(found) if item["id"] == after]
            if not places:
                raise errors.invalid(f"No object found with id '{after}'.", "after")
            found = found[places[0] + 1 :]
        shown = found[:limit]
        ends = {"first_id": shown[0]["id"], "last_id": shown[-1]["id"]} if shown else {}
        return reply({"object": "list", "data": shown, **ends, "has_more": len(found) > limit})

    def _limit(self, default: int, most: int) -> int:
        text = self.query("limit")
        if not text:
            return default
        if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= most:
            raise errors.invalid(
                f"Invalid 'limit': expected an integer from 1 to {most}, got {text!r}.", "limit"
            )
        return int(text)


def name_in(metadata: Any) -> str:
    """What the client calls a batch: the first value of its metadata, for there is no name."""
    return str(next(iter(metadata.values()), "")) if isinstance(metadata, dict) else ""


def reply(body: Any, headers: Mapping[str, str] | None = None) -> Response:
    """200."""
    named = {"x-request-id": f"req_{secrets.token_hex(16)}", "openai-version": "2020-10-01"}
    return Response(dump(body), headers={**named, **(headers or {})}, media_type="application/json")
