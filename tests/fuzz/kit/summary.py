"""What many runs came to, in one table."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from runs import Report

#: What may be seen in a job's story, and how it is told there.
_SEEN = {
    "creates whose job was found by its tag": "found by its tag",
    "creates that had left no trace, sent again": "no trace:",
    "creates that were refused and sent again": "postponed:",
    "jobs that came too late, cancelled": "asked to cancel",
    "jobs that failed": "failure settled:",
}


@attrs.define
class Summary:
    """Counts."""

    #: Points.
    points: int = 0
    #: Processes that were started.
    processes: int = 0
    #: Boundaries that were crossed.
    boundaries: int = 0
    #: Processes that were killed, by the kind of boundary.
    killed: Counter[str] = attrs.field(factory=Counter)
    #: Faults that struck.
    struck: int = 0
    #: What was seen in the jobs' stories.
    seen: Counter[str] = attrs.field(factory=Counter)

    def add(self, report: Report) -> None:
        """Count a run."""
        self.points += 1
        self.processes += len(report.crossed)
        self.boundaries += sum(map(len, report.crossed))
        self.killed.update(report.killed)
        self.struck += report.remains.struck
        stories = "\n".join(report.remains.stories.values())
        self.seen.update({name: stories.count(words) for name, words in _SEEN.items()})

    def __add__(self, other: Summary) -> Summary:
        """Both together."""
        return Summary(
            *(getattr(self, name.name) + getattr(other, name.name) for name in attrs.fields(Summary))
        )

    def __str__(self) -> str:
        """Such as ``10,000 points, …``, a line for each kind of boundary, a line for each thing seen."""
        head = (
            f"{self.points:,} points: {self.processes:,} processes crossed {self.boundaries:,} boundaries, "
            f"{self.killed.total():,} of them were killed; {self.struck:,} faults struck"
        )
        lines = [f"{count:>8,}  killed at: {kind}" for kind, count in self.killed.most_common()]
        lines += [f"{self.seen[name]:>8,}  {name}" for name in _SEEN]
        return "\n".join([head, *lines])
