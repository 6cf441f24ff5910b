"""From documents to items: chunks of running text, and what to do with a text that is too long."""

from __future__ import annotations

from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, final

import attrs

from embedlane.errors import InputError
from embedlane.text.documents import Document, Form, Item, Part
from embedlane.text.splitting import CharacterSplitter, Chunk, Splitter, splitter
from embedlane.text.tokens import TokenCounter

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: Tokens of a chunk when the rule names no size and the model takes as many.
DEFAULT_SIZE = 512
#: Special tokens that a tokenizer may put around a text, and some to spare.
_SPECIAL = 8


class TooLong(StrEnum):
    """What becomes of a text that is over the model's limit."""

    #: It is refused.
    ERROR = "error"
    #: Its head is taken.
    TRUNCATE = "truncate"
    #: It is cut into chunks.
    CHUNK = "chunk"


class Unit(StrEnum):
    """What a size is counted in."""

    #: The model's tokens, special tokens included.
    TOKENS = "tokens"
    #: Code points.
    CHARACTERS = "characters"


@attrs.frozen(kw_only=True)
class ChunkRule:
    """How running text is cut."""

    #: The largest chunk; 0 leaves texts whole, None is the model's limit but no more than `DEFAULT_SIZE`.
    size: int | None = attrs.field(default=None, validator=attrs.validators.optional(attrs.validators.ge(0)))
    #: How much of a chunk its successor repeats, at most.
    overlap: int = attrs.field(default=0, validator=attrs.validators.ge(0))
    #: What both are counted in.
    unit: Unit = attrs.field(default=Unit.TOKENS, converter=Unit)

    @overlap.validator
    def _check_overlap(self, _attribute: attrs.Attribute[int], overlap: int) -> None:
        size = DEFAULT_SIZE if self.size is None else self.size
        if overlap and overlap >= size:
            raise ValueError(f"overlap {overlap} is not smaller than the size {size}")

    @unit.validator
    def _check_unit(self, _attribute: attrs.Attribute[Unit], unit: Unit) -> None:
        if unit is Unit.CHARACTERS and self.size is None:
            raise ValueError("a size in characters has to be given")


@attrs.frozen
class Refused:
    """A text that is over the limit."""

    #: The id its item would have had.
    id: str
    #: Its tokens.
    tokens: int
    #: The model's limit.
    limit: int
    #: Whether the tokens were counted; if not, they are estimated.
    exact: bool

    def __str__(self) -> str:
        """Such as ``'a.md' has about 9000 tokens; the model takes 8192``."""
        about = "" if self.exact else "about "
        return f"{self.id!r} has {about}{self.tokens} tokens; the model takes {self.limit}"


@attrs.frozen(kw_only=True)
class Cut:
    """What a document was cut into."""

    #: What is to be indexed, in the document's order.
    items: tuple[Item, ...] = ()
    #: Ids of those items that hold only the head of their text.
    truncated: tuple[str, ...] = ()
    #: What is over the limit and therefore no item.
    refused: tuple[Refused, ...] = ()


@attrs.frozen
class _Piece:
    """A text on its way to an item."""

    part: Part
    chunk: Chunk
    #: Whether it is one of several, or could have been.
    numbered: bool


