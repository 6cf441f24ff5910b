"""A job's rows: read from its input, answered in groups, written as lines; memory does not grow with them.

What a line means, a dialect's `Clerk` knows. Here is what all of them share: the order of things, the faults
that strike rows, and results that are there as a whole or not at all.
"""

from __future__ import annotations

import itertools
import math
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

import attrs

from embedlane_emulator import jsonio
from embedlane_emulator.distort import Distortion, shuffled

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from embedlane_emulator.faults import Fault
    from embedlane_emulator.job import Job

_GROUP = 256
#: An output, and what is written there.
_Line = tuple[str, bytes]


@attrs.frozen
class Row:
    """One line of a job's input, judged."""

    #: Its place in the input, from 0.
    index: int
    #: What ties its answer to it.
    label: dict[str, Any]
    #: What is asked, as its dialect's clerk reads it.
    request: Any = None
    #: What is paid for it.
    tokens: int = 0
    #: Vectors it asks for.
    inputs: int = 1
    #: The dialect's error, if it is refused.
    error: dict[str, Any] | None = None


@attrs.frozen(kw_only=True)
class Outcome:
    """What came of a job's rows."""

    #: Rows that were answered.
    good: int = 0
    #: Rows that were refused.
    bad: int = 0
    #: Tokens of those answered.
    tokens: int = 0
    #: Tokens of their answers, where those are paid for.
    output_tokens: int = 0


class Clerk(Protocol):
    """What a dialect does with the rows of one job."""

    def lines(self, content: BinaryIO) -> Iterator[tuple[int, bytes]]:
        """The lines of the input with their places, in the order in which they are answered."""
        ...

    def read(self, index: int, line: bytes) -> Row:
        """Judge a line."""
        ...

    def struck(self, fault: Fault) -> dict[str, Any]:
        """The error of a row that a fault struck."""
        ...

    def answers(self, rows: Sequence[Row], distortion: Distortion) -> Sequence[Any]:
        """The answers to rows without an error."""
        ...

    def output_tokens(self, answer: Any) -> int:
        """Tokens of an answer that are paid for; 0 where answers are free."""
        ...

    def write(self, row: Row, answer: Any) -> tuple[str, dict[str, Any]]:
        """The output and the line of a row that was answered or refused, without its label."""
        ...

    def unanswered(self, row: Row) -> tuple[str, dict[str, Any]] | None:
        """The same for a row whose turn never came; None for no line."""
        ...


class Stopped(Exception):
    """The service goes down, or the job is cancelled, while rows are written."""


@attrs.define
class Writer:
    """Writes the results of one job."""

    #: The job.
    job: Job
    #: Who knows what its lines mean.
    clerk: Clerk
    #: Whether to give up.
    stopped: Callable[[], bool]
    _outcome: Outcome = attrs.field(factory=Outcome, init=False)

    def write(self, source: Path, targets: Mapping[str, Path]) -> Outcome:
        """Answer the rows of *source*, write them to *targets*, each as one step.

        Raises:
            Stopped: When told to give up; no target is there then.
        """
        distortion = Distortion(self.job.faults, self.job.rows)
        parts = {name: target.with_suffix(".part") for name, target in targets.items()}
        lines = distortion.arrange(self._lines(source, distortion))
        with ExitStack() as stack:
            files = {name: stack.enter_context(part.open("wb")) for name, part in parts.items()}
            for name, line in lines:
                files[name].write(line + b"\n")
        for name, part in parts.items():
            part.replace(targets[name])
        return self._outcome

    def _lines(self, source: Path, distortion: Distortion) -> Iterator[tuple[int, _Line]]:
        with source.open("rb") as content:
            rows = itertools.starmap(self.clerk.read, self.clerk.lines(content))
            count = math.floor(self.job.rows * self.job.answered())
            for group in _groups(itertools.islice(rows, count)):
                if self.stopped():
                    raise Stopped
                yield from self._answer(group, distortion)
            for row in rows:
                left = self.clerk.unanswered(row)
                if left is None:
                    return
                yield row.index, self._line(row, left, distortion)

    def _answer(self, rows: list[Row], distortion: Distortion) -> Iterator[tuple[int, _Line]]:
        found = [self._strike(row, distortion) for row in rows]
        good = [row for row in found if row.error is None]
        answers = zip((row.index for row in good), self.clerk.answers(good, distortion), strict=True)
        by_index = dict(answers)
        said = sum(map(self.clerk.output_tokens, by_index.values()))
        self._outcome = Outcome(
            good=self._outcome.good + len(good),
            bad=self._outcome.bad + len(found) - len(good),
            tokens=self._outcome.tokens + sum(row.tokens for row in good),
            output_tokens=self._outcome.output_tokens + said,
        )
        for row in found:
            yield row.index, self._line(row, self.clerk.write(row, by_index.get(row.index)), distortion)

    def _strike(self, row: Row, distortion: Distortion) -> Row:
        fault = distortion.error(row.index) if row.error is None else None
        return attrs.evolve(row, error=self.clerk.struck(fault)) if fault else row

    def _line(self, row: Row, written: tuple[str, dict[str, Any]], distortion: Distortion) -> _Line:
        output, body = written
        label = row.label if distortion.keyed(row.index) else {}
        return output, distortion.line(row.index, jsonio.dump({**label, **body}))


def in_order(content: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """The lines that are not empty, with their places among them."""
    return enumerate(line for line in content if line.strip())


def in_any_order(content: BinaryIO, dice: random.Random) -> Iterator[tuple[int, bytes]]:
    """The same, but in another order; what is kept in memory is where they begin."""
    starts, at = [], 0
    for line in content:
        if line.strip():
            starts.append(at)
        at += len(line)
    for index in shuffled(len(starts), dice):
        content.seek(starts[index])
        yield index, content.readline()


def _groups(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Runs of rows that ask for about as many vectors as are made at once."""
    group: list[Row] = []
    inputs = 0
    for row in rows:
        group.append(row)
        inputs += row.inputs
        if inputs >= _GROUP:
            yield group
            group, inputs = [], 0
    if group:
        yield group
