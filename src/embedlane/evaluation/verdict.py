"""Switch, stay, or undecided at this sample size: a rule over intervals, said as a sentence.

With the interval of the difference of the main metric, candidate less baseline, a candidate is

- better, if the interval lies above 0;
- worse, if it lies below 0 and reaches below -`MARGIN`;
- as good, if all of it lies within `MARGIN` of 0, either side;
- open otherwise: the queries are too few to tell.

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
        baseline: What is in use.
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
    better = [pair for pair in others if pair[1].low > 0]
    if better:
        candidate, gain = max(better, key=lambda pair: pair[1].mean)
        return _verdict(
            "switch", candidate, f"its {metric} is higher by {_told(gain, level).replace('+', '')} {basis}"
        )
    equal = [pair for pair in others if pair[1].low >= -MARGIN and pair[1].high <= MARGIN]
    lighter = [pair for pair in equal if _saves(pair[0], baseline)]
    if lighter:
        candidate, gap = min(lighter, key=lambda pair: (pair[0].cheapest or 0, pair[0].bytes_per_vector))
        reason = f"its {metric} is the same within {MARGIN} (difference {_told(gap, level)} {basis}), and it "
        return _verdict("switch", candidate, reason + _savings(candidate, baseline))
    open_ = [pair for pair in others if pair not in equal and not _is_worse(pair[1])]
    if open_:
        candidate, gap = max(open_, key=lambda pair: pair[1].mean)
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
        best = "" if len(others) == 1 else "the best of the others, "
        reason = f"{best}{candidate.name}, differs in {metric} by {_told(gap, level)} {basis}"
        if not _is_worse(gap):
            reason += f", which is within {MARGIN}, and is neither cheaper nor smaller"
    return Verdict(choice="stay", candidate=baseline.name, sentence=f"Stay with {baseline.name}: {reason}.")


def _verdict(choice: str, candidate: Candidate, reason: str) -> Verdict:
    sentence = f"{choice.capitalize()} to {candidate.name}: {reason}."
    return Verdict(choice=choice, candidate=candidate.name, sentence=sentence)


def _is_worse(gap: Interval) -> bool:
    return gap.high < 0 and gap.low < -MARGIN


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


def _told(gap: Interval, level: float) -> str:
    return f"{signed(gap.mean)} ({percent(level)} interval {signed(gap.low)} to {signed(gap.high)})"


def _advice(gap: Interval, queries: int) -> str:
    """How many queries might tell: the width of an interval falls with the root of their number."""
    reach = max(abs(gap.mean), MARGIN)
    needed = math.ceil(queries * ((gap.high - gap.low) / 2 / reach) ** 2 / 10) * 10
    if needed <= queries:
        return "more queries may tell."
    return f"about {needed:,} queries might tell."
