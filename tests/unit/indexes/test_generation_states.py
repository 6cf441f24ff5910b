"""The table of a generation's states, by tests that are derived from it."""

from __future__ import annotations

import itertools

import pytest

from embedlane.errors import RefusedError
from embedlane.indexes.states import TRANSITIONS, GenerationEvent, GenerationState, next_state


@pytest.mark.parametrize(("state", "event"), list(itertools.product(GenerationState, GenerationEvent)))
def test_the_table_is_the_law(state, event):
    """An event leads where the table says, and is refused where it says nothing, with what can happen."""
    if event in TRANSITIONS[state]:
        assert next_state(state, event) is TRANSITIONS[state][event]
        return
    with pytest.raises(RefusedError, match=f"that is '{state}' can't take '{event}'") as caught:
        next_state(state, event)
    for possible in TRANSITIONS[state] or ["it is final"]:
        assert possible in caught.value.message


def test_every_state_is_reachable_and_every_event_is_used():
    """From what is built, or served first, everything comes about; all but the end can end."""
    reached = {after for row in TRANSITIONS.values() for after in row.values()}
    assert reached == set(GenerationState)
    assert {event for row in TRANSITIONS.values() for event in row} == set(GenerationEvent)
    assert [state for state, row in TRANSITIONS.items() if not row] == [GenerationState.DROPPED]


def test_a_rollback_is_the_inverse_of_a_swap():
    """Each of the two generations is where it was before."""
    event = GenerationEvent
    for there, back in ((event.SWAP_IN, event.ROLL_BACK_OUT), (event.SWAP_OUT, event.ROLL_BACK_IN)):
        [before] = [state for state, row in TRANSITIONS.items() if there in row]
        assert next_state(next_state(before, there), back) is before