@final
@attrs.define
class Cutter:
    """Cuts documents for one model. The same document is always cut in the same way."""

    #: How running text is cut.
    rule: ChunkRule
    #: What becomes of a text over the limit.
    too_long: TooLong
    #: The model's limit in tokens; None if it has none.
    limit: int | None
    #: Counts tokens as the model does.
    counter: TokenCounter

    def cut(self, document: Document) -> Cut:
        """Cut *document* into items.

        A record is an item under its part's id; chunks are numbered, as ``<part>#0``.

        Raises:
            InputError: Two items would have the same id.
        """
        pieces = [piece for part in document.parts for piece in self._pieces(part)]
        tokens = self._tokens(pieces)
        if self.too_long is TooLong.CHUNK and any(map(self._over, tokens)):
            pieces = list(self._split_again(pieces, tokens))
            tokens = self._tokens(pieces)
        return self._verdict(document, pieces, tokens)

    @cached_property
    def _for_prose(self) -> Splitter | None:
        """What cuts running text; None if that stays whole."""
        size = self.rule.size
        if size is None:
            size = min(DEFAULT_SIZE, self.limit or DEFAULT_SIZE)
        if not size:
            return None
        if self.rule.unit is Unit.CHARACTERS:
            return CharacterSplitter(size, self.rule.overlap)
        return splitter(self.counter, size, self.rule.overlap)

    @cached_property
    def _to_limit(self) -> Splitter:
        """What cuts a text that is over the limit."""
        assert self.limit is not None
        return splitter(self.counter, self.limit, 0)

    def _pieces(self, part: Part) -> Iterator[_Piece]:
        if not part.text.strip():
            return
        if part.form is Form.RECORD or self._for_prose is None:
            yield _Piece(part, Chunk(part.text), numbered=False)
            return
        for chunk in self._for_prose.split(part.text, part.form):
            yield _Piece(part, chunk, numbered=True)

    def _split_again(self, pieces: Sequence[_Piece], tokens: Sequence[int]) -> Iterator[_Piece]:
        for piece, count in zip(pieces, tokens, strict=True):
            if not self._over(count):
                yield piece
                continue
            for chunk in self._to_limit.split(piece.chunk.text, piece.part.form):
                yield _Piece(piece.part, chunk, numbered=True)

    def _over(self, tokens: int) -> bool:
        return self.limit is not None and tokens > self.limit

    def _tokens(self, pieces: Sequence[_Piece]) -> list[int]:
        """The tokens of each piece; 0 where it is sure to fit."""
        tokens = [piece.chunk.tokens or 0 for piece in pieces]
        unsure = [n for n, piece in enumerate(pieces) if not tokens[n] and not self._fits(piece.chunk.text)]
        if unsure:
            counts = self.counter.count([pieces[n].chunk.text for n in unsure])
            for n, count in zip(unsure, counts, strict=True):
                tokens[n] = count
        return tokens

    def _fits(self, text: str) -> bool:
        # A token has a character at least, in ASCII. Elsewhere it may not: byte-level tokenizers and those
        # that take characters apart make three tokens and more of one.
        return self.limit is None or (len(text) + _SPECIAL <= self.limit and text.isascii())

    def _verdict(self, document: Document, pieces: Sequence[_Piece], tokens: Sequence[int]) -> Cut:
        items: list[Item] = []
        truncated: list[str] = []
        refused: list[Refused] = []
        for name, piece, count in zip(_names(pieces), pieces, tokens, strict=True):
            text = self._shortened(piece.chunk.text) if self._over(count) else piece.chunk.text
            if text is None:
                assert self.limit is not None
                refused.append(Refused(name, count, self.limit, self.counter.exact))
                continue
            if self._over(count):
                truncated.append(name)
            items.append(Item(name, text, piece.part.metadata))
        _check_unique(document, items)
        return Cut(items=tuple(items), truncated=tuple(truncated), refused=tuple(refused))

    def _shortened(self, text: str) -> str | None:
        """The head of *text* that fits; None if it is to be refused."""
        if self.too_long is TooLong.ERROR:
            return None
        assert self.limit is not None
        head = self.counter.cut(text, self.limit)
        return head if head.strip() else None


def _names(pieces: Sequence[_Piece]) -> Iterator[str]:
    """The id of each piece: its part's, with a number where the part is cut."""
    part, number = None, 0
    for piece in pieces:
        number = number + 1 if piece.part is part else 0
        part = piece.part
        yield f"{part.id}#{number}" if piece.numbered else part.id


def _check_unique(document: Document, items: Sequence[Item]) -> None:
    seen: set[str] = set()
    for item in items:
        if item.id in seen:
            raise InputError(
                f"Document {document.id!r} has two items with the id {item.id!r}.",
                "Give each part an id of its own.",
            )
        seen.add(item.id)
