"""Switch, stay, or undecided at this sample size: a rule over intervals, said as a sentence.

With the interval of the difference of the main metric, candidate less baseline, a candidate is

- as good, if all of it lies within `MARGIN` of 0;
- better, if it lies above 0 otherwise;
- worse, if it lies below 0 otherwise;
- open, if it holds 0 and reaches beyond the margin: the queries are too few to tell.

The best of those that are better is a reason to switch. If none is, one that is as good and costs or weighs
less is, too. Otherwise, an open candidate leaves the question open.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from embedlane.evaluation.comparison import Verdict
from embedlane.evaluation.wording import level as percent
from embedlane.evaluation.wording import signed, title

if TYPE_CHECKING:
    from collections.abc import Sequence

    from embedlane.evaluation.bootstrap import Interval
    from embedlane.evaluation.comparison import Candidate

#: Two candidates whose metric differs by less than this are as good as each other.
MARGIN = 0.02
#: With fewer queries nothing is decided: the bootstrap takes so few for all there are.
FEW = 20


def judge(
    baseline: Candidate,
    others: Sequence[tuple[Candidate, Interval]],
    *,
    metric: str,
    queries: int,
    level: float,
) -> Verdict:
    """Say what to do.

    Args:
        baseline: What is in use; or, where that can't be measured, the first candidate.
        others: Candidates that could be used instead, each with the interval of its difference.
        metric: Name of the metric.
        queries: How many queries it is the mean of.
        level: The level of the intervals.
    """
    basis, metric = f"over {queries} queries", title(metric)
    if queries < FEW:
        sentence = (
            f"Undecided: {queries} queries are too few to judge by; {FEW} are the least, 100 are better."
        )
        return Verdict(choice="undecided", candidate=baseline.name, sentence=sentence)
    better, equal, undecided = (
        [pair for pair in others if _standing(pair[1]) == wanted] for wanted in ("better", "equal", "open")
    )
    lighter = [pair for pair in equal if _saves(pair[0], baseline)]
    if better:
        candidate, gap = max(better, key=lambda pair: pair[1].mean)
        gain = _told(gap, level).replace("+", "")
        reason = f"its {metric} is higher by {gain} {basis}{_burden(candidate, baseline)}"
        return _switch(candidate, reason)
    if lighter:
        candidate, gap = min(lighter, key=lambda pair: (pair[0].cheapest or 0, pair[0].bytes_per_vector))
        same = f"its {metric} is the same within {MARGIN} (difference {_told(gap, level)} {basis})"
        return _switch(candidate, f"{same}, and it {_savings(candidate, baseline)}")
    if undecided:
        candidate, gap = max(undecided, key=lambda pair: pair[1].mean)
        sentence = (
            f"Undecided at this sample size: {candidate.name} differs from {baseline.name} in {metric} by "
            f"{_told(gap, level)} {basis}; {_advice(gap, queries)}"
        )
        return Verdict(choice="undecided", candidate=candidate.name, sentence=sentence)
    return _stay(baseline, others, metric, basis, level)


def joint_level(level: float, comparisons: int) -> float:
    """The level that each of several intervals needs, so that all hold together (Bonferroni)."""
    return 1 - (1 - level) / max(comparisons, 1)


def _stay(
    baseline: Candidate,
    others: Sequence[tuple[Candidate, Interval]],
    metric: str,
    basis: str,
    level: float,
) -> Verdict:
    if not others:
        reason = "there is nothing else that an index could be bound to"
    else:
        candidate, gap = max(others, key=lambda pair: pair[1].mean)
        best = candidate.name if len(others) == 1 else f"the best of the others, {candidate.name},"
        reason = f"{best} differs in {metric} by {_told(gap, level)} {basis}"
        if _standing(gap) == "equal":
            reason += f", which is within {MARGIN}, and is neither cheaper nor smaller"
    if not baseline.current:
        return _switch(baseline, reason)
    return Verdict(choice="stay", candidate=baseline.name, sentence=f"Stay with {baseline.name}: {reason}.")


def _switch(candidate: Candidate, reason: str) -> Verdict:
    sentence = f"Switch to {candidate.name}: {reason}."
    return Verdict(choice="switch", candidate=candidate.name, sentence=sentence)


def _standing(gap: Interval) -> str:
    if gap.low >= -MARGIN and gap.high <= MARGIN:
        return "equal"
    if gap.low > 0:
        return "better"
    return "worse" if gap.high < 0 else "open"


def _saves(candidate: Candidate, baseline: Candidate) -> bool:
    """Whether it is cheaper or smaller, and neither dearer nor larger."""
    theirs, ours = candidate.cheapest, baseline.cheapest
    if theirs is None or ours is None:
        return theirs is ours and candidate.bytes_per_vector < baseline.bytes_per_vector
    mine, yours = (theirs, candidate.bytes_per_vector), (ours, baseline.bytes_per_vector)
    return mine[0] <= yours[0] and mine[1] <= yours[1] and mine != yours


def _savings(candidate: Candidate, baseline: Candidate) -> str:
    parts = []
    size = candidate.bytes_per_vector / baseline.bytes_per_vector
    if size < 1:
        parts.append(f"takes {size:.0%} of the memory")
    theirs, ours = candidate.cheapest, baseline.cheapest
    if theirs is not None and ours and theirs < ours:
        parts.append(f"costs {theirs / ours:.0%} of the price")
    return " and ".join(parts)


def _burden(candidate: Candidate, baseline: Candidate) -> str:
    """What it takes more, where it does."""
    parts = []
    size = candidate.bytes_per_vector / baseline.bytes_per_vector
    if size > 1:
        parts.append(f"{size:.3g} times the memory")
    theirs, ours = candidate.cheapest, baseline.cheapest
    if theirs and ours and theirs > ours:
        parts.append(f"{theirs / ours:.3g} times the price")
    return f", for {' and '.join(parts)}" if parts else ""


def _told(gap: Interval, level: float) -> str:
    return f"{signed(gap.mean)} ({percent(level)} interval {signed(gap.low)} to {signed(gap.high)})"


def _advice(gap: Interval, queries: int) -> str:
    """How many queries might tell: the width of an interval falls with the root of their number."""
    reach = max(abs(gap.mean), MARGIN)
    needed = math.ceil(queries * ((gap.high - gap.low) / 2 / reach) ** 2 / 10) * 10
    if needed <= queries:
        return "more queries may tell."
    return f"about {needed:,} queries might tell."
