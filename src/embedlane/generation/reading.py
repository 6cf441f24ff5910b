"""Reading requests: from JSON Lines or from Python, each checked, all written to a file of ours.

Theory of operation. Requests are read once, whatever they come from, and what is right of them goes to a
temporary file, so that memory does not grow with them, and so that their digest is known before the ledger is
touched. All that is wrong is found in that one reading, and refused together, with the places.
"""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import IO, TYPE_CHECKING, Any, TypeAlias

import attrs
import orjson

from embedlane.errors import InputError
from embedlane.providers.values import Prompt

if TYPE_CHECKING:
    from pathlib import Path

    from embedlane.providers.interfaces import RequestForm

#: What one row may be: ``{"key", "request"}``, a key with a request or a prompt, or a prompt alone, whose key
#: is its number.
RowLike: TypeAlias = Mapping[str, object] | tuple[str, Mapping[str, object] | Prompt | str] | Prompt | str
#: A row, or why there is none, with its place.
_Placed: TypeAlias = tuple[str, object]

#: The longest key in characters; it is sent with every row, and databases index it.
LONGEST_KEY = 200
#: How many of the wrong lines an error lists.
_LISTED = 20
_HINT = 'Each line is {"key": …, "request": …}, the request in the API\'s own form. Nothing was sent.'


@attrs.frozen
class Request:
    """One request that may be sent."""

    #: Its name in the input.
    key: str
    #: The request as JSON.
    body: str
    #: Characters of all texts in it.
    characters: int
    #: The most tokens that it lets the answer have; None if it does not say.
    output_tokens: int | None


@attrs.frozen(kw_only=True)
class Spooled:
    """Requests that were read and checked, in the order of the input."""

    #: How many.
    rows: int
    #: Hexadecimal SHA-256 of all keys and requests.
    digest: str
    _file: IO[bytes]

    def __iter__(self) -> Iterator[Request]:
        """Read them, as often as is wanted."""
        self._file.seek(0)
        for line in self._file:
            yield Request(*orjson.loads(line))


@contextlib.contextmanager
def spooled(
    rows: Iterable[_Placed],
    form: RequestForm,
    schema: Mapping[str, object] | None,
    directory: Path,
    source: str,
) -> Iterator[Spooled]:
    """Read and check *rows*, and keep them for as long as the context is open.

    Args:
        rows: Rows with their places, such as ``line 3``.
        form: Knows the API's requests.
        schema: A JSON schema that all answers have to satisfy; None for none.
        directory: Where to keep them.
        source: What they come from, for errors.

    Raises:
        InputError: If a row is wrong, or there are none; lists the places.
    """
    directory.mkdir(parents=True, exist_ok=True)
    digest, problems, seen, count = hashlib.sha256(), _Problems(source), dict[str, str](), 0
    with tempfile.TemporaryFile(dir=directory, buffering=1 << 20) as file:
        for place, row in rows:
            try:
                request = _checked(row, count, form, schema)
                if (before := seen.setdefault(request.key, place)) is not place:
                    raise _Wrong(f"its key {request.key!r} is that of {before}, too")
            except _Wrong as wrong:
                problems.add(place, str(wrong))
                continue
            finally:
                count += 1
            line = orjson.dumps(attrs.astuple(request))
            digest.update(orjson.dumps([request.key, request.body]))
            file.write(line + b"\n")
        problems.refuse(count)
        yield Spooled(rows=count, digest=digest.hexdigest(), file=file)


def lines_of(path: Path) -> Iterator[_Placed]:
    """The lines of a file of JSON Lines with their places; empty lines are no rows.

    Raises:
        InputError: If it can't be read.
    """
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield f"line {number}", _loaded(line)
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror}.", "Correct the path.") from error


def rows_of(rows: Iterable[RowLike]) -> Iterator[_Placed]:
    """Rows of Python with their places."""
    for number, row in enumerate(rows):
        yield f"row {number}", row


class _Wrong(Exception):
    """Why a row can't be sent."""


@attrs.define
class _Problems:
    """What is wrong, and where."""

    source: str
    first: list[str] = attrs.field(factory=list)
    count: int = 0

    def add(self, place: str, problem: str) -> None:
        self.count += 1
        if self.count <= _LISTED:
            self.first.append(f"{place}: {problem}")

    def refuse(self, rows: int) -> None:
        if self.count:
            more = f"\n… and {self.count - _LISTED:,} more" if self.count > _LISTED else ""
            listed = "\n".join(self.first)
            head = f"{self.source}: {self.count:,} of {rows:,} rows can't be sent."
            raise InputError(f"{head}\n{listed}{more}\n", _HINT)
        if not rows:
            raise InputError(f"{self.source} holds no request.", _HINT)


def _loaded(line: bytes) -> object:
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return _Wrong(f"it is not JSON ({error})")
    return found if isinstance(found, dict) else _Wrong("it is no object with a key and a request")


def _checked(row: object, number: int, form: RequestForm, schema: Mapping[str, object] | None) -> Request:
    key, asked = _halves(row, number)
    request = form.compose(asked) if isinstance(asked, Prompt) else asked
    if schema is not None:
        request = form.constrain(request, schema)
    if problem := form.problem(request):
        raise _Wrong(problem)
    size = form.size(request)
    try:
        body = orjson.dumps(request).decode()
    except (TypeError, orjson.JSONEncodeError) as error:
        raise _Wrong(f"its request is no JSON ({error})") from None
    return Request(key, body, size.characters, size.output_tokens)


def _halves(row: object, number: int) -> tuple[str, Mapping[str, Any] | Prompt]:
    """The key of *row*, and what is asked."""
    key, asked = _pair(row, number)
    if not isinstance(key, str) or not key:
        raise _Wrong("it has no key, which is a text of at least one character")
    if len(key) > LONGEST_KEY or not key.isprintable():
        raise _Wrong(f"its key is longer than {LONGEST_KEY} characters, or holds some that can't be printed")
    if isinstance(asked, str):
        asked = Prompt(text=asked)
    if not isinstance(asked, (Mapping, Prompt)):
        raise _Wrong("it has no request, which is an object")
    return key, asked


def _pair(row: object, number: int) -> tuple[object, object]:
    """The two halves of *row*, whatever they are."""
    if isinstance(row, _Wrong):
        raise row
    if isinstance(row, (str, Prompt)):
        return str(number), row
    if isinstance(row, Mapping):
        if unknown := sorted(set(map(str, row)) - {"key", "request"}):
            raise _Wrong(f"it holds {unknown[0]!r} beside key and request")
        return row.get("key"), row.get("request")
    if isinstance(row, Sequence) and len(row) == 2:
        return row[0], row[1]
    raise _Wrong("it is no object with a key and a request")
