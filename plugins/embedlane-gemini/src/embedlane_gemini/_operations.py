"""Reading a batch operation as the service sends it.

The SDK's `BatchJob` has neither the reason of a failure, nor the counts, nor what stands in ``response``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from embedlane.plugin import RemoteJob, RemoteState, TransientError
from embedlane_gemini._service import parsed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from embedlane_gemini._status import Call

_STATES: Mapping[str, RemoteState] = {
    "PENDING": RemoteState.PENDING,
    "QUEUED": RemoteState.PENDING,
    "RUNNING": RemoteState.RUNNING,
    "CANCELLING": RemoteState.CANCELLING,
    "SUCCEEDED": RemoteState.SUCCEEDED,
    "PARTIALLY_SUCCEEDED": RemoteState.PARTIALLY_SUCCEEDED,
    "FAILED": RemoteState.FAILED,
    "CANCELLED": RemoteState.CANCELLED,
    "EXPIRED": RemoteState.EXPIRED,
}
_CANCELLED = 1


@attrs.frozen
class Operation:
    """A batch operation of the wire."""

    #: The whole JSON object.
    raw: Mapping[str, Any]

    @classmethod
    def parse(cls, call: Call, body: bytes) -> Operation:
        """Read the answer to *call*.

        Raises:
            TransientError: If it is no operation.
        """
        operation = cls(parsed(call, body))
        if not operation.name.startswith("batches/"):
            raise TransientError(f"Gemini's answer to {call} names no batch job: {body[:80]!r}.")
        return operation

    @property
    def name(self) -> str:
        """Such as ``batches/abc``; empty if it has none."""
        return _text(self.raw, "name")

    @property
    def tag(self) -> str:
        """The display name that it was created with."""
        return _text(self.metadata, "displayName")

    @property
    def metadata(self) -> Mapping[str, Any]:
        """The part that holds the batch itself."""
        return _table(self.raw, "metadata")

    @property
    def raw_state(self) -> str:
        """The state in the service's own word."""
        return _text(self.metadata, "state")

    @property
    def state(self) -> RemoteState:
        """Where the job stands; by `done` where the word for it is unknown."""
        word = self.raw_state.removeprefix("BATCH_STATE_").removeprefix("JOB_STATE_")
        known = _STATES.get(word)
        if known is not None:
            return known
        if self.raw.get("done") is not True:
            return RemoteState.UNKNOWN
        if "error" in self.raw:
            cancelled = _table(self.raw, "error").get("code") == _CANCELLED
            return RemoteState.CANCELLED if cancelled else RemoteState.FAILED
        return RemoteState.SUCCEEDED if "response" in self.raw else RemoteState.UNKNOWN

    @property
    def error(self) -> str:
        """Why it failed, in the service's words; empty if it did not."""
        error = _table(self.raw, "error") or _table(self.metadata, "error")
        if not error:
            return ""
        return f"{error.get('message') or 'no reason given'} (code {error.get('code', 'unknown')})"

    @property
    def outputs(self) -> tuple[Mapping[str, Any], ...]:
        """The places where results may be named, the SDK's first."""
        return (_table(self.metadata, "output"), _table(self.raw, "response"))

    @property
    def result_file(self) -> str:
        """The name of the result file, such as ``files/batch-abc``; empty if there is none."""
        return next((name for output in self.outputs if (name := _text(output, "responsesFile"))), "")

    @property
    def inline_results(self) -> list[Any]:
        """The results that came with the operation itself."""
        for output in self.outputs:
            for field in ("inlinedResponses", "inlinedEmbedContentResponses"):
                found = _table(output, field).get("inlinedResponses")
                if isinstance(found, list) and found:
                    return found
        return []

    @property
    def input_file(self) -> str:
        """The name of the staged file, where the service tells it; else empty."""
        inputs = _table(self.metadata, "inputConfig")
        return _text(inputs, "fileName") or _text(inputs, "file_name")

    @property
    def rows(self) -> int | None:
        """Rows that the service counted in the job's input."""
        return self._count("requestCount")

    def remote(self) -> RemoteJob:
        """The job in the core's terms."""
        succeeded, failed = self._count("successfulRequestCount"), self._count("failedRequestCount")
        told = succeeded is not None or failed is not None or self.rows is not None
        return RemoteJob(
            name=self.name,
            state=self.state,
            raw_state=self.raw_state,
            # Proto JSON leaves out counts of zero.
            rows_done=(succeeded or 0) + (failed or 0) if told else None,
            rows_failed=failed or 0 if told else None,
            error=self.error,
        )

    def _count(self, name: str) -> int | None:
        value = _table(self.metadata, "batchStats").get(name)
        try:
            return None if value is None else int(value)
        except (TypeError, ValueError):
            return None


def _table(holder: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = holder.get(name)
    return found if isinstance(found, dict) else {}


def _text(holder: Mapping[str, Any], name: str) -> str:
    found = holder.get(name)
    return found if isinstance(found, str) else ""
