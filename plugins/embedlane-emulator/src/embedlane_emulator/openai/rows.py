"""The rows of a batch: how its lines are read, answered and written."""

from __future__ import annotations

import hashlib
import random
from typing import TYPE_CHECKING, Any, BinaryIO

from embedlane_emulator import jsonio
from embedlane_emulator.job import State
from embedlane_emulator.openai import answers, errors, inputs
from embedlane_emulator.openai.files import ERROR, OUTPUT
from embedlane_emulator.rows import Row, in_any_order

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from embedlane_emulator.distort import Distortion
    from embedlane_emulator.faults import Fault
    from embedlane_emulator.job import Job
    from embedlane_emulator.openai.settings import OpenAISettings

_UNANSWERED = {
    State.EXPIRED: (
        "batch_expired",
        "This request could not be executed before the completion window expired.",
    ),
    State.CANCELLED: ("batch_cancelled", "This request was not executed before the batch was cancelled."),
}


class OpenAIClerk:
    """What the OpenAI API does with the rows of one batch."""

    def __init__(self, job: Job, settings: OpenAISettings) -> None:
        self._job = job
        self._settings = settings

    def lines(self, content: BinaryIO) -> Iterator[tuple[int, bytes]]:
        """In any order but that of the input; the same for files of as many lines."""
        return in_any_order(content, random.Random(self._job.rows))  # noqa: S311 - repeatable, not secret

    def read(self, index: int, line: bytes) -> Row:
        """Judge a line; what is wrong with its body becomes the row's error."""
        data = jsonio.load(line)
        label = {"custom_id": data["custom_id"]}
        try:
            asked = inputs.read(data["body"], self._settings)
        except errors.ApiError as error:
            return Row(index, label, error=_answer(error))
        return Row(index, label, asked, asked.tokens, len(asked.sights))

    def struck(self, fault: Fault) -> dict[str, Any]:
        """An answer with the fault's status, 500 if it has none."""
        message = fault.reason or errors.internal().message
        status = fault.code or 500
        kind = "server_error" if status >= 500 else "invalid_request_error"
        return _answer(errors.ApiError(status, message, kind=kind, code=fault.status or None))

    def answers(self, rows: Sequence[Row], distortion: Distortion) -> list[dict[str, Any]]:
        """One list of embeddings for each row."""
        found = inputs.vectors([row.request for row in rows], distortion.drift)
        return [
            answers.whole(
                row.request,
                [
                    answers.item(row.request, place, distortion.values(row.index, vector))
                    for place, vector in enumerate(vectors)
                ],
            )
            for row, vectors in zip(rows, found, strict=True)
        ]

    def output_tokens(self, answer: Any) -> int:  # noqa: ARG002 - vectors cost nothing
        """None are paid for."""
        return 0

    def write(self, row: Row, answer: Any) -> tuple[str, dict[str, Any]]:
        """Answers stand in one file, refusals in the other."""
        found = row.error or {"status_code": 200, "body": answer}
        response = {"request_id": self._digest(row, "request"), **found}
        line = {"id": f"batch_req_{self._digest(row, 'line')}", "response": response, "error": None}
        return ERROR if row.error else OUTPUT, line

    def unanswered(self, row: Row) -> tuple[str, dict[str, Any]]:
        """A row whose turn never came has no response, but a reason."""
        code, message = _UNANSWERED[self._job.final]
        error = {"code": code, "message": message}
        line_id = f"batch_req_{self._digest(row, 'line')}"
        return ERROR, {"id": line_id, "response": None, "error": error}

    def _digest(self, row: Row, salt: str) -> str:
        # Not random, so that results that are written twice are the same.
        return hashlib.sha256(f"{salt}:{self._job.id}:{row.index}".encode()).hexdigest()[:32]


def _answer(error: errors.ApiError) -> dict[str, Any]:
    return {"status_code": error.status, "body": error.body()}
