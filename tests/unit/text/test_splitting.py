"""Splitting running text."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from semantic_text_splitter import MarkdownSplitter, TextSplitter

from embedlane.text.documents import Form
from embedlane.text.splitting import CharacterSplitter, TokenSplitter, splitter
from embedlane.text.tokens import EstimatedCounter

PARAGRAPH = "The lane is long. It has, as lanes have, two sides; nobody knows why!\nA line. "
PROSE = "\n\n".join(PARAGRAPH * (n % 7 + 1) for n in range(600))
MARKDOWN = "\n".join(f"# Head {n}\n\n- item\n- {PARAGRAPH}\n\n```\ncode {n}\n```\n" for n in range(300))
TEXTS = st.text(st.sampled_from("ab c.\n\t\r#`-é각😀\u0301\x1c\u2028"), max_size=300)
FORMS = st.sampled_from(list(Form))


@attrs.define
class Words:
    """Counts as WordPiece does: pieces of words, blanks part them, two special tokens."""

    exact: bool = True
    calls: int = 0

    def count(self, texts):
        """See TokenCounter."""
        self.calls += 1
        return [2 + sum(-(-len(word) // 3) for word in text.split()) for text in texts]

    def cut(self, text, tokens):
        """See TokenCounter."""
        return text[:tokens]


class Blanks(Words):
    """Counts blanks too, so that a sum over words is too small."""

    def count(self, texts):
        """See TokenCounter."""
        return [len(text) for text in texts]


class Greedy(Words):
    """Makes more tokens of a character than it has bytes."""

    def count(self, texts):
        """See TokenCounter."""
        return [2 + 5 * len(text) for text in texts]


def solid(text: str) -> str:
    return "".join(text.split())


@pytest.mark.parametrize("overlap", [0, 50])
@pytest.mark.parametrize(("form", "kind"), [(Form.PROSE, TextSplitter), (Form.MARKDOWN, MarkdownSplitter)])
def test_windows_do_not_move_cuts(form, kind, overlap):
    """A text is cut as the splitter would cut it in one piece."""
    text = PROSE if form is Form.PROSE else MARKDOWN
    pieces = [chunk.text for chunk in CharacterSplitter(700, overlap).split(text, form)]
    assert pieces == kind(700, overlap).chunks(text)


@pytest.mark.parametrize("overlap", [0, 20])
def test_words_are_as_good_as_counting_each_piece(overlap):
    """Adding up words cuts as a count of each candidate would."""
    counter = Words()
    pieces = list(TokenSplitter(counter, 100, overlap).split(PROSE[:40_000], Form.PROSE))
    plain = TextSplitter.from_callback(lambda text: counter.count([text])[0] - 2, 98, overlap)
    assert [piece.text for piece in pieces] == plain.chunks(PROSE[:40_000])
    assert [piece.tokens for piece in pieces] == counter.count([piece.text for piece in pieces])


def test_words_are_counted_once():
    """The counter is asked for each word and for the finished pieces, not for each candidate."""
    counter = Words()
    list(TokenSplitter(counter, 100).split(PROSE[:40_000], Form.PROSE))
    assert counter.calls < 50


def test_text_longer_than_the_memory_of_words_is_split(monkeypatch):
    """The memory of words is bounded; what is forgotten is counted again."""
    monkeypatch.setattr("embedlane.text.splitting._WORDS", 3)
    pieces = list(TokenSplitter(Words(), 10).split(PARAGRAPH, Form.PROSE))
    assert solid("".join(piece.text for piece in pieces)) == solid(PARAGRAPH)


def test_a_sum_of_words_that_is_too_small_is_mended():
    """Where the words are not all that counts, pieces over the size are split again by whole counts."""
    pieces = list(TokenSplitter(Blanks(), 50).split(PROSE[:5000], Form.PROSE))
    assert max(len(piece.text) for piece in pieces) <= 50
    assert solid("".join(piece.text for piece in pieces)) == solid(PROSE[:5000])


def test_more_tokens_than_bytes_are_split():
    """A short text can be over the size too, and a single character is a piece of its own."""
    pieces = [chunk.text for chunk in TokenSplitter(Greedy(), 12).split("ab cde", Form.PROSE)]
    assert max(len(piece) for piece in pieces) <= 2
    assert solid("".join(pieces)) == "abcde"
    assert [chunk.text for chunk in TokenSplitter(Greedy(), 3).split("abc", Form.PROSE)] == ["a", "b", "c"]


def test_an_endless_word_is_split():
    """Text without blanks is cut between characters."""
    pieces = list(TokenSplitter(Words(), 12).split("x" * 1000, Form.PROSE))
    assert [piece.tokens for piece in pieces] == [12] * 33 + [6]


@given(TEXTS, FORMS, st.integers(1, 40))
def test_characters_are_neither_lost_nor_too_many(text, form, size):
    """Pieces hold every character that is not blank, in order, and none is over the size or blank."""
    pieces = [chunk.text for chunk in CharacterSplitter(size).split(text, form)]
    assert solid("".join(pieces)) == solid(text)
    assert all(len(piece) <= size and piece.strip() for piece in pieces)


@pytest.mark.parametrize("counter", [Words(), Blanks(), Greedy()])
@given(text=TEXTS, form=FORMS, size=st.integers(7, 40))
def test_tokens_are_neither_lost_nor_too_many(counter, text, form, size):
    """The same by tokens, for counters that do and do not part tokens at blanks."""
    pieces = [chunk.text for chunk in TokenSplitter(counter, size).split(text, form)]
    assert solid("".join(pieces)) == solid(text)
    assert all(count <= size for count in counter.count(pieces))


@given(TEXTS, FORMS, st.integers(2, 30), st.data())
def test_overlap_loses_nothing(text, form, size, data):
    """Every piece is found in the text at or after the place of the one before."""
    overlap = data.draw(st.integers(1, size - 1))
    place = 0
    for chunk in CharacterSplitter(size, overlap).split(text, form):
        place = text.index(chunk.text, place)
    assert set(solid(text)) == {
        character
        for chunk in CharacterSplitter(size, overlap).split(text, form)
        for character in solid(chunk.text)
    }


@pytest.mark.parametrize("text", [" " * 200_000 + "x", "x" + "\n" * 200_000, "x" * 200_000, "word " * 50_000])
@pytest.mark.parametrize("size", [10, 100_000])
def test_odd_texts_longer_than_a_window(text, size):
    """Long blanks, a long word and pieces longer than a window lose nothing."""
    pieces = [chunk.text for chunk in CharacterSplitter(size).split(text, Form.PROSE)]
    assert solid("".join(pieces)) == solid(text)


def test_estimates_are_cut_by_characters():
    """Where tokens are estimated from characters, characters are what is cut by."""
    assert splitter(EstimatedCounter(4.0), 100, 10) == CharacterSplitter(400, 40)
    assert splitter(EstimatedCounter(0.1), 5, 0) == CharacterSplitter(1, 0)
    assert splitter(Words(), 100, 10) == TokenSplitter(Words(), 100, 10)
