"""The core's own checks: what a provider returns is never trusted."""

from array import array

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedlane.errors import ResponseError
from embedlane.models.card import Dimensions, ModelCard, Normalisation
from embedlane.models.space import Space
from embedlane.providers.checks import UNIT_TOLERANCE, Checker
from embedlane.providers.values import RawEmbeddings

SIZE = 3
GOOD = [0.0, 0.6, 0.8]
numbers = st.floats(allow_nan=False, allow_infinity=False)
rows = st.lists(numbers, min_size=SIZE, max_size=SIZE).filter(any)


def checker(normalisation=Normalisation.NEVER, size=SIZE):
    card = ModelCard(
        id="acme:one",
        lanes=["sync"],
        dimensions=Dimensions(native=SIZE, smallest=1),
        normalisation=normalisation,
    )
    return Checker("acme", card, Space.of(card, size))


def refusal(vectors, inputs=None, **claims):
    with pytest.raises(ResponseError) as caught:
        checker(**claims).call(RawEmbeddings(vectors=vectors), inputs or len(vectors))
    return caught.value


BAD_ROWS = {
    "too short": ([0.6, 0.8], "has 2 numbers", "3, the index's size"),
    "too long": ([*GOOD, 0.0], "has 4 numbers", "3, the index's size"),
    "null": (None, "is no vector but None", "3, the index's size"),
    "one number": (0.5, "is no vector but 0.5", "3, the index's size"),
    "nan": ([0.0, float("nan"), 1.0], "holds NaN or infinity", "finite numbers"),
    "infinity": ([0.0, float("-inf"), 1.0], "holds NaN or infinity", "finite numbers"),
    "zero": ([0.0, -0.0, 0], "has length zero", "a vector with a direction"),
    "a word": ([0.0, "far", 1.0], "holds something other than numbers", "numbers"),
    "digits in a text": ([0.0, "0.6", "0.8"], "holds something other than numbers", "numbers"),
    "a text": ("123", "holds something other than numbers", "numbers"),
    "a null inside": ([0.0, None, 1.0], "holds something other than numbers", "numbers"),
    "nested": ([[0.0], [0.6], [0.8]], "holds something other than numbers", "numbers"),
    "ragged": ([[0.0, 1.0], [0.6], [0.8]], "holds something other than numbers", "numbers"),
    "complex": ([0.0, 0.6j, 0.8], "holds something other than numbers", "numbers"),
}


@pytest.mark.parametrize("fault", BAD_ROWS)
def test_a_bad_row_is_refused_with_its_place_and_what_was_expected(fault):
    """The error names provider, model, row, what came and what was expected."""
    row, found, expected = BAD_ROWS[fault]
    error = refusal([GOOD, row, GOOD])
    assert error.message == f"Provider acme, model acme:one: row 1 {found}; expected {expected}."
    assert "`embedlane plugins`" in error.hint


@pytest.mark.parametrize("fault", BAD_ROWS)
def test_a_bad_row_of_a_batch_job_is_refused_under_its_key(fault):
    """The error names the row's key in place of its number."""
    row, found, expected = BAD_ROWS[fault]
    with pytest.raises(ResponseError) as caught:
        checker().row("r7", row)
    assert caught.value.message == f"Provider acme, model acme:one: row r7 {found}; expected {expected}."


@pytest.mark.parametrize(
    ("vectors", "found"),
    [([GOOD], "1 vectors"), ([GOOD] * 3, "3 vectors"), ([], "0 vectors"), (None, "NoneType")],
)
def test_each_text_needs_exactly_one_vector(vectors, found):
    """A missing, an extra, or no list of vectors at all is refused."""
    error = refusal(vectors, inputs=2)
    assert error.message == (
        f"Provider acme, model acme:one: returned {found} for 2 texts; expected one vector for each text."
    )


