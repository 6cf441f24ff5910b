"""Splitting running text where it means most, into pieces of at most a given size.

The work is done by semantic-text-splitter: headings before paragraphs before sentences before words. Two
things are put around it. It looks at the whole rest of the text again and again, so it gets windows of the
text, and its time grows with the text and not with the square of it. And it asks for the tokens of
thousands of pieces, so these are added up from words that are counted once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, final

import attrs
from semantic_text_splitter import MarkdownSplitter, TextSplitter

from embedlane.text.documents import Form
from embedlane.text.tokens import EstimatedCounter, TokenCounter

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Characters of the smallest window. Plain text is cut as it would be in one piece. Markdown may not be,
#: because a window may begin within a list or a block of code, so only unusually long files have a second.
_WINDOWS = {Form.PROSE: 1 << 12, Form.RECORD: 1 << 12, Form.MARKDOWN: 1 << 20}
#: Pieces in a window, at least, of which the last one is split again with the next. Each piece costs time
#: for the whole rest of its window.
_PIECES = 32
#: Characters of a usual token, and of one so long that a head of the text is counted first.
_TOKEN, _LONG_TOKEN = 4, 8
#: Words whose tokens are remembered, and characters of the longest one.
_WORDS, _WORD = 100_000, 64


@attrs.frozen
class Chunk:
    """A piece of a text."""

    #: The text, without blank edges.
    text: str
    #: Its tokens, if they have been counted.
    tokens: int | None = None


class Splitter(Protocol):
    """Splits a text."""

    def split(self, text: str, form: Form) -> Iterator[Chunk]:
        """Split *text* into pieces that are not blank; all of its other characters are in one at least."""
        ...


def splitter(counter: TokenCounter, size: int, overlap: int) -> Splitter:
    """The splitter for pieces of at most *size* tokens that share at most *overlap*."""
    if isinstance(counter, EstimatedCounter):  # then tokens are characters by another name
        return CharacterSplitter(max(1, counter.characters(size)), counter.characters(overlap))
    return TokenSplitter(counter, size, overlap)


@final
@attrs.frozen
class CharacterSplitter:
    """Splits by a number of characters."""

    #: Characters in a piece, at most.
    size: int
    #: Characters that two neighbours share, at most.
    overlap: int = 0

    def split(self, text: str, form: Form) -> Iterator[Chunk]:
        """See `Splitter`."""
        kind = MarkdownSplitter if form is Form.MARKDOWN else TextSplitter
        overlap = min(self.overlap, self.size - 1)
        window = max(_WINDOWS[form], _PIECES * self.size)
        for piece in _through_windows(kind(self.size, overlap).chunk_indices, text, window):
            yield Chunk(piece)


@final
@attrs.frozen
class TokenSplitter:
    """Splits by a number of tokens, special tokens included.

    A single character may have more tokens than a piece may; it is then a piece of its own.
    """

    #: Counts the tokens.
    counter: TokenCounter
    #: Tokens in a piece, at most.
    size: int
    #: Tokens that two neighbours share, at most.
    overlap: int = 0
    _words: _Words = attrs.field(init=False)

    @_words.default
    def _count_words(self) -> _Words:
        return _Words(self.counter)

    def split(self, text: str, form: Form) -> Iterator[Chunk]:
        """See `Splitter`."""
        pieces = list(self._pieces(text, form, self._words.sum))
        # A sum of words is exact where blanks part tokens, as in WordPiece, and near elsewhere.
        for piece, tokens in zip(pieces, self.counter.count(pieces) if pieces else (), strict=True):
            if tokens <= self.size:
                yield Chunk(piece, tokens)
            else:
                for smaller in self._pieces(piece, form, self._words.count):
                    yield from self._halved(smaller)

    def _halved(self, text: str) -> Iterator[Chunk]:
        # semantic-text-splitter takes a rest with fewer bytes than the capacity as it is, although a
        # tokenizer that takes characters apart may make more tokens of it.
        tokens = self.counter.count([text])[0]
        if tokens <= self.size or len(text) == 1:
            yield Chunk(text, tokens)
            return
        middle = len(text) // 2
        for half in (text[:middle].strip(), text[middle:].strip()):
            if half:  # Python takes more characters for blanks than the splitter does
                yield from self._halved(half)

    def _pieces(self, text: str, form: Form, count: Callable[[str], int]) -> Iterator[str]:
        capacity = max(1, self.size - self._words.special)
        kind = MarkdownSplitter if form is Form.MARKDOWN else TextSplitter
        split = kind.from_callback(_Measure(count, capacity), capacity, min(self.overlap, capacity - 1))
        window = max(_WINDOWS[form], _PIECES * capacity * _TOKEN)
        return _through_windows(split.chunk_indices, text, window)


@attrs.frozen
class _Measure:
    """Tokens of a text as far as they matter: no more than says that it is too long."""

    count: Callable[[str], int]
    capacity: int

    def __call__(self, text: str) -> int:
        head = self.capacity * _LONG_TOKEN
        if len(text) > head:
            tokens = self.count(text[:head])
            if tokens > self.capacity:
                return tokens
        return self.count(text)


class _Words(dict[str, int]):
    """The tokens of words, special tokens apart; counted when first met."""

    def __init__(self, counter: TokenCounter) -> None:
        super().__init__()
        self._counter = counter
        self.special = counter.count([""])[0]

    def __missing__(self, word: str) -> int:
        tokens = self.count(word)
        if len(word) <= _WORD:
            if len(self) >= _WORDS:
                self.clear()
            self[word] = tokens
        return tokens

    def count(self, text: str) -> int:
        """Tokens of *text* as a whole."""
        return self._counter.count([text])[0] - self.special

    def sum(self, text: str) -> int:
        """Tokens of the words of *text*."""
        return sum(map(self.__getitem__, text.split()))


def _through_windows(split: Callable[[str], list[tuple[int, str]]], text: str, window: int) -> Iterator[str]:
    """Split *text* window by window, each beginning where the last piece of the one before began."""
    start, span = 0, window
    while start + span < len(text):
        pieces = split(text[start : start + span])
        if len(pieces) > 1:
            yield from _not_blank(pieces[:-1])
            start, span = start + pieces[-1][0], window
        elif pieces:
            span *= 2
        else:
            start += span  # nothing but blanks
    yield from _not_blank(split(text[start:]))


def _not_blank(pieces: list[tuple[int, str]]) -> Iterator[str]:
    # The splitter takes fewer characters for blanks than Python does.
    return (piece for _, piece in pieces if piece.strip())
