"""Estimating tokens."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from embedlane.text.tokens import EstimatedCounter


@given(st.floats(0.1, 20), st.integers(0, 10_000))
@example(0.35, 60)
def test_characters_is_the_other_way_round_of_count(ratio, tokens):
    """The characters of a number of tokens count as no more, and two characters more do."""
    counter = EstimatedCounter(ratio)
    characters = counter.characters(tokens)
    at_most, over = counter.count(["x" * characters, "x" * (characters + 2)])
    assert at_most <= tokens < over


def test_cut_takes_the_head():
    """The head has as many characters as the tokens allow."""
    assert EstimatedCounter(2.5).cut("abcdefghij", 3) == "abcdefg"
