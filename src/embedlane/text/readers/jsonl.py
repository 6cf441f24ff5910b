"""JSON Lines: one record for each line, read as a stream."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, BinaryIO

import attrs
import orjson

from embedlane.text.documents import Document, Form, Part, Unreadable
from embedlane.text.encodings import REPLACEMENT, binary_kind, storable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: Bytes of the longest line that is read; without an end a line could fill the memory.
MAX_LINE = 64 << 20

_UTF8_MARK = b"\xef\xbb\xbf"
_WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff")
_TYPES: tuple[tuple[type, str], ...] = (
    (bool, "true or false"),
    (int, "a number"),
    (float, "a number"),
    (str, "a text"),
    (list, "a list"),
    (dict, "an object"),
)


@attrs.frozen(kw_only=True)
class Fields:
    """Which fields of an object are its id and its text; all others become metadata."""

    #: The field that holds the id, a text or a whole number.
    id: str = "id"
    #: The field that holds the text.
    text: str = "text"


class _BadLineError(Exception):
    """Why a line can't be taken."""


def read_lines(
    stream: BinaryIO, source: str, fields: Fields, *, max_line: int = MAX_LINE
) -> Iterator[Document | Unreadable]:
    """Read *stream* line by line; blank lines are skipped.

    Whether an id comes twice is not looked at, because that would take memory for all of them.
    """
    number = 0
    while line := stream.readline(max_line + 1):
        number += 1
        if number == 1:
            # A sign that every line is wrong is worth one report, not a million.
            broken = _broken_file(line)
            if broken:
                yield Unreadable(source=source, reason=broken)
                return
            line = line.removeprefix(_UTF8_MARK)
        if len(line) > max_line:
            _skip_line(stream, line)
            yield Unreadable(source=source, reason=f"the line is longer than {max_line} bytes", line=number)
        elif line.strip():
            yield _read_line(line, source, number, fields)


def _broken_file(head: bytes) -> str:
    if head.startswith(_WIDE_MARKS):
        return "JSON Lines have to be UTF-8, but the byte order mark says UTF-16 or UTF-32"
    kind = binary_kind(head[:1024])
    return f"{kind}; not JSON Lines" if kind else ""


def _skip_line(stream: BinaryIO, line: bytes) -> None:
    while line and not line.endswith(b"\n"):
        line = stream.readline(1 << 20)


def _read_line(line: bytes, source: str, number: int, fields: Fields) -> Document | Unreadable:
    try:
        row = _parse(line)
        identity, text = _id(row, fields), _text(row, fields)
    except _BadLineError as error:
        return Unreadable(source=source, reason=str(error), line=number)
    for field in {fields.id, fields.text}:
        del row[field]
    return Document(id=identity, source=source, parts=(Part(identity, text, Form.RECORD, row),))


def _parse(line: bytes) -> dict[str, object]:
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        row = _parse_surrogates(line, error)
    if not isinstance(row, dict):
        raise _BadLineError(f"not a JSON object, but {_named(row)}")
    if b"\\u0000" in line:
        row = {storable(key): _storable(value) for key, value in row.items()}
    return row


def _parse_surrogates(line: bytes, error: orjson.JSONDecodeError) -> object:
    r"""Parse what orjson refuses, but other JSON libraries write: a lone surrogate, as ``\ud83d``."""
    try:
        text = line.decode()
    except UnicodeDecodeError as broken:
        byte = line[broken.start]
        raise _BadLineError(f"not UTF-8: byte 0x{byte:02x} at position {broken.start + 1}") from None
    if "surrogate" in str(error):
        try:
            return _storable(json.loads(text, parse_constant=_refuse_constant))
        except (ValueError, RecursionError):  # wrong in another way too; the first report stands
            pass
    raise _BadLineError(f"not JSON: {error.msg} at column {error.colno}") from None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _storable(value: object) -> object:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, dict):
        return {storable(key): _storable(item) for key, item in value.items()}
    return value


def _field(row: Mapping[str, object], name: str) -> object:
    if name not in row:
        there = ", ".join(repr(key) for key in list(row)[:5]) or "none"
        more = ", ..." if len(row) > 5 else ""
        raise _BadLineError(f"no field {name!r}; its fields are {there}{more}")
    return row[name]


def _id(row: Mapping[str, object], fields: Fields) -> str:
    value = _field(row, fields.id)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, float):
        raise _BadLineError(
            f"the id {fields.id!r} is not a whole number of at most 64 bits; write it as a text"
        )
    if not isinstance(value, str):
        raise _BadLineError(f"the id {fields.id!r} is {_named(value)}, not a text or a whole number")
    if not value.strip():
        raise _BadLineError(f"the id {fields.id!r} is empty")
    if REPLACEMENT in value:  # two such ids could be one after the replacement
        raise _BadLineError(f"the id {fields.id!r} holds a character that can't be kept")
    return value


def _text(row: Mapping[str, object], fields: Fields) -> str:
    value = _field(row, fields.text)
    if not isinstance(value, str):
        raise _BadLineError(f"the text {fields.text!r} is {_named(value)}, not a text")
    if not value.strip():
        raise _BadLineError(f"the text {fields.text!r} is empty")
    return value


def _named(value: object) -> str:
    return next((name for kind, name in _TYPES if isinstance(value, kind)), "null")
