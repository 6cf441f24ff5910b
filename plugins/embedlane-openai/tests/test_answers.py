"""Reading vectors: either encoding, any order, and nothing else."""

import base64
import contextlib
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedlane_openai._answers import UnreadableError, head, in_order, read_data, tokens_of


def item(index, embedding):
    """One element of an answer's data."""
    return {"object": "embedding", "index": index, "embedding": embedding}


def packed(numbers):
    """*numbers* in base64."""
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=40))
def test_both_encodings_say_the_same(numbers):
    """Base64 is four bytes a number, lowest first; digits are digits."""
    ((_, first), (_, second)) = read_data({"data": [item(0, packed(numbers)), item(1, numbers)]})
    assert first.dtype == np.float32
    np.testing.assert_array_equal(first, np.asarray(numbers, np.float32))
    np.testing.assert_array_equal(second, np.asarray(numbers))


@given(st.permutations(range(6)))
def test_any_order_is_put_right(order):
    """The index decides, not the place."""
    found = in_order(read_data({"data": [item(index, [float(index)]) for index in order]}))
    assert [row[0] for row in found] == [0, 1, 2, 3, 4, 5]


def test_without_an_index_the_place_counts():
    """Some servers leave it out; then there is only one way to read it."""
    data = [{"embedding": [0.0]}, {"embedding": [1.0]}]
    assert [row[0] for row in in_order(read_data({"data": data}))] == [0.0, 1.0]


@pytest.mark.parametrize("indexes", [(0, 0), (0, 2), (-1, 0)])
def test_an_order_that_cannot_be_is_refused(indexes):
    """A doubled or strange index is never guessed right."""
    with pytest.raises(UnreadableError, match="index"):
        in_order(read_data({"data": [item(index, [1.0]) for index in indexes]}))


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        {},
        {"data": None},
        {"data": ["x"]},
        {"data": [item("0", [1.0])]},
        {"data": [item(True, [1.0])]},
        {"data": [{"index": 0}]},
        {"data": [item(0, ["x"])]},
        {"data": [item(0, ["1.0"])]},
        {"data": [item(0, [1.0, None])]},
        {"data": [item(0, [True])]},
        {"data": [item(0, [[1.0], [1.0, 2.0]])]},
        {"data": [item(0, [[1.0]])]},
        {"data": [item(0, [10**400])]},
        {"data": [item(0, "not base64!")]},
        {"data": [item(0, "AAAA")]},  # three bytes
        {"data": [item(0, "ä")]},
    ],
)
def test_what_is_no_vector_is_named(answer):
    """The error says what is wrong, for the lane to add where."""
    with pytest.raises(UnreadableError):
        read_data(answer)


@settings(max_examples=50)
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text() | st.integers(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(["data", "index", "embedding", "usage", "prompt_tokens"]), inner
            )
        ),
    )
)
def test_no_json_can_stop_the_reading(answer):
    """Whatever comes is read or refused."""
    with contextlib.suppress(UnreadableError):
        in_order(read_data(answer))
    if isinstance(answer, dict):
        assert tokens_of(answer) is None or isinstance(tokens_of(answer), int)


def test_the_head_of_a_vector_has_unit_length_again():
    """As OpenAI itself makes smaller vectors; what is short enough stays as it is."""
    np.testing.assert_allclose(head(np.array([3.0, 4.0, 12.0]), 2), [0.6, 0.8])
    whole = np.array([3.0, 4.0])
    assert head(whole, 2) is whole
    assert head(whole, None) is whole
    np.testing.assert_array_equal(head(np.array([0.0, 1.0]), 1), [0.0])


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ({"prompt_tokens": 5, "total_tokens": 6}, 5),
        ({"total_tokens": 6}, 6),
        ({}, None),
        (None, None),
        ("x", None),
    ],
)
def test_tokens_are_told_where_they_are(usage, tokens):
    """Some servers say nothing of them."""
    assert tokens_of({"usage": usage}) == tokens
