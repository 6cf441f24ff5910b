"""A job and its life, as a pure function of the clock: nothing here waits, stores or computes vectors.

States have neutral names here; each dialect has its own words for them.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import attrs

from embedlane_emulator.faults import Fault


class State(StrEnum):
    """Where a job is in its life."""

    PENDING = "pending"
    RUNNING = "running"
    FINALIZING = "finalizing"
    CANCELLING = "cancelling"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


ACTIVE = frozenset({State.PENDING, State.RUNNING, State.FINALIZING, State.CANCELLING})
ENDED = frozenset(State) - ACTIVE


@attrs.frozen(kw_only=True)
class Habits:
    """What jobs of a dialect do; a dialect's own, not a setting."""

    #: Whether a job that expired or was cancelled keeps the rows it had done, and says so of the others.
    keeps_partial: bool
    #: Whether a job that fails never runs.
    fails_early: bool
    #: A state that no client knows.
    unknown: str


@attrs.frozen(kw_only=True)
class Ending:
    """What becomes of a job."""

    #: The state it ends in.
    state: State = attrs.field(default=State.SUCCEEDED, converter=State)
    #: Whether it stays in one state until it expires, and so ends in no other.
    stuck: bool = False
    #: The dialect's word for that state; empty for the one of a job that runs.
    shown: str = ""
    #: Whether it does not even expire.
    forever: bool = False
    #: Whether it ends before it runs.
    early: bool = False
    #: Why, for those that failed.
    reason: str = ""
    #: The dialect's code for it; None for the usual one.
    code: int | str | None = None
    #: The share of rows that are answered; 0 for none.
    share: float = 1.0


@attrs.frozen(kw_only=True)
class Job:
    """One batch job."""

    #: Unique in its service, and what its charge goes by.
    id: str
    #: What its rows ask for, in the dialect's words.
    kind: str
    #: The API's name of the operation that made it.
    operation: str
    #: The model, without a prefix.
    model: str
    #: Dollars for a million of its tokens.
    price: float
    #: Dollars for a million tokens of its answers.
    output_price: float = 0.0
    #: What the client calls it.
    display_name: str
    #: When it was created.
    created: float
    #: The input file's name, or empty for inline input.
    file: str
    #: Rows in it.
    rows: int
    #: Tokens of all rows, as they were estimated when it was created.
    tokens: int
    #: Seconds it is pending.
    pending: float
    #: Seconds it runs.
    running: float
    #: Seconds it is finalised, after it ran.
    finalizing: float = 0.0
    #: Seconds between a client's cancel and its end.
    cancelling: float = 0.0
    #: Seconds after which it expires.
    expiry: float
    #: Seconds its results live.
    result_life: float
    #: Whether it keeps the rows that were done when it expires or is cancelled.
    keeps_partial: bool = False
    #: What becomes of it.
    ending: Ending = Ending()
    #: What happens to its rows.
    faults: tuple[Fault, ...] = ()
    #: What only its dialect knows of it.
    extra: dict[str, Any] = attrs.field(factory=dict)
    #: When a client cancelled it.
    cancelled: float | None = None
    #: Whether it was deleted; it runs and costs all the same.
    deleted: bool = False
    #: Rows that came out well; None until its results are written.
    good: int | None = None
    #: Rows that were refused.
    bad: int = 0
    #: Tokens of the rows that came out well.
    good_tokens: int = 0
    #: Tokens of their answers, where those are paid for.
    good_output: int = 0
    #: Whether its charge is final.
    settled: bool = False

    @property
    def due(self) -> float:
        """When it ends, if nothing happens before."""
        started = self.created + self.pending
        return started if self.ending.early else started + self.running + self.finalizing

    @property
    def was_cancelled(self) -> bool:
        """Whether a client cancelled it in time."""
        return self.cancelled is not None and self.cancelled <= self._uncancelled()

    def ended(self) -> float:
        """When it ends or ended."""
        if self.was_cancelled:
            return (self.cancelled or 0.0) + self.cancelling
        return self._uncancelled()

    def _uncancelled(self) -> float:
        expires = self.created + self.expiry
        return expires if self.ending.stuck else min(self.due, expires)

    def state(self, now: float) -> str:
        """Its state at a time: a `State`, or what the dialect shows in place of one."""
        if now < self.ended():
            return self._before(now)
        return self.ending.shown if self.ending.forever and not self.was_cancelled else self.final

    @property
    def final(self) -> State:
        """The state it ends in."""
        if self.was_cancelled:
            return State.CANCELLED
        if self.ending.stuck or self._uncancelled() < self.due:
            return State.EXPIRED
        return self.ending.state

    def _before(self, now: float) -> str:
        if self.was_cancelled and now >= (self.cancelled or 0.0):
            return State.CANCELLING
        if now < self.created + self.pending:
            return State.PENDING
        if self.ending.stuck:
            return self.ending.shown or State.RUNNING
        return State.FINALIZING if now >= self.due - self.finalizing else State.RUNNING

    @property
    def writes(self) -> bool:
        """Whether it ever has results, whoever may see them."""
        if self.ending.forever or self.ending.state is State.FAILED:
            return False
        return self.keeps_partial or (self.ending.share > 0 and not self.ending.stuck)

    def has_output(self, now: float) -> bool:
        """Whether results can be fetched at a time, once they are written."""
        if not self.writes or self.state(now) not in ENDED:
            return False
        return self.keeps_partial or not (self.was_cancelled or self.final is State.EXPIRED)

    def answered(self) -> float:
        """The share of the rows that its results answer."""
        if not self.keeps_partial:
            return self.ending.share
        if self.was_cancelled:
            return self.progress(self.cancelled or 0.0)
        if self.ending.stuck:
            return 0.0
        return self.progress(self.ended()) if self._uncancelled() < self.due else self.ending.share

    def paid(self) -> float:
        """The share of what its results answer that is paid for."""
        if self.keeps_partial:
            return 1.0
        if self.was_cancelled:
            return 0.0 if self.ending.stuck else self.progress(self.cancelled or 0.0)
        return 0.0 if self.final in (State.EXPIRED, State.FAILED) else 1.0

    def progress(self, now: float) -> float:
        """The share of the rows that are done at a time, if it runs."""
        ran = now - self.created - self.pending
        if ran < 0:
            return 0.0
        return min(1.0, ran / self.running) if self.running else 1.0


def from_doc(doc: dict[str, Any]) -> Job:
    """Read a job as it is stored."""
    return Job(
        **{
            **doc,
            "ending": Ending(**doc["ending"]),
            "faults": tuple(Fault(**fault) for fault in doc["faults"]),
        }
    )


def ending(faults: tuple[Fault, ...], habits: Habits) -> Ending:
    """What the faults drawn for a job make of it; the first that speaks of its end wins."""
    for fault in faults:
        share = 0.5 if fault.fraction is None else fault.fraction
        if fault.kind == "failed":
            code = fault.status or fault.code
            return Ending(
                state=State.FAILED, reason=fault.reason, code=code, share=0, early=habits.fails_early
            )
        if fault.kind == "cancelled":
            return Ending(state=State.CANCELLED, share=share)
        if fault.kind == "expired":
            return Ending(state=State.EXPIRED, share=share if habits.keeps_partial else 0)
        if fault.kind == "unknown-state":
            return Ending(stuck=True, forever=True, shown=fault.state or habits.unknown)
        if fault.kind == "stuck":
            return Ending(stuck=True, shown=fault.state)
    return Ending()
