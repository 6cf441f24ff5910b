"""Reading results: each line becomes what it is, and none stops the others."""

import io
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedlane.providers.values import Malformed, Refusal, Vector
from embedlane_openai._results import read_results


def read(*lines, keep=None):
    """The results in a file of *lines*."""
    text = "".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines)
    return list(read_results(io.BytesIO(text.encode()), "file-out", keep))


def good(custom_id, *items, tokens=5):
    """A line of an output file; an item is an index and its numbers."""
    data = [{"index": index, "embedding": numbers} for index, numbers in items]
    body = {"object": "list", "data": data, "usage": {"prompt_tokens": tokens}}
    return {"id": "r", "custom_id": custom_id, "response": {"status_code": 200, "body": body}, "error": None}


def bad(custom_id, status, message="no", code=None, param=None):
    """A line of an error file."""
    error = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
    return {
        "custom_id": custom_id,
        "response": {"status_code": status, "body": {"error": error}},
        "error": None,
    }


def ended(custom_id, code):
    """A line of a row that the job did not get to."""
    return {"custom_id": custom_id, "response": None, "error": {"code": code, "message": "not executed"}}


def test_a_vector_comes_under_its_rows_position():
    """In the service's own encoding; the tokens of a line with one row are the row's."""
    (found,) = read(good("7+1", (0, "AACAPgAAgL8=")))
    assert (found.key, found.tokens) == ("7", 5)
    np.testing.assert_array_equal(found.values, [0.25, -1.0])


def test_the_rows_of_a_line_are_told_apart_by_their_index():
    """In whatever order; nobody knows how the line's tokens fall on them."""
    found = read(good("40+3", (2, [2.0]), (0, [0.0]), (1, [1.0])))
    assert {row.key: row.values[0] for row in found} == {"40": 0.0, "41": 1.0, "42": 2.0}
    assert {row.tokens for row in found} == {None}


def test_a_row_that_a_line_leaves_out_is_just_missing():
    """The others are read."""
    assert [row.key for row in read(good("0+3", (0, [0.0]), (2, [2.0])))] == ["0", "2"]


def test_a_row_that_a_line_answers_twice_has_no_vector():
    """Neither of the two is believed; the other rows are read."""
    found = read(good("0+3", (0, [0.0]), (1, [1.0]), (1, [9.0])))
    assert [row.key for row in found if isinstance(row, Vector)] == ["0"]
    assert [row.message for row in found if isinstance(row, Malformed)] == [
        "line 1 of file-out answers row 1 more than once"
    ] * 2


def test_an_index_beyond_the_line_is_malformed():
    """It is no row of anybody's."""
    (found,) = read(good("0+1", (3, [0.0])))
    assert isinstance(found, Malformed)
    assert "answers text 3 of 1" in found.message


def test_heads_are_kept_where_sizes_are_not_asked_for():
    """With unit length again."""
    (found,) = read(good("0+1", (0, [3.0, 4.0, 5.0])), keep=2)
    np.testing.assert_allclose(found.values, [0.6, 0.8])


@pytest.mark.parametrize(
    ("line", "code", "retryable"),
    [
        (bad("0+1", 400, "too long"), "invalid_request_error", False),
        (bad("0+1", 400, "too long", "context_length_exceeded"), "context_length_exceeded", False),
        (bad("0+1", 413), "invalid_request_error", False),
        (bad("0+1", 429, code="rate_limit_exceeded"), "rate_limit_exceeded", True),
        (bad("0+1", 429, code="insufficient_quota"), "insufficient_quota", True),
        (bad("0+1", 400, code="billing_hard_limit_reached"), "billing_hard_limit_reached", True),
        (
            bad("0+1", 400, "This model does not support specifying dimensions."),
            "invalid_request_error",
            True,
        ),
        (bad("0+1", 400, param="encoding_format"), "invalid_request_error", True),
        (bad("0+1", 500), "invalid_request_error", True),
        (bad("0+1", 404, code="model_not_found"), "model_not_found", True),
        (ended("0+1", "server_error"), "server_error", True),
        ({"custom_id": "0+1"}, "EMPTY", True),
        ({"custom_id": "0+1", "response": {"status_code": 200, "body": {}}}, "200", True),
        ({"custom_id": "0+1", "response": {"status_code": 502, "body": "<html>"}}, "502", True),
        ({"custom_id": "0+1", "response": {"status_code": 413, "body": {"error": "big"}}}, "413", False),
        ({"custom_id": "0+1", "response": {"status_code": 422, "body": {"message": "big"}}}, "422", False),
    ],
)
def test_an_error_is_a_refusal_of_its_row(line, code, retryable):
    """Only what the text itself is at fault for is final."""
    (found,) = read(line)
    assert isinstance(found, Refusal)
    assert (found.key, found.code, found.retryable) == ("0", code, retryable)
    assert found.message


@pytest.mark.parametrize("code", ["batch_expired", "batch_cancelled"])
def test_a_row_that_the_job_did_not_get_to_is_missing(code):
    """Nobody refused it: it is pending again, and would not be if that happened a third time."""
    assert read(ended("0+4", code), good("4+1", (0, [1.0])))[0].key == "4"


def test_an_error_of_a_line_refuses_all_its_rows_for_now():
    """Nobody knows which of them it was; each goes alone the next time."""
    found = read(bad("8+3", 400, "too long"))
    assert [(row.key, row.retryable) for row in found] == [("8", True), ("9", True), ("10", True)]


def test_a_corrupt_line_is_named_and_the_others_are_read():
    """One line that is cut off costs its own rows only."""
    found = read(
        good("0+1", (0, [1.0])), '{"custom_id": "1+', "", good("k2", (0, [1.0])), [], good("3+1", (0, [1.0]))
    )
    assert [type(row) for row in found] == [Vector, Malformed, Malformed, Malformed, Vector]
    assert "line 2 of file-out is not JSON" in found[1].message
    assert "names no rows of ours" in found[2].message


def test_something_other_than_numbers_is_malformed():
    """What is no number never becomes one."""
    (found,) = read(good("4+2", (0, "?")))
    assert isinstance(found, Malformed)
    assert "rows 4 to 5" in found.message


@settings(max_examples=50)
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text() | st.just("0+2"),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "custom_id",
                        "response",
                        "status_code",
                        "body",
                        "error",
                        "data",
                        "index",
                        "embedding",
                        "code",
                    ]
                ),
                inner,
            )
        ),
    )
)
def test_no_json_can_stop_the_reading(piece):
    """Whatever a line holds, it comes to results."""
    holder = {"custom_id": "0+2", "response": piece, "error": piece}
    for line in (piece, holder, {"custom_id": "0+2", "response": {"status_code": 200, "body": piece}}):
        for found in read(json.dumps(line)):
            assert isinstance(found, (Vector, Refusal, Malformed))
