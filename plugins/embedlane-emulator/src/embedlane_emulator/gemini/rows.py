"""The rows of a Gemini batch: how its lines are read, answered and written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO

import attrs

from embedlane_emulator import jsonio
from embedlane_emulator.gemini import errors, generate, inputs, models, protojson, schema
from embedlane_emulator.gemini.files import RESULTS
from embedlane_emulator.rows import Row, in_order
from embedlane_emulator.tokens import count_tokens

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from embedlane_emulator.distort import Distortion
    from embedlane_emulator.faults import Fault
    from embedlane_emulator.gemini.models import Model
    from embedlane_emulator.gemini.settings import GeminiSettings
    from embedlane_emulator.job import Job

_INTERNAL = 13


@attrs.frozen(kw_only=True)
class Size:
    """How much a job's input is."""

    #: Rows.
    rows: int = 0
    #: Tokens, estimated without judging the rows.
    tokens: int = 0
    #: The first line that is no JSON object, if there is one.
    bad_line: int | None = None


def measure(path: Path) -> Size:
    """Count rows and tokens of an input file."""
    rows = tokens = 0
    bad_line = None
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            rows += 1
            try:
                tokens += _guess(jsonio.load(line))
            except ValueError:
                bad_line = bad_line or number
    return Size(rows=rows, tokens=tokens, bad_line=bad_line)


def _guess(data: Any) -> int:
    if not isinstance(data, dict):
        raise ValueError("not an object")
    request = data.get("request")
    if not isinstance(request, dict):
        return 0
    contents = request.get("contents") or [request.get("content")]
    parts = [
        part
        for content in (contents if isinstance(contents, list) else [])
        if isinstance(content, dict)
        for part in content.get("parts") or ()
        if isinstance(part, dict)
    ]
    return max(1, count_tokens(sum(len(str(part.get("text", ""))) for part in parts)))


class GeminiClerk:
    """What the Gemini API does with the rows of one job."""

    def __init__(self, job: Job, settings: GeminiSettings) -> None:
        self._generates = job.kind == "GenerateContent"
        self._model: Model = models.named(job.model)
        self._settings = settings

    def lines(self, content: BinaryIO) -> Iterator[tuple[int, bytes]]:
        """In the order of the input."""
        return in_order(content)

    def read(self, index: int, line: bytes) -> Row:
        """Judge a line; what is wrong with it becomes the row's error."""
        label: dict[str, Any] = {}
        try:
            data = protojson.decode(line)
            if not isinstance(data, dict):
                raise errors.invalid("Invalid JSON payload received. A line must be an object.")
            label = {name: data[name] for name in ("key", "metadata") if name in data}
            if "request" not in data:
                raise errors.invalid("Invalid JSON payload received. A line needs a request.")
            return self._judged(index, label, data["request"])
        except errors.ApiError as error:
            return Row(index, label, error={"code": errors.INVALID_ARGUMENT, "message": error.message})

    def _judged(self, index: int, label: dict[str, Any], data: Any) -> Row:
        if self._generates:
            request = protojson.parse(schema.GENERATE, data)
            return Row(index, label, request, generate.prompt_tokens(request))
        item = inputs.read(protojson.parse(schema.EMBED, data), self._model, self._settings)
        return Row(index, label, item, item.tokens)

    def struck(self, fault: Fault) -> dict[str, Any]:
        """A google.rpc.Status, with details if the fault has them."""
        error: dict[str, Any] = {
            "code": fault.code or _INTERNAL,
            "message": fault.reason or "Internal error encountered.",
        }
        if fault.kind == "error-details":
            info = {"@type": "type.googleapis.com/google.rpc.DebugInfo", "detail": "injected"}
            error["details"] = [info]
        return error

    def answers(self, rows: Sequence[Row], distortion: Distortion) -> list[dict[str, Any]]:
        """One response for each row."""
        if self._generates:
            name = self._model.name
            return [generate.answer(row.request, name, distortion.mute(row.index)) for row in rows]
        found = inputs.vectors([row.request for row in rows], self._model, distortion.drift)
        return [
            {
                "tokenCount": str(row.tokens),
                "embedding": inputs.embedding(distortion.values(row.index, vector)),
            }
            for row, vector in zip(rows, found, strict=True)
        ]

    def output_tokens(self, answer: Any) -> int:
        """What the usage metadata of a generated answer says."""
        return int(answer["usageMetadata"].get("candidatesTokenCount", 0)) if self._generates else 0

    def write(self, row: Row, answer: Any) -> tuple[str, dict[str, Any]]:
        """Errors and answers stand in one file."""
        return RESULTS, {"error": row.error} if row.error else {"response": answer}

    def unanswered(self, row: Row) -> None:
        """Nothing is said of rows that were not done."""
