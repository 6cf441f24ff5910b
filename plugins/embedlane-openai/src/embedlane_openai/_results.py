"""From lines of an output or an error file to results of rows."""

from __future__ import annotations

from collections import Counter
from typing import IO, TYPE_CHECKING, Any

import orjson

from embedlane.plugin import Malformed, Refusal, Vector
from embedlane_openai._answers import UnreadableError, head, read_data, tokens_of
from embedlane_openai._lines import positions
from embedlane_openai._status import OUT_OF_MONEY, is_about_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from embedlane.plugin import RowResult
    from embedlane_openai._answers import Numbers

#: Statuses that say that the texts of a line are at fault.
_AT_FAULT = (400, 413, 422)
#: Codes of lines that were never looked at, since their job ended first. That is no refusal: their rows are
#: missing, and so pending again, however often it happens.
_UNTOUCHED = frozenset({"batch_expired", "batch_cancelled"})
_OK = 200
_LONGEST = 300


def read_results(file: IO[bytes], name: str, keep: int | None = None) -> Iterator[RowResult]:
    """Read a file of results, one line in memory at a time.

    Args:
        file: The file.
        name: What messages call it.
        keep: Numbers of each vector to keep, from its head; None for all.
    """
    for number, line in enumerate(file, 1):
        place = f"line {number} of {name}"
        try:
            piece = orjson.loads(line)
        except orjson.JSONDecodeError:
            if line.strip():
                yield Malformed(f"{place} is not JSON: {line[:60]!r}")
            continue
        rows = positions(piece.get("custom_id")) if isinstance(piece, dict) else None
        if rows is None:
            yield Malformed(f"{place} names no rows of ours: {line[:60]!r}")
        else:
            yield from _line(piece, rows, place, keep)


def _line(piece: dict[str, Any], rows: range, place: str, keep: int | None) -> Iterator[RowResult]:
    response = piece.get("response")
    if not isinstance(response, dict):
        yield from _refused(piece, {}, rows)
        return
    body = response.get("body")
    if response.get("status_code", _OK) != _OK or not isinstance(body, dict) or "data" not in body:
        yield from _refused(piece, response, rows)
        return
    try:
        found = read_data(body)
    except UnreadableError as error:
        yield Malformed(f"{place} (rows {rows.start} to {rows.stop - 1}) can't be used: {error}")
        return
    yield from _vectors(found, rows, place, tokens_of(body) if len(rows) == 1 else None, keep)


def _vectors(
    found: list[tuple[int, Numbers]], rows: range, place: str, tokens: int | None, keep: int | None
) -> Iterator[RowResult]:
    """A vector for each row that has one; a row that is answered twice in a line has none."""
    answers = Counter(index for index, _ in found)
    for index, numbers in found:
        if not 0 <= index < len(rows):
            yield Malformed(f"{place} answers text {index} of {len(rows)}")
        elif answers[index] > 1:
            yield Malformed(f"{place} answers row {rows[index]} more than once")
        else:
            yield Vector(str(rows[index]), head(numbers, keep), tokens)


def _refused(piece: dict[str, Any], response: dict[str, Any], rows: range) -> Iterator[Refusal]:
    """A line's error, told of each of its rows."""
    error = _error(response.get("body")) or _error(piece) or {}
    status = response.get("status_code")
    code = str(error.get("code") or error.get("type") or status or "EMPTY")
    if code in _UNTOUCHED:
        return
    message = str(error.get("message") or "the service's answer holds neither vectors nor an error")[
        :_LONGEST
    ]
    # Of a line with several rows nobody knows which one it was; next time each goes alone.
    final = (
        status in _AT_FAULT
        and len(rows) == 1
        and code not in OUT_OF_MONEY
        and not is_about_settings(str(error.get("param") or ""), message)
    )
    for row in rows:
        yield Refusal(str(row), code, message, retryable=not final)


def _error(holder: object) -> dict[str, Any] | None:
    """The error in *holder*; compatible servers put its fields into the body itself."""
    if not isinstance(holder, dict):
        return None
    error = holder.get("error")
    if isinstance(error, str):
        return {"message": error}
    if isinstance(error, dict):
        return error
    return holder if isinstance(holder.get("message"), str) else None
