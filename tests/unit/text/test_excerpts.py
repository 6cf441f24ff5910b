"""Documents put together from their chunks, and the part of one around a chunk."""

from hypothesis import given
from hypothesis import strategies as st

from embedlane.text.excerpts import Whole, in_order


def test_chunks_stand_under_each_other():
    """With an empty line between them, and each where it says it is."""
    whole = Whole.of(["one", "two", "three"], overlapping=False)
    assert whole.text == "one\n\ntwo\n\nthree"
    assert [whole.text[start:end] for start, end in whole.places] == ["one", "two", "three"]


def test_what_a_chunk_repeats_is_put_in_once():
    """Where chunks may overlap; a few equal letters are chance."""
    whole = Whole.of(["the sun rises in the east", "rises in the east, always", "sunset"], overlapping=True)
    assert whole.text == "the sun rises in the east, always\n\nsunset"
    assert Whole.of(["abc", "bcd"], overlapping=True).text == "abc\n\nbcd"
    assert Whole.of(["twelve letters", "twelve letters"], overlapping=False).text.count("twelve") == 2


@given(st.lists(st.text(min_size=1), min_size=1, max_size=8), st.integers(1, 60), st.booleans())
def test_a_chunk_is_in_its_excerpt(chunks, size, overlapping):
    """Whatever is left out, and the excerpt is no longer than it may be."""
    whole = Whole.of(chunks, overlapping=overlapping)
    for place, chunk in enumerate(chunks):
        found = whole.around(place, size)
        assert chunk in found
        assert len(found) <= max(size, len(chunk)) + len("[…]  […]")


def test_what_is_left_out_is_marked():
    """On the side where it is left out, and the room of the one side goes to the other."""
    whole = Whole.of(["a" * 20, "b" * 20, "c" * 20], overlapping=False)
    assert whole.around(0, 30) == f"{'a' * 20}\n\n{'b' * 8} […]"
    assert whole.around(2, 30) == f"[…] {'b' * 8}\n\n{'c' * 20}"
    assert whole.around(1, 64) == whole.text


def test_chunks_are_ordered_by_their_numbers():
    """Not as they were entered: a document that grew has its new chunks last in the ledger."""
    assert in_order(["a.md#0", "a.md#10", "b", "a.md#2"]) == ["a.md#0", "a.md#2", "a.md#10", "b"]
