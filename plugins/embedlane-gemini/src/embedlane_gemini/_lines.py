r"""The lines of an input file, and a check of them before they leave this machine.

A line is ``{"key": …, "request": {"content": {"parts": [{"text": …}]}, "task_type": …}}``: one content, and
parameters flat beside it. What `types.EmbedContentBatch` calls ``contents`` and ``config`` are arguments in
Python; the service knows neither, and a file that holds them would cost an upload and a job to find out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import attrs
import orjson

from embedlane.plugin import RequestRefusedError, Role

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from embedlane.plugin import BatchFile, BatchRow
    from embedlane_gemini._sync import Parameters

    #: Says what is wrong with a request; empty if nothing is.
    Judge: TypeAlias = Callable[[Mapping[str, object]], str]

#: Parameters that may stand beside the content.
_BESIDE = frozenset(
    {
        "model",
        "output_dimensionality",
        "outputDimensionality",
        "task_type",
        "taskType",
        "title",
    }
)


@attrs.frozen
class Line:
    """One row of an input file."""

    #: The row's key.
    key: str
    #: The row's request.
    request: dict[str, Any]


def encode_line(row: BatchRow, parameters: Parameters) -> bytes:
    """The line for *row*, a document."""
    request: dict[str, Any] = {"content": {"parts": [{"text": row.text}]}}
    if parameters.dimensions is not None:
        request["output_dimensionality"] = parameters.dimensions
    task = parameters.task(Role.DOCUMENT)
    if task is not None:
        request["task_type"] = task
    return orjson.dumps({"key": row.key, "request": request})


def read_lines(path: Path, problem: Judge) -> Iterator[Line]:
    """Read an input file line by line.

    Args:
        path: The file.
        problem: Says what is wrong with a request; empty if nothing is.

    Raises:
        RequestRefusedError: At the first line that the service would not take; names the line.
    """
    with path.open("rb") as file:
        for number, text in enumerate(file, 1):
            yield _line(text, f"line {number} of {path.name}", problem)


def check_file(file: BatchFile, problem: Judge) -> None:
    """Read all of *file*, to see that the service can take it.

    Raises:
        RequestRefusedError: If it can't; names the line.
    """
    rows = sum(1 for _ in read_lines(file.path, problem))
    if rows != file.rows:
        raise _wrong(file.path.name, f"it holds {rows} rows instead of {file.rows}")


def _line(text: bytes, place: str, problem: Judge) -> Line:
    try:
        line = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise _wrong(place, f"it is not JSON ({error})") from None
    if not isinstance(line, dict) or not isinstance(line.get("key"), str):
        raise _wrong(place, "it has no key")
    request = line.get("request")
    if not isinstance(request, dict):
        raise _wrong(place, "it has no request")
    if what := problem(request):
        raise _wrong(place, what)
    return Line(line["key"], request)


def embedding_problem(request: Mapping[str, object]) -> str:
    """What is wrong with an `EmbedContentRequest`; empty if nothing is."""
    for name in request:
        if name != "content" and name not in _BESIDE:
            return f"its request holds {name!r}, which the service does not know{_ADVICE.get(name, '')}"
    return "" if _is_content(request.get("content")) else "its request holds no content with one text"


_ADVICE = {
    "contents": " (on the wire it is 'content', one object)",
    "config": " (on the wire its values stand beside 'content')",
}


def _is_content(content: object) -> bool:
    """Whether *content* is one content with one text."""
    parts = content.get("parts") if isinstance(content, dict) else None
    return (
        isinstance(parts, list)
        and len(parts) == 1
        and isinstance(parts[0], dict)
        and isinstance(parts[0].get("text"), str)
    )


def _wrong(place: str, what: str) -> RequestRefusedError:
    return RequestRefusedError(
        f"Gemini would not take {place}: {what}.",
        "Nothing was uploaded. The file was not written by this release of embedlane-gemini.",
        "INVALID_LINE",
    )
