"""Which points the harness goes through, all drawn from one seed."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from typing import TypeAlias

from dialects import DIALECTS
from runs import Point
from scenarios import SCENARIOS

#: For a provider and a scenario, how many boundaries a process crosses that is not killed.
Length: TypeAlias = Callable[[str, str], int]

CASES = tuple(itertools.product(DIALECTS, SCENARIOS))
#: How likely another process is killed after one that was.
_AGAIN = 0.5
_MOST_KILLS = 5


def points(seed: int, length: Length) -> Iterator[Point]:
    """Points without end: first one kill at each boundary where nothing else goes wrong, then anything."""
    for dialect, scenario in CASES:
        if not SCENARIOS[scenario].faults:
            yield from sweep(dialect, scenario, length)
    for number in itertools.count():
        yield drawn(seed, number, length)


def sweep(dialect: str, scenario: str, length: Length) -> list[Point]:
    """A kill at each boundary."""
    kills = range(1, length(dialect, scenario) + 1)
    return [Point(dialect=dialect, scenario=scenario, kills=(kill,)) for kill in kills]


def drawn(seed: int, number: int, length: Length) -> Point:
    """A kill anywhere, and further kills of the processes that go on."""
    dice = random.Random(f"{seed}:{number}")
    dialect, scenario = dice.choice(CASES)
    most = length(dialect, scenario)
    kills = [dice.randint(1, most)]
    while dice.random() < _AGAIN and len(kills) < _MOST_KILLS:
        # Anywhere, or soon after the restart.
        kills.append(dice.randint(1, most if dice.random() < _AGAIN else 20))
    return Point(dialect=dialect, scenario=scenario, kills=tuple(kills))
