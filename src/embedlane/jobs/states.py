"""The life of a job, as a table. Pure: no provider, no clock, no database.

Two rules stand above it: nothing else assigns a state, and what is not in the table does not happen. The
dangerous moment has its own state: SUBMITTING is committed before the network call that may cost money, so
that after a lost reply or a crash the job is looked up by its tag instead of being paid for twice.

Pending is no state. Rows whose job ended without a vector for them are pending again by themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from embedlane.errors import RefusedError


class JobState(StrEnum):
    """Where a job stands, seen from here."""

    #: Rows are chosen and in flight; nothing is written yet.
    PLANNED = "planned"
    #: The batch file lies on this machine.
    WRITTEN = "written"
    #: The provider holds the input.
    STAGED = "staged"
    #: The create was sent, or is about to be: the job may exist and may cost money.
    SUBMITTING = "submitting"
    #: The answer to the create is lost, and the provider can't be searched: a person has to say what it did.
    QUARANTINED = "quarantined"
    #: The provider has named the job.
    SUBMITTED = "submitted"
    #: The provider was asked to stop it.
    CANCELLING = "cancelling"
    #: The provider has ended it, somehow; what it came to is not stored yet.
    ENDED = "ended"
    #: Final: results are stored; each row has its own verdict.
    STORED = "stored"
    #: Final: it failed; rows that came back before are stored, the others are pending again.
    FAILED = "failed"
    #: Final: it was cancelled; rows that came back before are stored, the others are pending again.
    CANCELLED = "cancelled"


class JobEvent(StrEnum):
    """What can happen to a job."""

    #: The batch file is complete on disk.
    FILE_WRITTEN = "file written"
    #: The provider has the input.
    UPLOADED = "uploaded"
    #: The create is about to be sent.
    CALLING = "calling"
    #: The provider named the job, at once or when it was looked up by its tag.
    TICKET = "ticket"
    #: The job surely was not created; it may be later.
    POSTPONED = "postponed"
    #: After a lost reply, the provider's list shows no job with the tag, long enough.
    NO_TRACE = "no trace"
    #: After a lost reply, the provider has no list to look in.
    UNTRACEABLE = "untraceable"
    #: A person says that the job was not created.
    RESUBMIT = "resubmit"
    #: The provider will not take it.
    REFUSED = "refused"
    #: A person, or a deadline, wants it stopped.
    CANCEL = "cancel"
    #: The provider says that the job has ended.
    OVER = "over"
    #: The provider said nothing final for too long.
    OVERDUE = "overdue"
    #: Everything that the job came to is stored.
    RESULTS_STORED = "results stored"
    #: The job had failed or expired; what it still came to is stored.
    FAILURE_SETTLED = "failure settled"
    #: The job had been cancelled; what it still came to is stored.
    CANCEL_SETTLED = "cancel settled"
    #: The provider no longer has the results, or never lets them be read.
    RESULTS_GONE = "results gone"
    #: A person does without results that can't be read, or may not be stored.
    GIVEN_UP = "given up"
    #: What it came to can't be trusted; nothing of it is stored.
    DISTRUSTED = "distrusted"


S, E = JobState, JobEvent

#: For each state, what can happen in it and where that leads. Final states have empty rows.
TRANSITIONS: Mapping[JobState, Mapping[JobEvent, JobState]] = MappingProxyType(
    {
        S.PLANNED: {E.FILE_WRITTEN: S.WRITTEN, E.REFUSED: S.FAILED, E.CANCEL: S.CANCELLED},
        S.WRITTEN: {E.UPLOADED: S.STAGED, E.REFUSED: S.FAILED, E.CANCEL: S.CANCELLED},
        S.STAGED: {E.CALLING: S.SUBMITTING, E.CANCEL: S.CANCELLED},
        S.SUBMITTING: {
            E.TICKET: S.SUBMITTED,
            E.POSTPONED: S.STAGED,
            E.NO_TRACE: S.STAGED,
            E.UNTRACEABLE: S.QUARANTINED,
            E.RESUBMIT: S.STAGED,
            E.REFUSED: S.FAILED,
        },
        S.QUARANTINED: {E.TICKET: S.SUBMITTED, E.RESUBMIT: S.STAGED, E.CANCEL: S.CANCELLED},
        S.SUBMITTED: {E.OVER: S.ENDED, E.OVERDUE: S.ENDED, E.CANCEL: S.CANCELLING},
        S.CANCELLING: {E.OVER: S.ENDED, E.OVERDUE: S.ENDED},
        S.ENDED: {
            E.RESULTS_STORED: S.STORED,
            E.FAILURE_SETTLED: S.FAILED,
            E.CANCEL_SETTLED: S.CANCELLED,
            E.RESULTS_GONE: S.FAILED,
            E.GIVEN_UP: S.FAILED,
            E.DISTRUSTED: S.FAILED,
        },
        S.STORED: {},
        S.FAILED: {},
        S.CANCELLED: {},
    }
)

#: States in which nothing more happens.
FINAL = frozenset(state for state, row in TRANSITIONS.items() if not row)

#: States on the way to the provider; SUBMITTING is among them, for its answer may still be out.
BEFORE_THE_PROVIDER = frozenset({S.PLANNED, S.WRITTEN, S.STAGED, S.SUBMITTING})

#: States in which the provider may be at work, and at cost.
REMOTE = frozenset({S.SUBMITTING, S.QUARANTINED, S.SUBMITTED, S.CANCELLING})


def next_state(state: JobState, event: JobEvent) -> JobState:
    """Where *event* leads from *state*.

    Raises:
        RefusedError: If it can't happen there; the message lists what can.
    """
    row = TRANSITIONS[state]
    if event not in row:
        possible = ", ".join(row) or "nothing more, it is final"
        raise RefusedError(
            f"A job in state '{state}' can't take '{event}'; it can take: {possible}.",
            "`embedlane jobs list` shows how each job stands, `embedlane jobs events ID` how it came there.",
        )
    return row[event]
