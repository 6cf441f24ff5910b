"""Counting and cutting with the model's own tokenizer."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from embedlane_minilm._tokens import open_counter

WORDS = st.lists(st.sampled_from(["the", "lane", "embedding", "tokenizers", "a", ".", "(x)"]), min_size=1)


@pytest.fixture(scope="module")
def counter(context):
    """The counter, opened as the core does."""
    return open_counter(context())


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", 2),
        ("hello world", 4),
        ("Hello, world!", 6),
        ("unaffable", 5),
        ("日本語", 5),
        ("word " * 200, 202),
        ("x" * 101, 3),
    ],
)
def test_counts_are_the_models_own(counter, text, tokens):
    """[CLS] and [SEP] count; nothing stops at the 128 tokens that the tokenizer's file asks for."""
    assert counter.exact
    assert counter.count([text, "hello world"]) == [tokens, 4]


def test_nothing_counts_nothing(counter):
    """No texts, no counts."""
    assert counter.count([]) == []


def test_a_text_within_the_limit_is_not_cut(counter):
    """The very text comes back."""
    assert counter.cut(" hello  world ", 4) == " hello  world "


@pytest.mark.parametrize(
    ("text", "tokens", "head"),
    [
        ("hello brave new world", 4, "hello brave "),
        ("Héllo, wörld", 4, "Héllo, "),
        ("unaffable", 4, "una"),
        ("hello", 2, ""),
        ("hello", 1, ""),
        ("hello", 0, ""),
    ],
)
def test_a_text_is_cut_before_the_first_token_too_many(counter, text, tokens, head):
    """The head is cut on characters of the text as it stands, with its accents and spaces."""
    if text == "unaffable":
        head = text[: counter.tokenizer.encode(text).offsets[3][0]]
    assert counter.cut(text, tokens) == head


@settings(deadline=None)
@given(words=WORDS, tokens=st.integers(2, 20))
def test_a_cut_uses_the_whole_limit(counter, words, tokens):
    """A head of a long text of known words has exactly the tokens that it may have."""
    text = " ".join(words)
    assert counter.count([counter.cut(text, tokens)])[0] == min(tokens, counter.count([text])[0])


@settings(deadline=None)
@given(text=st.text(st.characters(exclude_categories=["Cs"])), tokens=st.integers(0, 20))
@example(text="한국어 텍스트", tokens=4)
@example(text="a\u0301\u0301\u0301bc", tokens=3)
@example(text="[SEP] [CLS] x", tokens=3)
@example(text="İİİ", tokens=4)
def test_a_cut_is_a_head_within_the_limit(counter, text, tokens):
    """Whatever the text, what is left is its beginning and has no more tokens than allowed."""
    head = counter.cut(text, tokens)
    assert text.startswith(head)
    assert head == "" or counter.count([head])[0] <= tokens
