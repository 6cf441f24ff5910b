"""From lines of a result file, or inline responses, to results of rows."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any

import numpy as np
import orjson
import simdjson

from embedlane.plugin import Malformed, Refusal, Vector

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from embedlane.plugin import RowResult

#: Codes of google.rpc.Code after which the same row may succeed in another job; the others are its own fault.
_RETRYABLE: Mapping[int, str] = {
    1: "CANCELLED",
    2: "UNKNOWN",
    4: "DEADLINE_EXCEEDED",
    8: "RESOURCE_EXHAUSTED",
    10: "ABORTED",
    13: "INTERNAL",
    14: "UNAVAILABLE",
    15: "DATA_LOSS",
}
#: The same as HTTP statuses, which some error lines hold instead.
_RETRYABLE_HTTP = frozenset({408, 409, 429, 499, 500, 502, 503, 504})
_LONGEST = 300


def read_results(file: IO[bytes]) -> Iterator[RowResult]:
    """Read a result file, one line in memory at a time."""
    parser = simdjson.Parser()
    for number, line in enumerate(file, 1):
        if vector := _vector(parser, line):
            yield vector
        elif line.strip():
            yield _line(line, f"line {number} of the result file")


def read_inline(pieces: Sequence[object], keys: Sequence[str] | None) -> Iterator[RowResult]:
    """Read inline responses.

    Args:
        pieces: The responses.
        keys: The keys of the rows in the order in which they were sent; None if they can't be relied on.
            Used only if no response brings its own key: the service often drops them.
    """
    if any(_key(piece) for piece in pieces) or keys is None or len(keys) != len(pieces):
        keys = None
    for number, piece in enumerate(pieces):
        yield _result(piece, f"inline response {number + 1}", keys[number] if keys else None)


def _vector(parser: simdjson.Parser, line: bytes) -> Vector | None:
    """The vector of a line that holds one, as almost all do; None for a line that wants a closer look.

    simdjson hands the numbers out as one buffer, where others make an object of each. It would also flatten
    lists of lists.
    """
    if line.count(b"[") != 1:
        return None
    try:
        piece: Any = parser.parse(line)
        response = piece["response"]
        values = np.frombuffer(response["embedding"]["values"].as_buffer(of_type="d"))
        return Vector(piece["key"], values, _count(response)) if piece["key"] and len(values) else None
    except (AttributeError, LookupError, RuntimeError, TypeError, ValueError):
        return None


def _line(line: bytes, place: str) -> RowResult:
    try:
        return _result(orjson.loads(line), place, None)
    except orjson.JSONDecodeError:
        return Malformed(f"{place} is not JSON: {line[:60]!r}")


def _result(piece: object, place: str, key: str | None) -> RowResult:
    key = key or _key(piece)
    if not isinstance(piece, dict) or not key:
        return Malformed(f"{place} has no key: {orjson.dumps(piece)[:60]!r}")
    response = piece.get("response")
    values = None
    tokens = None
    if isinstance(response, dict):
        embedding = response.get("embedding")
        values = embedding.get("values") if isinstance(embedding, dict) else None
        tokens = _count(response)
    if isinstance(values, list) and values:
        try:
            return Vector(key, np.fromiter(values, dtype=np.float64, count=len(values)), tokens)
        except (TypeError, ValueError, OverflowError):
            return Malformed(f"{place} (row {key}) holds something other than numbers")
    error = piece.get("error") or (response.get("error") if isinstance(response, dict) else None)
    if isinstance(error, dict):
        return _refusal(key, error)
    return Refusal(key, "EMPTY", "the service's answer holds neither a vector nor an error", retryable=True)


def _key(piece: object) -> str:
    if not isinstance(piece, dict):
        return ""
    key = piece.get("key")
    if key is None and isinstance(piece.get("metadata"), dict):
        key = piece["metadata"].get("key")
    return key if isinstance(key, str) else ""


def _refusal(key: str, error: dict[str, Any]) -> Refusal:
    """A row's error: a google.rpc.Status, whose details may be of any kind."""
    code = error.get("code")
    number = code if isinstance(code, int) and not isinstance(code, bool) else 2
    name = str(error.get("status") or _RETRYABLE.get(number) or number)
    retryable = number in _RETRYABLE or number in _RETRYABLE_HTTP or name in _RETRYABLE.values()
    return Refusal(key, name, str(error.get("message") or "no reason given")[:_LONGEST], retryable)


def _count(response: Any) -> int | None:
    """Tokens billed for the row: a text in 2025's answers, in usageMetadata since."""
    value = response.get("tokenCount")
    try:
        if value is None:
            value = response["usageMetadata"]["promptTokenCount"]
        return int(value)
    except (KeyError, OverflowError, TypeError, ValueError):
        return None
