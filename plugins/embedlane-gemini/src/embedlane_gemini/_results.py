"""From lines of a result file, or inline responses, to results of rows."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any, Protocol, TypeVar

import orjson

from embedlane.plugin import Malformed, Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

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


_Answer = TypeVar("_Answer", covariant=True)  # noqa: PLC0105 - read more often than declared


class Reader(Protocol[_Answer]):
    """Reads the answers of one kind of job."""

    def quick(self, line: bytes) -> _Answer | None:
        """The answer in a line that holds a good one; None for one that wants a closer look."""
        ...

    def answer(self, key: str, response: dict[str, Any], place: str) -> _Answer | Refusal | Malformed | None:
        """What *response* is under *key*; None if it holds no answer and no reason."""
        ...


def read_results(file: IO[bytes], reader: Reader[_Answer]) -> Iterator[_Answer | Refusal | Malformed]:
    """Read a result file, one line in memory at a time."""
    for number, line in enumerate(file, 1):
        if answer := reader.quick(line):
            yield answer
        elif line.strip():
            yield _line(line, f"line {number} of the result file", reader)


def read_inline(
    pieces: Sequence[object], keys: Sequence[str] | None, reader: Reader[_Answer]
) -> Iterator[_Answer | Refusal | Malformed]:
    """Read inline responses.

    Args:
        pieces: The responses.
        keys: The keys of the rows in the order in which they were sent; None if they can't be relied on.
            Used only if no response brings its own key: the service often drops them.
        reader: Reads answers.
    """
    if any(_key(piece) for piece in pieces) or keys is None or len(keys) != len(pieces):
        keys = None
    for number, piece in enumerate(pieces):
        yield _result(piece, f"inline response {number + 1}", keys[number] if keys else None, reader)


def _line(line: bytes, place: str, reader: Reader[_Answer]) -> _Answer | Refusal | Malformed:
    try:
        return _result(orjson.loads(line), place, None, reader)
    except orjson.JSONDecodeError:
        return Malformed(f"{place} is not JSON: {line[:60]!r}")


def _result(
    piece: object, place: str, key: str | None, reader: Reader[_Answer]
) -> _Answer | Refusal | Malformed:
    key = key or _key(piece)
    if not isinstance(piece, dict) or not key:
        return Malformed(f"{place} has no key: {orjson.dumps(piece)[:60]!r}")
    response = piece.get("response")
    found = reader.answer(key, response, place) if isinstance(response, dict) else None
    if found is not None:
        return found
    error = piece.get("error") or (response.get("error") if isinstance(response, dict) else None)
    if isinstance(error, dict):
        return _refusal(key, error)
    return Refusal(key, "EMPTY", "the service's answer holds neither an answer nor an error", retryable=True)


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
