"""A job and its life, as a pure function of the clock: nothing here waits, stores or computes vectors."""

from __future__ import annotations

from typing import Any

import attrs

from embedlane_emulator.faults import Fault

PENDING = "BATCH_STATE_PENDING"
RUNNING = "BATCH_STATE_RUNNING"
SUCCEEDED = "BATCH_STATE_SUCCEEDED"
FAILED = "BATCH_STATE_FAILED"
CANCELLED = "BATCH_STATE_CANCELLED"
EXPIRED = "BATCH_STATE_EXPIRED"

ACTIVE = frozenset({PENDING, RUNNING})
ENDED = frozenset({SUCCEEDED, FAILED, CANCELLED, EXPIRED})


@attrs.frozen(kw_only=True)
class Ending:
    """What becomes of a job."""

    #: The state it ends in, or stays in.
    state: str = SUCCEEDED
    #: Whether it never ends in that state, but stays in it until it expires.
    stays: bool = False
    #: Why, for those that failed.
    reason: str = ""
    #: The google.rpc code for it.
    code: int = 13
    #: The share of rows in its output; 0 for no output.
    share: float = 1.0


@attrs.frozen(kw_only=True)
class Job:
    """One batch job."""

    #: 36 characters; its name is ``batches/`` and these.
    id: str
    #: ``EmbedContent`` or ``GenerateContent``.
    kind: str
    #: The model, without ``models/``.
    model: str
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
    #: Seconds after which it expires.
    expiry: float
    #: Seconds its results live.
    result_life: float
    #: What becomes of it.
    ending: Ending = Ending()
    #: What happens to its rows.
    faults: tuple[Fault, ...] = ()
    #: Its priority.
    priority: int = 0
    #: When it was cancelled.
    cancelled: float | None = None
    #: Whether it was deleted; it runs and costs all the same.
    deleted: bool = False
    #: Rows that came out well; None until its results are written.
    good: int | None = None
    #: Rows that were refused.
    bad: int = 0
    #: Tokens of the rows that came out well.
    good_tokens: int = 0
    #: Whether its charge is final.
    settled: bool = False

    @property
    def name(self) -> str:
        """Its resource name."""
        return f"batches/{self.id}"

    @property
    def due(self) -> float:
        """When it ends, if nothing happens before."""
        return self.created + self.pending + self.running

    @property
    def output_file(self) -> str:
        """The id of the file its results are in: longer than files.get and files.delete allow."""
        return f"batch-{self.id}"

    def ended(self) -> float:
        """When it ends or ended."""
        expires = self.created + self.expiry
        end = expires if self.ending.stays else min(self.due, expires)
        return end if self.cancelled is None else min(end, self.cancelled)

    def state(self, now: float) -> str:
        """Its state at a time."""
        if now < self.ended():
            return self._before(now)
        if self.cancelled is not None and self.cancelled <= self.ended():
            return CANCELLED
        if self.ended() < self.due or self.ending.stays:
            return self.ending.state if self.ending.state not in ACTIVE and self.ending.stays else EXPIRED
        return self.ending.state

    def _before(self, now: float) -> str:
        if now < self.created + self.pending:
            return PENDING
        return self.ending.state if self.ending.stays else RUNNING

    def has_output(self, now: float) -> bool:
        """Whether results can be fetched at a time, once they are written."""
        state = self.state(now)
        if state == CANCELLED and self.cancelled is not None:
            return False
        return state in (SUCCEEDED, CANCELLED) and self.ending.share > 0

    def worked(self, now: float) -> float:
        """The share of the rows that are done, and so are paid for, at a time."""
        if self.ending.state in (FAILED, EXPIRED) or self.ending.stays:
            return 0.0
        until = min(now, self.ended())
        if until >= self.due:
            return self.ending.share
        return max(0.0, (until - self.created - self.pending) / self.running) if self.running else 0.0


def from_doc(doc: dict[str, Any]) -> Job:
    """Read a job as it is stored."""
    return Job(
        **{
            **doc,
            "ending": Ending(**doc["ending"]),
            "faults": tuple(Fault(**fault) for fault in doc["faults"]),
        }
    )


def ending(faults: tuple[Fault, ...]) -> Ending:
    """What the faults drawn for a job make of it; the first that speaks of its end wins."""
    for fault in faults:
        share = 0.5 if fault.fraction is None else fault.fraction
        if fault.kind == "failed":
            reason = fault.reason or "Internal error occurred while processing the batch."
            return Ending(state=FAILED, reason=reason, code=fault.code or 13, share=0)
        if fault.kind == "cancelled":
            return Ending(state=CANCELLED, share=share)
        if fault.kind == "expired":
            return Ending(state=EXPIRED, share=0)
        if fault.kind == "unknown-state":
            return Ending(state=fault.state or "BATCH_STATE_CANCELLING", stays=True, share=0)
        if fault.kind == "stuck":
            return Ending(state=fault.state or RUNNING, stays=True, share=0)
    return Ending()
