"""Reading results: each piece becomes what it is, and none stops the others."""

import io
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedlane.providers.values import Malformed, Refusal, Vector
from embedlane_gemini._results import read_inline, read_results
from embedlane_gemini._vectors import VectorReader


def read(*lines):
    """The results in a file of *lines*."""
    text = "".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines)
    return list(read_results(io.BytesIO(text.encode()), VectorReader()))


def test_a_vector_comes_with_its_key_and_tokens():
    """Both forms of the token count are read; the numbers are an array."""
    response = {"embedding": {"values": [0.25, -1, 3e-3]}}
    first, second = read(
        {"key": "a", "response": {**response, "tokenCount": "7"}},
        {"key": "b", "response": {**response, "usageMetadata": {"promptTokenCount": 9}}},
    )
    assert (first.key, first.tokens, second.key, second.tokens) == ("a", 7, "b", 9)
    np.testing.assert_array_equal(first.values, np.array([0.25, -1, 3e-3]))


@pytest.mark.parametrize(
    ("error", "code", "retryable"),
    [
        ({"code": 3, "message": "bad"}, "3", False),
        ({"code": 4, "message": "late"}, "DEADLINE_EXCEEDED", True),
        ({"code": 13}, "INTERNAL", True),
        ({"code": 429, "status": "RESOURCE_EXHAUSTED"}, "RESOURCE_EXHAUSTED", True),
        ({"code": 400, "status": "INVALID_ARGUMENT"}, "INVALID_ARGUMENT", False),
        ({"message": "no code", "details": [{"@type": "x", "reason": "y"}]}, "UNKNOWN", True),
    ],
)
def test_an_error_is_a_refusal(error, code, retryable):
    """Its code decides whether another job may do better; its details may be of any kind."""
    (result,) = read({"key": "a", "error": error})
    assert isinstance(result, Refusal)
    assert (result.key, result.code, result.retryable) == ("a", code, retryable)


@pytest.mark.parametrize("response", [{}, {"embedding": {}}, {"embedding": {"values": []}}, None])
def test_an_answer_without_a_vector_may_be_tried_again(response):
    """An empty answer is no vector, and no fault of the row."""
    (result,) = read({"key": "a", "response": response})
    assert isinstance(result, Refusal)
    assert result.retryable


def test_a_corrupt_line_is_named_and_the_others_are_read():
    """One line that is cut off costs one row."""
    vector = {"embedding": {"values": [1.0]}}
    first, second, third, fourth = read(
        {"key": "a", "response": vector},
        '{"key":"b","resp',
        {"response": vector},
        {"key": "d", "response": vector},
    )
    assert isinstance(first, Vector)
    assert isinstance(second, Malformed)
    assert "line 2" in second.message
    assert isinstance(third, Malformed)
    assert "no key" in third.message
    assert fourth.key == "d"


@pytest.mark.parametrize("values", [["x"], [[1.0]], [{}], [10**400]])
def test_something_other_than_numbers_is_malformed(values):
    """What is no number never becomes one."""
    (result,) = read({"key": "a", "response": {"embedding": {"values": values}}})
    assert isinstance(result, Malformed)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(
                    ["key", "response", "error", "embedding", "values", "code", "metadata", "tokenCount"]
                ),
                inner,
            )
        ),
    )
)
def test_no_json_can_stop_the_reading(piece):
    """Whatever a line holds, it comes to one result."""
    assert len(read(json.dumps(piece))) == 1
    assert len(list(read_inline([piece], ["k"], VectorReader()))) == 1


@pytest.mark.parametrize("value", [None, "NaN"])
def test_no_number_stays_none(value):
    """A null, or the name of no number, becomes none that the core would take."""
    (result,) = read({"key": "a", "response": {"embedding": {"values": [value]}}})
    assert not np.isfinite(result.values).any()


def piece(key=None):
    """An inline response."""
    made = {"response": {"embedding": {"values": [1.0]}}}
    return made if key is None else {**made, "metadata": {"key": key}}


def test_inline_responses_are_told_apart_by_their_own_keys():
    """Keys that come back win over the order."""
    found = list(read_inline([piece("b"), piece("a")], ["a", "b"], VectorReader()))
    assert [result.key for result in found] == ["b", "a"]


def test_inline_responses_without_keys_are_told_apart_by_order():
    """Where the service drops all keys, and all rows are there, their order is what is left."""
    found = list(read_inline([piece(), piece()], ["a", "b"], VectorReader()))
    assert [result.key for result in found] == ["a", "b"]


@pytest.mark.parametrize(
    ("pieces", "keys"),
    [([piece()], ["a", "b"]), ([piece(), piece("b")], ["a", "b"]), ([piece(), piece()], None)],
)
def test_order_is_not_trusted_if_anything_is_missing(pieces, keys):
    """A row without a key gets none by guessing."""
    assert isinstance(next(iter(read_inline(pieces, keys, VectorReader()))), Malformed)


@pytest.mark.parametrize("count", ["many", float("inf"), {}, "NaN"])
def test_a_count_that_is_none_costs_no_vector(count):
    """What is no number of tokens is left out; the vector stands."""
    (result,) = read_inline(
        [{"response": {"embedding": {"values": [0.5]}, "tokenCount": count}}], ["a"], VectorReader()
    )
    assert (result.key, result.tokens) == ("a", None)
