"""What trials came to, in words and numbers that are the same each time: for the record and the docs."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import attrs
from lab.cases import Fate

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lab.trial import Stage, Trial

_LONGEST = 140
#: What differs from run to run, and what stands for it.
_CHANCE = (
    (re.compile(r"embedlane-[0-9a-f]{20}"), "TAG"),
    (re.compile(r"\b(batches/|batch_req_|batch_|files/|file-)[0-9a-z-]{8,}"), r"\1…"),
    (re.compile(r"\b[0-9a-f]{40}\b"), "HASH"),
    # Which of them it is, is a matter of microseconds.
    (
        re.compile(r"(Read|Write|RemoteProtocol)Error: (\[Errno \d+\] )?[A-Z][a-z ]+\.+"),
        "the connection was lost.",
    ),
    (re.compile(r"http://127\.0\.0\.1:\d+"), "ADDRESS"),
)


def _tuple(texts: Iterable[str]) -> tuple[str, ...]:
    # In the record they are a list.
    return tuple(texts)


@attrs.frozen(kw_only=True)
class Result:
    """What a case came to."""

    #: The case's lane, fault and moment.
    lane: str
    fault: str
    when: str
    #: What became of the rows under the fault.
    fate: Fate = attrs.field(converter=Fate)
    #: Where the rows stood then.
    stored: int
    refused: int
    in_flight: int
    pending: int
    #: The jobs, with their state and the reason.
    jobs: tuple[str, ...] = attrs.field(converter=_tuple)
    #: Exit status of the last command that did not end with 0, and what it complained about first.
    status: int
    said: str
    #: Rows with a vector when the fault was gone and the command had been given again.
    at_last: int
    #: Calls of the sync lane, or created jobs, in the whole case.
    charges: int
    #: Most jobs under one tag.
    most_per_tag: int
    #: Rows that the service charges for in the whole case.
    billed: int


def result_of(trial: Trial, plain: Trial) -> Result:
    """What *trial* came to, beside *plain*, in which nothing went wrong."""
    first, last = trial.first, trial.last
    status, said = _complaint(first)
    return Result(
        lane=trial.case.lane,
        fault=trial.case.fault,
        when=trial.case.when,
        fate=_fate(first, plain.first),
        stored=first.tally.stored,
        refused=first.tally.refused,
        in_flight=first.tally.in_flight,
        pending=first.tally.pending,
        jobs=tuple(_job(job) for job in first.jobs),
        status=status,
        said=said,
        at_last=last.tally.stored,
        charges=len(last.charges),
        most_per_tag=most_per_tag(last),
        billed=sum(charge.rows for charge in last.charges),
    )


def _job(job: Mapping[str, object]) -> str:
    """A job's state, with the reason if that says more."""
    full = (job["state"], job["reason"]) == ("stored", f"stored {job['rows']}")
    return "stored" if full else settled(f"{job['state']}: {job['reason']}")


def settled(text: str) -> str:
    """*text* on one line, without what differs from run to run."""
    text = " ".join(text.split())
    for pattern, word in _CHANCE:
        text = pattern.sub(word, text)
    # What a service sent is quoted with names of its own.
    text = re.sub(r"b'[^']*'?", "b'…'", text)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def wrong_vectors(stage: Stage, plain: Stage) -> int:
    """How many vectors are stored that are not those of an undisturbed run."""
    return sum(plain.vectors[key] != vector for key, vector in stage.vectors.items())


def most_per_tag(stage: Stage) -> int:
    """The most jobs that were created under one tag; 0 where there are no tags."""
    tags = Counter(charge.display_name for charge in stage.charges if charge.display_name)
    return max(tags.values(), default=0)


def _fate(stage: Stage, plain: Stage) -> Fate:
    tally = stage.tally
    if wrong_vectors(stage, plain):
        return Fate.UNNOTICED
    if tally.in_flight:
        return Fate.WAITING
    if tally.refused:
        return Fate.REFUSED
    if tally.pending:
        return Fate.PARTLY if tally.stored else Fate.PENDING
    return Fate.UNHARMED if _seen(stage) == _seen(plain) else Fate.OVERCOME


def _seen(stage: Stage) -> tuple[object, ...]:
    """All that a person sees of a run."""
    stories = [[(event, settled(detail)) for event, detail in story] for story in stage.stories.values()]
    return stage.ended, stories, settled(stage.told[0].out)


def _complaint(stage: Stage) -> tuple[int, str]:
    complaints = [told for told in stage.told if told.status]
    if not complaints:
        return 0, ""
    errors = (line for line in complaints[-1].err.splitlines() if line.startswith("error: "))
    return complaints[-1].status, settled(next(errors).removeprefix("error: "))
