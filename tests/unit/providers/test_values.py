"""The values that cross the seam."""

import pytest

from embedlane.providers.values import RemoteState, StagedInput

GOING_ON = {"pending", "running", "cancelling", "unknown"}


@pytest.mark.parametrize("state", RemoteState)
def test_a_state_is_terminal_unless_the_job_goes_on(state):
    """A state that the plugin does not know is no end: the job may still run and cost money."""
    assert state.terminal is (state.value not in GOING_ON)


def test_details_of_staged_input_can_not_be_changed_by_accident():
    """The default is one read-only mapping for each value."""
    staged = StagedInput(handle="files/a", rows=1)
    with pytest.raises(TypeError):
        staged.details["a"] = 1
