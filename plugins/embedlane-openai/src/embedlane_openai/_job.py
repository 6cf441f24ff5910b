"""Reading a batch as the service sends it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from embedlane.plugin import RemoteJob, RemoteState, TransientError
from embedlane_openai._service import parsed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from embedlane_openai._status import Call

#: Keys of the metadata that a job is created with.
TAG = "embedlane_tag"
ROWS = "embedlane_rows"
_STATES: Mapping[str, RemoteState] = {
    "validating": RemoteState.PENDING,
    "in_progress": RemoteState.RUNNING,
    "finalizing": RemoteState.RUNNING,
    "completed": RemoteState.SUCCEEDED,
    "failed": RemoteState.FAILED,
    "expired": RemoteState.EXPIRED,
    "cancelling": RemoteState.CANCELLING,
    "cancelled": RemoteState.CANCELLED,
}
#: Why a job fails at once that has more tokens than may be enqueued.
_TOO_MANY_TOKENS = "token_limit_exceeded"
#: Errors of a failed job that are told; the others are counted.
_TOLD = 3


@attrs.frozen
class Batch:
    """A batch of the wire."""

    #: The whole JSON object.
    raw: Mapping[str, Any]

    @classmethod
    def parse(cls, call: Call, body: bytes) -> Batch:
        """Read the answer to *call*.

        Raises:
            TransientError: If it is no batch.
        """
        batch = cls(parsed(call, body))
        if not batch.name:
            raise TransientError(f"The answer of {call.provider} to {call} names no batch: {body[:80]!r}.")
        return batch

    @property
    def name(self) -> str:
        """Such as ``batch_abc``; empty if it has none."""
        # A file or a model that a confused server sends has an id, too, but no status of a batch.
        return self._text("id") if self._text("status") else ""

    @property
    def tag(self) -> str:
        """The tag that it was created with; empty if it has none."""
        tag = self._table("metadata").get(TAG)
        return tag if isinstance(tag, str) else ""

    @property
    def files(self) -> list[str]:
        """The files with its results: the one of answers, the one of errors, or either, or none."""
        return [name for key in ("output_file_id", "error_file_id") if (name := self._text(key))]

    @property
    def input_file(self) -> str:
        """The staged file."""
        return self._text("input_file_id")

    @property
    def error(self) -> str:
        """Why it failed, in the service's words, with the lines that it complains of."""
        found = self._table("errors").get("data")
        errors = [error for error in found if isinstance(error, dict)] if isinstance(found, list) else []
        told = "; ".join(map(_told, errors[:_TOLD]))
        if len(errors) > _TOLD:
            told += f"; and {len(errors) - _TOLD} more"
        if any(error.get("code") == _TOO_MANY_TOKENS for error in errors):
            told += _LESS
        return told

    def remote(self) -> RemoteJob:
        """The job in the core's terms."""
        word = self._text("status")
        done, failed = self._count("completed"), self._count("failed")
        counted = self._counts_rows()
        return RemoteJob(
            name=self.name,
            state=_STATES.get(word, RemoteState.UNKNOWN),
            raw_state=word,
            rows_done=(done or 0) + (failed or 0) if counted else None,
            rows_failed=failed or 0 if counted else None,
            tokens=self._tokens(),
            error=self.error,
        )

    def _counts_rows(self) -> bool:
        """Whether the service's counts, which are of lines, are of rows as well: one in each line."""
        total = self._count("total")
        return bool(total) and self._table("metadata").get(ROWS) in {None, str(total)}

    def _count(self, name: str) -> int | None:
        return _whole(self._table("request_counts").get(name))

    def _tokens(self) -> int | None:
        # Zero until the job is over, and in jobs from before September 2025.
        return _whole(self._table("usage").get("total_tokens")) or None

    def _table(self, name: str) -> Mapping[str, Any]:
        found = self.raw.get(name)
        return found if isinstance(found, dict) else {}

    def _text(self, name: str) -> str:
        found = self.raw.get(name)
        return found if isinstance(found, str) else ""


_LESS = (
    " (Its rows are pending again. State your tier's limit as max_enqueued_tokens in the provider's table, "
    "or make jobs smaller with max_rows_per_job.)"
)


def _told(error: Mapping[str, Any]) -> str:
    line = error.get("line")
    place = f"line {line}: " if isinstance(line, int) else ""
    return f"{place}{error.get('message') or 'no reason given'} ({error.get('code') or 'no code'})"


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
