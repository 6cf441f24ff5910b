"""How a job looks on the wire: a google.longrunning.Operation with the batch as its metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from embedlane_emulator.clock import iso
from embedlane_emulator.gemini.files import RESULTS, results_file
from embedlane_emulator.job import ENDED, State
from embedlane_emulator.jsonio import fragment

if TYPE_CHECKING:
    from embedlane_emulator.job import Job
    from embedlane_emulator.jobs import Jobs

_TYPE = "type.googleapis.com/google.ai.generativelanguage.v1main."
#: The names of states on the wire; a fault's own state is shown as it is.
_STATES: dict[str, str] = {state: f"BATCH_STATE_{state.name}" for state in State}
_INTERNAL = 13
_FAILED = "Internal error occurred while processing the batch."


def name_of(found: Job) -> str:
    """The job's resource name."""
    return f"batches/{found.id}"


def render(jobs: Jobs, found: Job, *, inlined: bool = True) -> dict[str, Any]:
    """The operation as it stands; ``inlined=False`` leaves inline responses out, as lists do."""
    found, state = jobs.observe(found)
    now = jobs.core.clock.now()
    batch: dict[str, Any] = {"@type": f"{_TYPE}{found.kind}Batch", **as_batch(found, state, now)}
    output = _output(jobs, found, now, inlined=inlined) if state in ENDED else None
    if output is not None:
        batch["output"] = output
    operation: dict[str, Any] = {"name": name_of(found), "metadata": batch}
    if state in ENDED:
        operation["done"] = True
        error = _error(found, state)
        if error:
            operation["error"] = error
        elif output is not None:
            operation["response"] = {"@type": f"{_TYPE}{found.kind}BatchOutput", **output}
    return operation


def as_batch(found: Job, state: str, now: float) -> dict[str, Any]:
    """The batch message, without its output."""
    ended = state in ENDED
    batch: dict[str, Any] = {"model": f"models/{found.model}"}
    if found.display_name:
        batch["displayName"] = found.display_name
    if found.file:
        batch["inputConfig"] = {"fileName": found.file}
    batch["createTime"] = iso(found.created)
    if ended:
        batch["endTime"] = iso(found.ended())
    batch["updateTime"] = iso(found.ended() if ended else min(now, found.due))
    batch["batchStats"] = _stats(found, state)
    batch["state"] = _STATES.get(state, state)
    batch["name"] = name_of(found)
    if found.extra["priority"]:
        batch["priority"] = str(found.extra["priority"])
    return batch


def _stats(found: Job, state: str) -> dict[str, str]:
    good = bad = 0
    if state in ENDED and state != State.EXPIRED and found.cancelled is None:
        good, bad = found.good or 0, found.bad
    if state == State.FAILED:
        good, bad = 0, found.rows
    counts = {
        "requestCount": found.rows,
        "successfulRequestCount": good,
        "failedRequestCount": bad,
        "pendingRequestCount": 0 if state == State.SUCCEEDED else found.rows - good - bad,
    }
    # Proto JSON writes 64-bit integers as strings and leaves zeros out.
    return {name: str(count) for name, count in counts.items() if count}


def _error(found: Job, state: str) -> dict[str, Any] | None:
    if state == State.CANCELLED:
        return {"code": 1, "message": "The operation was cancelled."}
    if state == State.EXPIRED:
        return {"code": 4, "message": "The batch was pending or running for more than 48 hours and expired."}
    if state == State.FAILED:
        return {"code": found.ending.code or _INTERNAL, "message": found.ending.reason or _FAILED}
    return None


def _output(jobs: Jobs, found: Job, now: float, *, inlined: bool) -> dict[str, Any] | None:
    if not found.has_output(now) or found.good is None:
        return None
    if found.file:
        return {"responsesFile": f"files/{results_file(found)}"}
    if not inlined or now > found.ended() + found.result_life:
        return None
    lines = jobs.results(found, RESULTS).read_bytes().split(b"\n")
    items = b"[" + b",".join(line for line in lines if line) + b"]"
    return {"inlinedResponses": {"inlinedResponses": fragment(items)}}
