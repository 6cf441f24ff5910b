"""A batch service on paper: it keeps its word, and what is asked of it may go wrong on either way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

import attrs

from embedlane.providers.values import (
    BatchLimits,
    Malformed,
    Refusal,
    RemoteJob,
    RemoteState,
    StagedInput,
    Vector,
)

if TYPE_CHECKING:
    from embedlane.providers.values import BatchFile, BatchRow, RowResult

#: How long the list may lag, and how long a job may take, as the service promises.
LAG, EXPIRY = timedelta(minutes=10), timedelta(hours=24)
#: Seconds that a job takes.
_DURATION = 300.0


class Fate(StrEnum):
    """What becomes of a job. Where not all rows fare alike, every other one is struck, from the first."""

    GOOD = "every row gets its vector"
    MISSING = "rows are left out"
    DOUBLED = "rows come twice"
    REFUSED = "rows are refused, for now"
    REFUSED_FOR_GOOD = "rows are refused for good"
    WRONG = "vectors are of the wrong size"
    NOISE = "lines that can't be read, and keys that nobody sent, stand between the rows"
    FAILED = "the job fails"
    EXPIRED = "the job expires, with half of its rows done"
    STUCK = "the job never ends"


_STATES = {Fate.FAILED: RemoteState.FAILED, Fate.EXPIRED: RemoteState.EXPIRED}
#: What a struck row comes to; others are stored.
VERDICTS = {
    Fate.MISSING: "missing",
    Fate.REFUSED: "refused",
    Fate.REFUSED_FOR_GOOD: "refused",
    Fate.WRONG: "refused",
    Fate.EXPIRED: "missing",
}


def vector_of(key: str) -> list[float]:
    """The vector of the text under *key*, of length 1."""
    numbers = [1.0 + int(key[place : place + 4], 16) for place in (0, 4, 8, 12)]
    length = sum(number**2 for number in numbers) ** 0.5
    return [number / length for number in numbers]


@attrs.define
class PaperJob:
    """A job as the service has it."""

    tag: str
    keys: tuple[str, ...]
    created: float
    fate: Fate
    cancelled: float | None = None
    deleted: bool = False

    def state(self, now: float) -> RemoteState:
        """Where it stands."""
        over = self.created + _DURATION
        if self.cancelled is not None and (self.cancelled < over or self.fate is Fate.STUCK):
            return RemoteState.CANCELLED
        if now < over or self.fate is Fate.STUCK:
            return RemoteState.RUNNING
        return _STATES.get(self.fate, RemoteState.SUCCEEDED)

    def done(self, now: float) -> list[str]:
        """Keys of rows that were embedded, and are paid for."""
        if self.state(now) not in {RemoteState.SUCCEEDED, RemoteState.EXPIRED}:
            return []
        return [key for place, key in enumerate(self.keys) if self.fate not in VERDICTS or place % 2]


@attrs.define
class PaperService:
    """Implements `BatchEmbedder`."""

    #: Seconds since 1970.
    clock: Callable[[], float]
    #: Called before and after each request with its name; what it raises, the client sees.
    moment: Callable[[str], None]
    searchable: bool = True
    #: Seconds until a new job is listed; no more than was promised.
    lag: float = 0.0
    #: What becomes of jobs that are created from now on.
    fate: Fate = Fate.GOOD
    jobs: dict[str, PaperJob] = attrs.field(factory=dict)

    @property
    def limits(self) -> BatchLimits:
        """What it promises."""
        return BatchLimits(
            searchable=self.searchable,
            list_lag=LAG,
            expires_after=EXPIRY,
            poll_every=timedelta(seconds=10),
            poll_at_most=timedelta(seconds=640),
        )

    def live(self, tag: str) -> list[str]:
        """Names of the jobs under *tag* that are at work, or were done with."""
        now, over = self.clock(), {RemoteState.CANCELLED, RemoteState.FAILED}
        return [name for name, job in self.jobs.items() if job.tag == tag and job.state(now) not in over]

    def encode(self, rows: Sequence[BatchRow]) -> bytes:
        """The keys are enough."""
        return " ".join(row.key for row in rows).encode()

    def stage(self, file: BatchFile, tag: str) -> StagedInput:
        """Take the keys."""
        self.moment("stage")
        keys = file.path.read_text().split()
        self.moment("staged")
        return StagedInput(handle=f"files/{tag}", rows=file.rows, details={"keys": keys})

    def create(self, staged: StagedInput, tag: str) -> RemoteJob:
        """Make a job."""
        self.moment("create")
        name = f"jobs/{len(self.jobs)}"
        self.jobs[name] = PaperJob(tag, tuple(staged.details["keys"]), self.clock(), self.fate)
        self.moment("created")
        return self._remote(name)

    def find(self, tag: str) -> Sequence[RemoteJob]:
        """Jobs that are old enough to be listed."""
        self.moment("find")
        shown = [
            name
            for name, job in self.jobs.items()
            if job.tag == tag and not job.deleted and self.clock() >= job.created + self.lag
        ]
        self.moment("found")
        return [self._remote(name) for name in shown]

    def get(self, name: str) -> RemoteJob:
        """The job as it is."""
        self.moment("get")
        remote = self._remote(name)
        self.moment("got")
        return remote

    def results(self, job: RemoteJob) -> Iterator[RowResult]:
        """What the rows came to."""
        self.moment("results")
        paper, done = self.jobs[job.name], set(self.jobs[job.name].done(self.clock()))
        for key in paper.keys:
            yield from _answers(paper.fate, key, done=key in done)
        self.moment("read")

    def cancel(self, name: str) -> None:
        """Stop it at once."""
        self.moment("cancel")
        job = self.jobs[name]
        job.cancelled = self.clock() if job.cancelled is None else job.cancelled
        self.moment("cancelled")

    def delete(self, name: str) -> None:
        """Forget it."""
        self.moment("delete")
        self.jobs[name].deleted = True
        self.moment("deleted")

    def close(self) -> None:
        """Do nothing."""

    def _remote(self, name: str) -> RemoteJob:
        job = self.jobs[name]
        state = RemoteState.GONE if job.deleted else job.state(self.clock())
        return RemoteJob(name=name, state=state)


def _answers(fate: Fate, key: str, *, done: bool) -> Iterator[RowResult]:
    if fate is Fate.NOISE:
        yield Malformed("half a line")
        yield Vector("nobody's", vector_of(key))
    if done:
        yield from [Vector(key, vector_of(key))] * (2 if fate is Fate.DOUBLED else 1)
    elif fate is Fate.WRONG:
        yield Vector(key, [1.0])
    elif fate in {Fate.REFUSED, Fate.REFUSED_FOR_GOOD}:
        yield Refusal(key, "no", "not this one", retryable=fate is Fate.REFUSED)
