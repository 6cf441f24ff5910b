"""The clock that tests turn."""

import datetime as dt

import pytest

from embedlane_emulator.clock import Clock, iso


def test_it_runs_with_its_source_and_can_be_advanced():
    """Advancing adds to real time."""
    real = [100.0]
    clock = Clock(source=lambda: real[0])
    clock.advance(50)
    real[0] = 101
    assert clock.now() == 151


def test_it_can_be_stopped_and_go_on():
    """A frozen clock moves only by hand, and goes on from where it stands."""
    real = [100.0]
    clock = Clock(source=lambda: real[0])
    clock.freeze()
    real[0] = 200
    assert clock.now() == 100
    clock.advance(5)
    assert clock.now() == 105
    clock.run()
    real[0] = 201
    assert clock.now() == 106
    assert not clock.frozen


def test_it_can_be_turned_to_any_moment():
    """A moment of the past is fine; its state can be restored."""
    saved = {}
    clock = Clock(save=saved.update)
    clock.freeze()
    clock.turn_to(dt.datetime(2026, 1, 13, tzinfo=dt.UTC))
    other = Clock()
    other.restore(saved)
    assert iso(other.now()) == "2026-01-13T00:00:00.000000Z"


def test_it_refuses_to_advance_backwards():
    """Time that goes back by accident is an error."""
    with pytest.raises(ValueError, match="can't be turned back"):
        Clock().advance(-1)
