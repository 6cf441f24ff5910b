"""From any row to a record, or the reason why it is none."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from embedlane.transfer.rows import BadRowError, Fields, foreign_record, own_record, unit

FIELDS = Fields(vector="embedding")
GOOD = {"id": "a", "text": "cats", "embedding": [3.0, 4.0]}


def foreign(**changes):
    return foreign_record({**GOOD, **changes}, FIELDS, "f.jsonl", 2)


@given(arrays.arrays(np.float32, 5, elements=st.floats(-(2.0**120), 2.0**120, width=32)))
def test_a_vector_gets_unit_length_and_keeps_it(values):
    """Any finite vector with a direction comes out with length one; that one again, bit by bit."""
    if not values.any():
        with pytest.raises(BadRowError, match="length zero"):
            unit(values, 5)
        return
    first = unit(values, 5)
    assert np.linalg.norm(first.astype(np.float64)) == pytest.approx(1.0, abs=1e-6)
    assert unit(first, 5).tobytes() == first.tobytes()


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([1.0], "has 1 numbers, not 2"),
        ([1.0, float("nan")], "NaN or infinity"),
        ([float("inf"), 1.0], "NaN or infinity"),
        ([0.0, 0.0], "length zero"),
        (["1", "2"], "no list of numbers"),
        ([True, False], "no list of numbers"),
        ([[1.0, 2.0], [3.0, 4.0]], "no list of numbers"),
        ([[1.0], [3.0, 4.0]], "no list of numbers"),
        ([1.0, None], "no list of numbers"),
        ("ab", "no list of numbers"),
        (b"ab", "no list of numbers"),
        ({"a": 1, "b": 2}, "no list of numbers"),
        (1.5, "no list of numbers"),
    ],
)
def test_what_is_no_vector_is_not_taken(values, reason):
    """One vector for an item, of the right size, finite, with a direction."""
    with pytest.raises(BadRowError, match=reason):
        unit(values, 2)


def test_a_row_of_another_program():
    """Its fields are named; what is neither id, text nor vector becomes metadata, dates as text."""
    record = foreign(id=7, year=2020, metadata={"lang": "en"})
    assert (record.id, record.document, record.source) == ("7", "7", "f.jsonl")
    assert record.metadata == {"lang": "en", "year": 2020}
    assert record.vector.tolist() == pytest.approx([0.6, 0.8])
    assert foreign(at=np.datetime64("2020-01-02")).metadata["at"].startswith("2020-01-02")


@pytest.mark.parametrize("row", [{"id": "a", "text": "cats"}, {"id": "a", "text": "cats", "embedding": None}])
def test_a_row_without_a_vector_is_pending(row):
    """Its text is worth having."""
    assert foreign_record(row, FIELDS, "f", 2).vector is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"id": ""}, "'id' is empty"),
        ({"id": True}, "'id' is no text"),
        ({"id": 1.5}, "'id' is no text"),
        ({"text": "  "}, "'text' is empty"),
        ({"text": None}, "'text' is no text"),
        ({"text": "a\0b"}, "'text' holds a character that can't be kept"),
        ({"id": "\ud83d"}, "'id' holds a character that can't be kept"),
        ({"note": "a\0b"}, "metadata holds a NUL"),
        ({"note": 1 << 70}, "metadata can't be JSON"),
    ],
)
def test_a_row_that_can_not_be_kept(changes, reason):
    """It is not changed until it fits, for its vector would be of another text."""
    with pytest.raises(BadRowError, match=reason):
        foreign(**changes)


def test_a_backslash_is_no_nul_character():
    """What only looks like one in JSON is kept."""
    assert foreign(note="\\u0000").metadata == {"note": "\\u0000"}


def test_a_missing_field_shows_which_there_are():
    """That is how one finds the name to type."""
    with pytest.raises(BadRowError, match=r"no field 'text'; its fields are 'id', 'page_content'"):
        foreign_record({"id": "a", "page_content": "x"}, FIELDS, "f", 2)


def test_our_own_rows_are_as_they_were_written():
    """A text that was changed would have the vector of another."""
    row = {"id": "a", "text": "cats", "metadata": {}, "document": "d", "source": "s", "content_hash": "0"}
    with pytest.raises(BadRowError, match="its text was changed"):
        own_record(row, 2)
