"""What holds whatever goes wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from lab.bench import ROWS
from lab.results import wrong_vectors

if TYPE_CHECKING:
    from lab.trial import Stage, Trial


def broken_promises(trial: Trial, plain: Trial) -> list[str]:
    """Each promise that was broken in *trial*; *plain* is a run in which nothing went wrong."""
    return [
        *_no_row_is_lost(trial),
        *_nothing_wrong_is_stored(trial, plain),
        *_jobs_are_paid_once(trial),
    ]


def _no_row_is_lost(trial: Trial) -> Iterator[str]:
    for name, stage in (("under the fault", trial.first), ("after it", trial.last)):
        tally = stage.tally
        known = tally.stored + tally.refused + tally.in_flight + tally.pending
        if (tally.wanted, known) != (ROWS, ROWS) or len(stage.vectors) != tally.stored:
            yield f"{name}, {ROWS} rows are {tally} with {len(stage.vectors)} vectors"
    if trial.last.tally.stored != ROWS:
        yield f"without the fault only {trial.last.tally.stored} of {ROWS} rows are embedded"
    unfinished = [job["tag"] for job in trial.last.jobs if job["ended_at"] is None]
    if unfinished:
        yield f"without the fault jobs go on and on: {unfinished}"


def _nothing_wrong_is_stored(trial: Trial, plain: Trial) -> Iterator[str]:
    # Nobody can tell that a model has changed, or whose a vector is where answers have no names.
    unseen = {"drift", "shuffled-rows"} if trial.case.lane == "sync" else {"drift"}
    if trial.case.kinds & unseen:
        return
    for name, stage in (("under the fault", trial.first), ("after it", trial.last)):
        if wrong := wrong_vectors(stage, plain.first):
            yield f"{name}, {wrong} stored vectors are wrong"


def _jobs_are_paid_once(trial: Trial) -> Iterator[str]:
    stage = trial.last
    if trial.case.lane == "sync":
        return
    for key, times in stage.stored.items():
        if times != 1:
            yield f"row {key} was stored from {times} jobs"
    for tag, creates in Counter(charge.display_name for charge in stage.charges).items():
        if tag not in stage.stories:
            yield f"the service has a job {tag} that the ledger does not know"
        elif creates > 1 and not trial.case.late_list:
            yield f"{creates} jobs were created under {tag}"
        elif creates > 1 and not _told(stage, tag):
            yield f"nothing is told of the second job under {tag}"


def _told(stage: Stage, tag: str) -> bool:
    """Whether the story of the job *tag* names the jobs beside it, and says that they are to stop."""
    adopted = {str(job["tag"]): str(job["remote"]).rpartition("/")[2] for job in stage.jobs}[tag]
    others = [charge.id for charge in stage.charges if charge.display_name == tag and charge.id != adopted]
    story = " ".join(detail for _, detail in stage.stories[tag])
    return "asked to cancel" in story and all(other in story for other in others)
