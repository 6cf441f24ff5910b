"""The values of the batch lane: a job, an event of it, the counts of its rows."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self

import attrs

from embedlane.jobs.states import FINAL, JobState
from embedlane.ledger.workers import is_dead
from embedlane.providers.values import StagedInput

if TYPE_CHECKING:
    from sqlalchemy import RowMapping

    from embedlane.providers.values import BatchLimits


class Verdict(StrEnum):
    """What became of a row."""

    #: In flight.
    OPEN = "open"
    #: Its vector or response is stored.
    STORED = "stored"
    #: The provider said no, or sent something that is no answer.
    REFUSED = "refused"
    #: It never came back.
    MISSING = "missing"
    #: A canary: its answer is compared, never stored, and it is in flight for nobody.
    CANARY = "canary"


@attrs.frozen(kw_only=True)
class Job:
    """One provider batch job, as the ledger has it."""

    #: Its number here.
    id: int
    #: Our name for it at the provider; unique for all time.
    tag: str
    #: The space that its vectors are for; None for a job that generates.
    space_id: int | None
    #: The job set that its responses are for; None for a job that embeds.
    jobset_id: int | None
    #: Whose bill it is on: the name of an index, or of a job set.
    account: str
    #: The provider's id.
    provider: str
    #: Where it stands.
    state: JobState
    #: Number of rows, canaries not among them.
    rows: int
    #: Number of canaries, which its file has before those rows.
    canaries: int
    #: Name of the batch file below the jobs' folder.
    file: str | None
    #: Its size in bytes.
    size: int | None
    #: Its SHA-256.
    digest: str | None
    #: What the provider holds.
    staged: Mapping[str, Any] | None
    #: The provider's name for the job.
    remote: str | None
    #: The provider's last word on its state.
    remote_state: str
    #: Why it stands or ended as it does, in words.
    reason: str
    #: Tokens that the provider billed; None if it did not say.
    tokens: int | None
    #: Seconds since 1970.
    created_at: float
    #: Seconds since 1970, of the last change of state.
    changed_at: float
    #: Seconds since 1970, of the last call that may have created it.
    submitted_at: float | None
    #: Seconds since 1970.
    ended_at: float | None
    #: Seconds since 1970; a step before then is not worth it.
    due_at: float
    #: Waits in a row without a change, for growing pauses.
    waits: int
    #: Whether it is final, and nothing of it is left to remove, here or at the provider.
    cleaned: bool
    #: The process that is taking a step of it; None if none is.
    worker: str | None
    #: Seconds since 1970; the step is given up then, and another process may take it.
    lease_until: float | None
    #: Grows with each claim of a step and each change; who writes under an older number has lost.
    fence: int
    #: Tokens in its texts, counted or estimated when it was planned.
    estimated_tokens: int
    #: Whether the provider gave it up because it took too long.
    expired: bool

    @classmethod
    def from_row(cls, row: RowMapping) -> Self:
        """Read a row of the table ``jobs``."""
        return cls(**{**row, "state": JobState(row["state"])})

    @property
    def final(self) -> bool:
        """Whether nothing more happens to it."""
        return self.state in FINAL

    def free(self, worker: str, now: float) -> bool:
        """Whether *worker* may take a step: nobody else is at it, or whoever was is gone."""
        if self.worker is None or self.worker == worker:
            return True
        return self.lease_until is None or self.lease_until <= now or is_dead(self.worker)

    @property
    def staged_input(self) -> StagedInput:
        """What the provider holds, as the plugin gave it."""
        assert self.staged is not None, self
        return StagedInput(**self.staged)


@attrs.frozen
class Load:
    """What a provider has of ours that has not ended there."""

    #: Jobs.
    jobs: int
    #: Estimated tokens in their texts.
    tokens: int

    def full(self, job: Job, limits: BatchLimits) -> str:
        """Why *job* has to wait, in words; empty if the provider has room for it."""
        if limits.concurrent_jobs is not None and self.jobs >= limits.concurrent_jobs:
            return f"waits for one of {limits.concurrent_jobs} places"
        tokens, most = self.tokens + job.estimated_tokens, limits.enqueued_tokens
        # A job that is too large by itself is the provider's to refuse: the number is an estimate.
        if most is not None and self.jobs and tokens > most:
            return f"waits for room: {tokens:,} tokens would be enqueued, of {most:,} at most"
        return ""


@attrs.frozen(kw_only=True)
class EventRecord:
    """One line of a job's story."""

    #: Seconds since 1970.
    at: float
    #: What happened; one of `JobEvent`, or a word for what changed no state.
    event: str
    #: State before.
    state_before: str
    #: State after.
    state_after: str
    #: More, in words.
    detail: str


@attrs.frozen(kw_only=True)
class RowCounts:
    """How many rows of a job came to what."""

    #: In flight.
    open: int = 0
    #: With a vector or response.
    stored: int = 0
    #: Refused by the provider or by the core's checks.
    refused: int = 0
    #: Never came back.
    missing: int = 0
