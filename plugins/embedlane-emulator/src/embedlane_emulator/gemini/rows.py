"""A job's rows: read from its input, answered in groups, written as lines; memory does not grow with them."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

import attrs

from embedlane_emulator import jsonio
from embedlane_emulator.gemini import errors, generate, inputs, protojson, schema
from embedlane_emulator.gemini.distort import Distortion, embedding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from embedlane_emulator.core import Settings
    from embedlane_emulator.gemini.job import Job
    from embedlane_emulator.gemini.models import Model

_GROUP = 256


@attrs.frozen(kw_only=True)
class Size:
    """How much a job's input is."""

    #: Rows.
    rows: int = 0
    #: Tokens, estimated without judging the rows.
    tokens: int = 0
    #: The first line that is no JSON object, if there is one.
    bad_line: int | None = None


@attrs.frozen(kw_only=True)
class Outcome:
    """What came of a job's rows."""

    #: Rows that were answered.
    good: int = 0
    #: Rows that were refused.
    bad: int = 0
    #: Tokens of those answered.
    tokens: int = 0


@attrs.frozen
class _Row:
    index: int
    label: dict[str, Any]
    request: Any = None
    tokens: int = 0
    error: dict[str, Any] | None = None


class Stopped(Exception):
    """The service goes down while rows are written."""


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
    return max(1, math.ceil(sum(len(str(part.get("text", ""))) for part in parts) / 4))


@attrs.frozen(kw_only=True)
class Writer:
    """Writes the results of one job."""

    #: The job.
    job: Job
    #: Its model.
    model: Model
    #: How the service behaves.
    settings: Settings
    #: Whether to give up.
    stopped: Callable[[], bool] = lambda: False

    def write(self, source: Path, target: Path) -> Outcome:
        """Answer the rows of *source*, write them to *target* as one step.

        Raises:
            Stopped: When told to give up; *target* is not there then.
        """
        part = target.with_suffix(".part")
        outcome = Outcome()
        distortion = Distortion(self.job.faults, self.job.rows)
        count = math.floor(self.job.rows * self.job.ending.share)

        def lines() -> Iterator[bytes]:
            nonlocal outcome
            rows = itertools.islice(self._read(source), count)
            while group := list(itertools.islice(rows, _GROUP)):
                if self.stopped():
                    raise Stopped
                answered, group_outcome = self._answer(group, distortion)
                outcome = _plus(outcome, group_outcome)
                yield from answered

        with part.open("wb") as out:
            for line in distortion.arrange(lines()):
                out.write(line + b"\n")
        part.replace(target)
        return outcome

    def _read(self, source: Path) -> Iterator[_Row]:
        with source.open("rb") as lines:
            rows = (line for line in lines if line.strip())
            for index, line in enumerate(rows):
                yield self._row(index, line)

    def _row(self, index: int, line: bytes) -> _Row:
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
            return _Row(index, label, error={"code": errors.INVALID_ARGUMENT, "message": error.message})

    def _judged(self, index: int, label: dict[str, Any], data: Any) -> _Row:
        if self.job.kind == "GenerateContent":
            request = protojson.parse(schema.GENERATE, data)
            return _Row(index, label, request, generate.prompt_tokens(request))
        item = inputs.read(protojson.parse(schema.EMBED, data), self.model, self.settings)
        return _Row(index, label, item, item.tokens)

    def _answer(self, rows: list[_Row], distortion: Distortion) -> tuple[list[bytes], Outcome]:
        found = [attrs.evolve(row, error=row.error or distortion.error(row.index)) for row in rows]
        good = [row for row in found if row.error is None]
        responses = dict(zip((row.index for row in good), self._responses(good, distortion), strict=True))
        lines = []
        for row in found:
            label = row.label if distortion.keyed(row.index) else {}
            body = {"error": row.error} if row.error else {"response": responses[row.index]}
            lines.append(distortion.line(row.index, jsonio.dump({**label, **body})))
        tokens = sum(row.tokens for row in good)
        return lines, Outcome(good=len(good), bad=len(found) - len(good), tokens=tokens)

    def _responses(self, rows: list[_Row], distortion: Distortion) -> list[dict[str, Any]]:
        if self.job.kind == "GenerateContent":
            return [generate.answer(row.request, self.model.name) for row in rows]
        found = inputs.vectors([row.request for row in rows], self.model, distortion.drift)
        return [
            {
                "tokenCount": str(row.tokens),
                "embedding": embedding(distortion.values(row.index, vector)),
            }
            for row, vector in zip(rows, found, strict=True)
        ]


def _plus(one: Outcome, other: Outcome) -> Outcome:
    return Outcome(good=one.good + other.good, bad=one.bad + other.bad, tokens=one.tokens + other.tokens)
