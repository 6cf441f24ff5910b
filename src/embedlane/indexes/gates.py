"""What the quality of a new generation must be before readers are switched to it. Pure.

A gate is written as ``ndcg@10 >= 0.98 * current``: a metric, a comparison, and a number or a share of what
the serving generation reaches now.
"""

from __future__ import annotations

import re
from typing import Self

import attrs

from embedlane.errors import UsageError

#: The largest k of a metric.
DEEPEST = 100
_NUMBER = r"(?P<{}>\d+(?:\.\d*)?|\.\d+)"
_GATE = re.compile(
    r"\s*(?P<metric>(?:recall|ndcg)@[1-9]\d*|mrr)\s*(?P<sign>>=|>)\s*"
    rf"(?:{_NUMBER.format('share')}\s*\*\s*current|(?P<current>current)|{_NUMBER.format('number')})\s*",
    re.IGNORECASE,
)


@attrs.frozen(kw_only=True)
class Gate:
    """A condition on one metric."""

    #: ``recall@k``, ``ndcg@k`` or ``mrr``.
    metric: str
    #: ``>=`` or ``>``.
    sign: str
    #: What the metric is compared with, or the share of what the serving generation reaches.
    number: float
    #: Whether `number` is such a share.
    relative: bool

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a gate as it is written.

        Raises:
            UsageError: If it is none.
        """
        match = _GATE.fullmatch(text)
        if match is None:
            raise UsageError(
                f"{text!r} is no gate.",
                "Write a metric, recall@k, ndcg@k or mrr, then >= or >, then a number, or a share of what is "
                "reached now: 'ndcg@10 >= 0.98 * current'.",
            )
        metric = match["metric"].lower()
        if int(metric.partition("@")[2] or 1) > DEEPEST:
            raise UsageError(f"{text!r} looks too deep.", f"{DEEPEST} hits are the most that are looked at.")
        relative = match["number"] is None
        number = float(match["number"] or match["share"] or 1.0)
        if not relative and number > 1:
            raise UsageError(f"{text!r} can never hold: no metric is above 1.", "Lower the number.")
        return cls(metric=metric, sign=match["sign"], number=number, relative=relative)

    def needed(self, old: float) -> float:
        """What the new generation must reach where the serving one reaches *old*."""
        return self.number * old if self.relative else self.number

    def holds(self, old: float, new: float) -> bool:
        """Whether the new generation, which reaches *new*, may serve."""
        needed = self.needed(old)
        return new > needed if self.sign == ">" else new >= needed

    def __str__(self) -> str:
        """The gate as it is written."""
        return f"{self.metric} {self.sign} {self.number:g}{' * current' if self.relative else ''}"
