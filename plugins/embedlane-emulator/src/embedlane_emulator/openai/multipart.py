"""Uploads as multipart/form-data, by way of the disk: a file may be larger than memory likes."""

from __future__ import annotations

import email.message
import email.parser
import email.policy
import mmap
from typing import TYPE_CHECKING

import attrs

from embedlane_emulator.openai import errors

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.requests import Request

_CHUNK = 1 << 20


@attrs.frozen(kw_only=True)
class Part:
    """One part of a form."""

    #: Its name.
    name: str
    #: The name of the file it holds; None for a plain field.
    filename: str | None
    #: Where its content begins.
    start: int
    #: Where its content ends.
    end: int


async def spool(request: Request, path: Path, most: int) -> None:
    """Write a request's body to *path*.

    Raises:
        ApiError: 413 for more than *most* bytes; all are read, so that the client reads our answer.
    """
    size = 0
    with path.open("wb") as out:
        async for chunk in request.stream():
            size += len(chunk)
            if size <= most:
                out.write(chunk)
    if size > most:
        raise errors.ApiError(413, f"Maximum content size limit ({most}) exceeded ({size} bytes read)")


def parse(path: Path, content_type: str) -> dict[str, Part]:
    """The parts of the form that *path* holds, by name.

    Raises:
        ApiError: 400 if it is no form.
    """
    head = email.message.Message()
    head["content-type"] = content_type
    boundary = head.get_param("boundary")
    if head.get_content_type() != "multipart/form-data" or not isinstance(boundary, str):
        raise errors.invalid("The body of the request must be multipart/form-data.")
    mark = b"\r\n--" + boundary.encode("latin-1", "replace")
    parts = {}
    if path.stat().st_size:
        with path.open("rb") as content, mmap.mmap(content.fileno(), 0, access=mmap.ACCESS_READ) as body:
            for part in _parts(body, mark):
                parts[part.name] = part
    if not parts:
        raise errors.invalid("Could not parse multipart form.")
    return parts


def _parts(body: mmap.mmap, mark: bytes) -> list[Part]:
    parts = []
    # The first mark stands at the very start, where no line end comes before it.
    at = len(mark) - 2 if body[: len(mark) - 2] == mark[2:] else -1
    while at >= 0 and body[at : at + 2] == b"\r\n":
        head_end, end = body.find(b"\r\n\r\n", at), body.find(mark, at)
        if not 0 <= head_end <= end:
            break
        # curl writes a file's name as it is, in UTF-8.
        head = body[at + 2 : head_end + 4].decode("utf-8", "replace")
        headers = email.parser.Parser(policy=email.policy.HTTP).parsestr(head)
        disposition = headers["content-disposition"]
        values = disposition.params if disposition is not None else {}
        filename = values.get("filename")
        parts.append(Part(name=values.get("name", ""), filename=filename, start=head_end + 4, end=end))
        at = end + len(mark)
    return parts


def text(path: Path, part: Part) -> str:
    """The content of a plain field."""
    with path.open("rb") as content:
        content.seek(part.start)
        return content.read(part.end - part.start).decode("utf-8", "replace")


def extract(path: Path, part: Part, target: Path) -> None:
    """Write the content of a part to *target*."""
    with path.open("rb") as content, target.open("wb") as out:
        content.seek(part.start)
        left = part.end - part.start
        while left > 0:
            chunk = content.read(min(_CHUNK, left))
            out.write(chunk)
            left -= len(chunk)
