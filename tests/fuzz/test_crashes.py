"""Killed at any boundary, started again, the batch lane keeps its promises.

The promises are in kit/verdict.py; `make fuzz` goes through thousands of points more.
"""

import pytest
from dialects import DIALECTS
from points import CASES, drawn, sweep
from runs import Point
from scenarios import SCENARIOS

SEED = 1
#: Points that are drawn, and tests that they are divided among, so that these may run side by side.
POINTS, PARTS = 60, 6


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("dialect", DIALECTS)
def test_killed_at_each_boundary(judge, dialect, part):
    """Wherever a process is killed, another brings the work to its end: each row is paid for once."""
    points = sweep(dialect, "one job", judge.length)[part::PARTS]
    # Jobs that generate go the same way as those of the same provider that embed: a sample is enough.
    for point in points[:: 4 if DIALECTS[dialect].generates else 1]:
        judge.judge(point)


@pytest.mark.parametrize("part", range(PARTS), ids=lambda part: f"seed-{SEED}-part-{part}-of-{POINTS}-points")
def test_killed_again_and_again_while_the_provider_fails(judge, part):
    """The same, several times in a row, with replies lost, lists late, rows missing, and whatever else."""
    for number in range(part, POINTS, PARTS):
        judge.judge(drawn(SEED, number, judge.length))


@pytest.mark.parametrize("case", CASES, ids="-".join)
def test_killed_nowhere(judge, case):
    """What every other run is compared with: the faults strike, and no promise is broken."""
    report = judge.judge(Point(dialect=case[0], scenario=case[1]))
    assert bool(report.remains.struck) == bool(SCENARIOS[case[1]].faults)
    assert report.killed.total() == 0
