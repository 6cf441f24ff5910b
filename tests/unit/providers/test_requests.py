"""Cutting texts into requests."""

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from embedlane.models.card import Dimensions, InputLimits, ModelCard
from embedlane.providers.requests import DEFAULT_INPUTS, cut_requests

limits = st.none() | st.integers(1, 40)


def card(inputs=None, tokens=None):
    return ModelCard(
        id="acme:one",
        lanes=["sync"],
        dimensions=Dimensions(native=2),
        limits=InputLimits(inputs_per_request=inputs, tokens_per_request=tokens),
        characters_per_token=1.0,
    )


@settings(deadline=None)
@given(st.lists(st.text(max_size=30), max_size=60), limits, limits)
def test_requests_hold_all_texts_in_order_within_the_limits(texts, inputs, tokens):
    """Nothing is lost, doubled, reordered or empty; only a text that is alone may be over a limit."""
    requests = list(cut_requests(texts, card(inputs, tokens)))
    assert [text for request in requests for text in request] == texts
    for request in requests:
        assert 1 <= len(request) <= (inputs or DEFAULT_INPUTS)
        if tokens is not None and len(request) > 1:
            assert sum(max(1, len(text)) for text in request) <= 0.9 * tokens


@settings(deadline=None)
@given(st.lists(st.text(max_size=30), max_size=60), limits, limits)
def test_requests_are_as_large_as_the_limits_allow(texts, inputs, tokens):
    """The first text of a request did not fit into the one before it."""
    requests = list(cut_requests(texts, card(inputs, tokens)))
    for before, after in itertools.pairwise(requests):
        cost = sum(max(1, len(text)) for text in [*before, after[0]])
        over = tokens is not None and cost > 0.9 * tokens
        assert over or len(before) == (inputs or DEFAULT_INPUTS)


def test_cutting_reads_no_further_than_it_must():
    """Requests are yielded as texts come, so that a corpus needs no memory."""
    taken = []

    def texts():
        for number in range(100):
            taken.append(number)
            yield "x"

    next(cut_requests(texts(), card(inputs=5)))
    assert len(taken) == 6