@pytest.mark.parametrize(
    ("rule", "size", "promised"),
    [
        (Normalisation.ALWAYS, SIZE, True),
        (Normalisation.ALWAYS, 2, True),
        (Normalisation.NATIVE_ONLY, SIZE, True),
        (Normalisation.NATIVE_ONLY, 2, False),
        (Normalisation.NEVER, SIZE, False),
        (Normalisation.NEVER, 2, False),
    ],
)
def test_a_promised_length_is_held_against_the_provider_and_others_are_mended(rule, size, promised):
    """A vector of length 5 breaks a promise of unit length, and is scaled where there is none."""
    vectors = [[1.0, *[0.0] * (size - 1)], [*[0.0] * (size - 2), 3.0, 4.0]]
    if promised:
        error = refusal(vectors, normalisation=rule, size=size)
        assert error.message == (
            "Provider acme, model acme:one: row 1 has length 5; "
            f"expected unit length, as its card promises at {size} dimensions."
        )
        with pytest.raises(ResponseError, match="row r7 has length 5"):
            checker(rule, size).row("r7", vectors[1])
    else:
        units = checker(rule, size).call(RawEmbeddings(vectors=vectors), 2)
        np.testing.assert_allclose(units[1, -2:], [0.6, 0.8], rtol=1e-6)


def test_a_promised_length_may_be_off_by_rounding():
    """Services that round their numbers keep their promise; what is stored has unit length nevertheless."""
    nearly = [number * (1 + UNIT_TOLERANCE / 2) for number in GOOD]
    unit = checker(Normalisation.ALWAYS).row("r", nearly)
    assert np.linalg.norm(unit.astype(float)) == pytest.approx(1.0, abs=1e-6)


@settings(deadline=None)
@given(st.lists(rows, min_size=1, max_size=4))
def test_any_finite_rows_come_out_with_unit_length_and_their_direction(vectors):
    """Numbers of any size, whose squares may overflow or vanish, give float32 unit vectors."""
    units = checker().call(RawEmbeddings(vectors=vectors), len(vectors))
    assert units.shape == (len(vectors), SIZE)
    assert units.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(units.astype(float), axis=1), 1.0, atol=1e-6)
    for unit, vector in zip(units, vectors, strict=True):
        largest = int(np.argmax(np.abs(vector)))
        assert np.sign(unit[largest]) == np.sign(vector[largest])
        assert np.abs(unit).argmax() == largest or np.isclose(np.abs(unit).max(), abs(unit[largest]))


@settings(deadline=None)
@given(rows)
def test_a_row_comes_out_the_same_in_both_lanes(vector):
    """The batch lane's check of one row gives the vector that the sync lane gives."""
    one = checker().call(RawEmbeddings(vectors=[vector]), 1)[0]
    np.testing.assert_array_equal(checker().row("r", vector), one)


@pytest.mark.parametrize(
    "vectors",
    [
        np.array([GOOD, GOOD]),
        np.array([GOOD, GOOD], dtype=np.float16),
        [np.array(GOOD, dtype=np.float32), np.array(GOOD)],
        [array("f", GOOD), array("f", GOOD)],
        [tuple(GOOD), GOOD],
        [[0, 3, 4], [0, 3, 4]],
    ],
    ids=["matrix", "half precision", "arrays", "buffers", "tuples", "whole numbers"],
)
def test_a_provider_may_hand_out_numbers_in_any_shape(vectors):
    """Arrays, lists of arrays, buffers and lists of numbers are all read."""
    units = checker().call(RawEmbeddings(vectors=vectors), 2)
    np.testing.assert_allclose(units, [GOOD, GOOD], atol=1e-3)


def test_what_the_provider_returned_is_left_as_it_was():
    """Normalising makes new numbers; an array that the provider keeps isn't changed."""
    mine = np.array([[3.0, 4.0, 0.0]])
    checker().call(RawEmbeddings(vectors=mine), 1)
    np.testing.assert_array_equal(mine, [[3.0, 4.0, 0.0]])
