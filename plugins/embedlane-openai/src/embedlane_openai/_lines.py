"""The lines of a batch file: several texts may share one.

A line's id is the position of its first row and the number of its rows, so that an error that concerns the
whole line can be told of each of them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import orjson

from embedlane.plugin import RequestRefusedError, Role
from embedlane_openai._settings import MOST_TEXTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from embedlane.plugin import BatchFile, BatchRow
    from embedlane_openai._provider import Provider
    from embedlane_openai._request import Parameters

#: What the lines and the job itself name as the address of each request.
ENDPOINT: Final = "/v1/embeddings"
_ID = re.compile(r"(\d{1,9})\+(\d{1,4})")


def line_id(first: int, rows: int) -> str:
    """The id of a line, such as ``1200+16``: the row at 1200 and the 15 after it."""
    return f"{first}+{rows}"


def positions(custom_id: object) -> range | None:
    """The positions of a line's rows; None if *custom_id* is none of ours."""
    match = _ID.fullmatch(custom_id) if isinstance(custom_id, str) else None
    if match is None or not 1 <= int(match[2]) <= MOST_TEXTS:
        return None
    return range(int(match[1]), int(match[1]) + int(match[2]))


def encode_line(rows: Sequence[BatchRow], parameters: Parameters) -> bytes:
    """The line for *rows*, which are documents and follow one another."""
    return orjson.dumps(
        {
            "custom_id": line_id(rows[0].position, len(rows)),
            "method": "POST",
            "url": ENDPOINT,
            "body": parameters.body([row.text for row in rows], Role.DOCUMENT),
        }
    )


def check_file(provider: Provider, file: BatchFile) -> None:
    """Read all of *file*, to see that it is whole and that the service can take it.

    Raises:
        RequestRefusedError: If it can't; names the line.
    """
    rows = 0
    with file.path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            place = f"line {number} of {file.path.name}"
            found = _rows(line)
            if isinstance(found, str):
                raise _wrong(provider, place, found)
            if found.start != rows:
                raise _wrong(provider, place, f"its first row is {found.start} instead of {rows}")
            rows = found.stop
    if rows != file.rows:
        raise _wrong(provider, file.path.name, f"it holds {rows} rows instead of {file.rows}")


def _rows(line: bytes) -> range | str:
    """The positions of the rows in *line*, or what is wrong with it."""
    try:
        request: Any = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return f"it is not JSON ({error})"
    head, texts = _parts(request)
    found = positions(head[0])
    if found is None:
        return f"its custom_id {head[0]!r} names no rows"
    if head[1:] != ("POST", ENDPOINT):
        return f"it is not a POST to {ENDPOINT}"
    if texts is None or len(texts) != len(found):
        return f"its input is no list of {len(found)} texts"
    return found


def _parts(request: Any) -> tuple[tuple[object, object, object], list[str] | None]:
    """Id, method and address of *request*, and its texts; None for what is not there."""
    if not isinstance(request, dict):
        return (None, None, None), None
    body = request.get("body")
    texts = body.get("input") if isinstance(body, dict) else None
    usable = isinstance(texts, list) and all(isinstance(text, str) for text in texts)
    return (request.get("custom_id"), request.get("method"), request.get("url")), texts if usable else None


def _wrong(provider: Provider, place: str, what: str) -> RequestRefusedError:
    return RequestRefusedError(
        f"{provider} would not take {place}: {what}.",
        "Nothing was uploaded. The file was not written by this release of embedlane-openai.",
        "INVALID_LINE",
    )
