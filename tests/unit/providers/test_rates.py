"""Rate limits."""

import threading

import pytest
from pyrate_limiter import Limiter, Rate

from embedlane.errors import ConfigError
from embedlane.providers.halt import Halt, HaltedError
from embedlane.providers.rates import RateLimit

LIMITS = ("requests_per_minute", "texts_per_minute", "tokens_per_minute")


def test_without_limits_nothing_waits():
    """Any weight passes at once."""
    rate = RateLimit()
    for _ in range(1000):
        rate.wait(10**6, 10**9, Halt())


@pytest.mark.parametrize(("name", "weight"), [("texts_per_minute", 11), ("tokens_per_minute", 101)])
def test_a_request_larger_than_a_whole_minute_is_refused(name, weight):
    """It could never be sent; the error names the setting and both numbers' meaning."""
    rate = RateLimit(**{name: weight - 1})
    with pytest.raises(ConfigError) as caught:
        rate.wait(11, 101, Halt())
    assert caught.value.message == (
        f"One request has {weight} of what {name} limits, more than a whole minute's."
    )
    assert name in caught.value.hint


@pytest.mark.parametrize("name", LIMITS)
def test_what_a_minute_allows_passes_and_more_blocks(name):
    """The second request waits as soon as the first has used the minute up."""
    rate = RateLimit(**{name: 5 if name != "requests_per_minute" else 1})
    rate.wait(5, 5, Halt())
    blocked = threading.Thread(target=rate.wait, args=(5, 5, Halt()), daemon=True)
    blocked.start()
    blocked.join(0.2)
    assert blocked.is_alive()


def test_a_blocked_request_goes_on_when_there_is_room_again():
    """A limit delays; it refuses nothing that fits."""
    rate = RateLimit(texts_per_minute=2)
    rate._limiters["texts_per_minute"] = Limiter(Rate(2, 100))  # a "minute" of 100 ms
    for _ in range(3):
        rate.wait(2, 1, Halt())


def test_a_halt_ends_the_wait():
    """Ctrl-C must not have to wait for a minute to pass."""
    rate, halt = RateLimit(texts_per_minute=1), Halt()
    rate.wait(1, 1, halt)
    halt.turn()
    with pytest.raises(HaltedError):
        rate.wait(1, 1, halt)
