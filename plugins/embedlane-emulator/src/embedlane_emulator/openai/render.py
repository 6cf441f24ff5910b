"""How a batch looks on the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from embedlane_emulator.job import ENDED, State
from embedlane_emulator.openai.files import ERROR, OUTPUT
from embedlane_emulator.openai.lines import problem

if TYPE_CHECKING:
    from embedlane_emulator.job import Job
    from embedlane_emulator.jobs import Jobs

#: The names of states on the wire; a fault's own state is shown as it is.
_STATUS: dict[str, str] = {
    **{state: str(state) for state in State},
    State.PENDING: "validating",
    State.RUNNING: "in_progress",
    State.SUCCEEDED: "completed",
}
_FAILED = problem("server_error", "The batch failed to process.")


def batch(jobs: Jobs, found: Job) -> dict[str, Any]:
    """The batch object as it stands."""
    found, state = jobs.observe(found)
    now = jobs.core.clock.now()
    files = found.extra["files"]
    return {
        "id": found.id,
        "object": "batch",
        "endpoint": found.kind,
        "model": found.model or None,
        "errors": _errors(found) if state == State.FAILED else None,
        "input_file_id": found.file,
        "completion_window": found.extra["completion_window"],
        "status": _STATUS.get(state, state),
        "output_file_id": files.get(OUTPUT),
        "error_file_id": files.get(ERROR),
        "created_at": int(found.created),
        **_moments(found, state, now),
        "request_counts": _counts(found, state, now),
        "usage": _usage(found) if state in ENDED else None,
        "metadata": found.extra["metadata"],
    }


def _errors(found: Job) -> dict[str, Any]:
    ending = found.ending
    injected = {**_FAILED, "code": str(ending.code or _FAILED["code"])}
    if ending.reason:
        injected["message"] = ending.reason
    return {"object": "list", "data": found.extra["errors"] or [injected]}


def _moments(found: Job, state: str, now: float) -> dict[str, int | None]:
    """When it came where: only what lies in the past of a batch that came there."""
    end = min(now, found.ended())
    until = min(end, found.cancelled or 0.0) if found.was_cancelled else end
    started = found.created + found.pending
    moments: dict[str, float | None] = {
        "in_progress_at": started if started <= until and not found.ending.early else None,
        "expires_at": found.created + found.expiry,
        "finalizing_at": found.due - found.finalizing if _finalised(found, until) else None,
    }
    for name in (State.SUCCEEDED, State.FAILED, State.EXPIRED, State.CANCELLED):
        moments[f"{_STATUS[name]}_at"] = found.ended() if state == name else None
    moments["cancelling_at"] = found.cancelled if found.was_cancelled else None
    return {name: None if moment is None else int(moment) for name, moment in moments.items()}


def _finalised(found: Job, until: float) -> bool:
    return not (found.ending.early or found.ending.stuck) and found.due - found.finalizing <= until


def _counts(found: Job, state: str, now: float) -> dict[str, int]:
    good, bad = found.good or 0, found.bad
    if state in (State.PENDING, State.FAILED):
        return {"total": 0, "completed": 0, "failed": 0}
    if state not in ENDED:
        # While it runs, rows are done one after the other, as far as anybody can tell.
        done = found.progress(now) if not found.ending.stuck else 0.0
        good, bad = int(good * done), int(bad * done)
    return {"total": found.rows, "completed": good, "failed": bad}


def _usage(found: Job) -> dict[str, Any]:
    return {
        "input_tokens": found.good_tokens,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 0,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": found.good_tokens,
    }
