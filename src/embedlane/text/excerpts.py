"""Documents put together again from their chunks, and the part of one that lies around a chunk."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Self

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: A shorter text that ends one chunk and begins the next is taken for chance, not for an overlap.
_LEAST = 12
#: The longest overlap that is looked for.
_MOST = 4000
_NUMBERED = re.compile(r"(.*)#(\d+)", re.DOTALL)
_LEFT_OUT = "[…]"


@attrs.frozen
class Whole:
    """A document as its chunks tell it."""

    #: Its text.
    text: str
    #: Where each chunk begins and ends in it.
    places: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, chunks: Sequence[str], *, overlapping: bool) -> Self:
        """Put *chunks* together in their order.

        Args:
            chunks: Their texts.
            overlapping: Whether a chunk may repeat the end of the one before it; what is repeated is put in
                once then. Otherwise, and where nothing is repeated, an empty line comes between.
        """
        pieces: list[str] = []
        places, length = [], 0
        for before, chunk in zip(["", *chunks], chunks, strict=False):
            shared = _shared(before, chunk) if overlapping else 0
            between = "\n\n" if pieces and not shared else ""
            start = length + len(between) - shared
            pieces.append(between + chunk[shared:])
            length += len(pieces[-1])
            places.append((start, length))
        return cls("".join(pieces), tuple(places))

    def around(self, number: int, size: int) -> str:
        """The document, or where it is longer than *size* characters what is nearest to a chunk of it.

        What is left out is marked. The chunk itself may be longer than *size*.
        """
        start, end = self.places[number]
        spare = max(0, size - (end - start))
        # Half on each side; what one side has not goes to the other.
        first = max(0, min(start - spare // 2, len(self.text) - (end - start) - spare))
        last = min(len(self.text), first + (end - start) + spare)
        head = f"{_LEFT_OUT} " if first else ""
        tail = f" {_LEFT_OUT}" if last < len(self.text) else ""
        return f"{head}{self.text[first:last]}{tail}"


def in_order(names: Iterable[str]) -> list[str]:
    """Ids of one document's items in the order of its text: parts as they come, chunks by their numbers."""
    parts: dict[str, int] = {}
    ranks = {}
    for name in names:
        found = _NUMBERED.fullmatch(name)
        part, number = (found[1], int(found[2])) if found else (name, 0)
        ranks[name] = (parts.setdefault(part, len(parts)), number)
    return sorted(ranks, key=ranks.__getitem__)


def _shared(before: str, after: str) -> int:
    """How long the end of *before* is with which *after* begins."""
    for size in range(min(len(before), len(after), _MOST), _LEAST - 1, -1):
        if before.endswith(after[:size]):
            return size
    return 0
