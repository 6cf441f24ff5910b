"""The values that readers yield and the cutter turns into items."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType

import attrs

#: Metadata of an item: JSON values only.
Metadata = Mapping[str, object]
NO_METADATA: Metadata = MappingProxyType({})


class Form(StrEnum):
    """What a part is, which says how it may be cut."""

    #: A record is one item, whatever its length; the index's policy speaks where it is over the limit.
    RECORD = "record"
    #: Running text is cut into chunks.
    PROSE = "prose"
    #: Running text with Markdown's headings and blocks to cut at.
    MARKDOWN = "markdown"


@attrs.frozen
class Part:
    """A piece of a document that has a name of its own."""

    #: The item id, or the stem of the ids of its chunks. Stable when the same document is read again.
    id: str
    #: The text, not empty.
    text: str
    #: How it may be cut.
    form: Form = Form.PROSE
    #: Kept with each item made of it.
    metadata: Metadata = NO_METADATA


def _parts(parts: Iterable[Part]) -> tuple[Part, ...]:
    return tuple(parts)  # a function, for mypy does not see through `converter=tuple`


@attrs.frozen(kw_only=True)
class Document:
    """What is replaced as a whole when it is added again: a file, or one line of JSONL."""

    #: Its name; stable when it is read again.
    id: str
    #: The file or stream it came from; pruning looks at all items of a source.
    source: str
    #: What it consists of; may be empty, for an empty file.
    parts: tuple[Part, ...] = attrs.field(converter=_parts)


@attrs.frozen(kw_only=True)
class Unreadable:
    """A file or a line that could not be taken, and why. Reported, never fatal for the others."""

    #: The file or stream.
    source: str
    #: What is wrong with it, as a sentence without a capital.
    reason: str
    #: Line number from 1, where there is one.
    line: int | None = None

    def __str__(self) -> str:
        """Such as ``data.jsonl:7: not JSON``."""
        place = self.source if self.line is None else f"{self.source}:{self.line}"
        return f"{place}: {self.reason}"


@attrs.frozen
class Item:
    """What is indexed: an id, a text, metadata."""

    #: Unique in an index.
    id: str
    #: The text, not empty.
    text: str
    #: JSON values only.
    metadata: Metadata = NO_METADATA
