"""The table of states, by tests that are derived from it."""

from __future__ import annotations

import itertools

import pytest

from embedlane.errors import RefusedError
from embedlane.jobs.states import (
    BEFORE_THE_PROVIDER,
    FINAL,
    REMOTE,
    TRANSITIONS,
    JobEvent,
    JobState,
    next_state,
)


def _reachable(start):
    found, frontier = {start}, [start]
    while frontier:
        for state in TRANSITIONS[frontier.pop()].values():
            if state not in found:
                found.add(state)
                frontier.append(state)
    return found


@pytest.mark.parametrize(("state", "event"), list(itertools.product(JobState, JobEvent)))
def test_the_table_is_the_law(state, event):
    """An event leads where the table says, and is refused where it says nothing, with what can happen."""
    if event in TRANSITIONS[state]:
        assert next_state(state, event) is TRANSITIONS[state][event]
        return
    with pytest.raises(RefusedError, match=f"A job in state '{state}' can't take '{event}'") as caught:
        next_state(state, event)
    for possible in TRANSITIONS[state] or ["it is final"]:
        assert possible in caught.value.message
    assert "embedlane jobs" in caught.value.hint


@pytest.mark.parametrize("state", list(JobState))
def test_every_state_has_a_row(state):
    """No state is left out, and nothing in the table is of another kind."""
    assert all(isinstance(event, JobEvent) for event in TRANSITIONS[state])
    assert all(isinstance(after, JobState) for after in TRANSITIONS[state].values())
    assert len(TRANSITIONS) == len(JobState)


@pytest.mark.parametrize("state", list(JobState))
def test_every_state_is_reachable(state):
    """A planned job can come to each state."""
    assert state in _reachable(JobState.PLANNED)


@pytest.mark.parametrize("state", list(JobState))
def test_a_final_state_is_reachable_from_each(state):
    """No job has to go on for ever."""
    assert _reachable(state) & FINAL


@pytest.mark.parametrize("event", list(JobEvent))
def test_every_event_is_used(event):
    """Each event can happen somewhere."""
    assert any(event in row for row in TRANSITIONS.values())


def test_final_states_are_those_without_a_way_out():
    """Three ends, and none of them counts as being on the way or at work."""
    assert {JobState.STORED, JobState.FAILED, JobState.CANCELLED} == FINAL
    assert not FINAL & (BEFORE_THE_PROVIDER | REMOTE)


def test_the_create_can_only_be_called_from_its_own_step():
    """SUBMITTING is entered by CALLING alone, and never left by a cancel; a job gets its name after it."""
    into = {
        event for row in TRANSITIONS.values() for event, after in row.items() if after is JobState.SUBMITTING
    }
    assert into == {JobEvent.CALLING}
    assert JobEvent.CANCEL not in TRANSITIONS[JobState.SUBMITTING]
    assert {state for state, row in TRANSITIONS.items() if JobState.SUBMITTED in row.values()} == {
        JobState.SUBMITTING,
        JobState.QUARANTINED,
    }
