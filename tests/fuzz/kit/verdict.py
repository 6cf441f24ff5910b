"""The promises of the batch lane, held against what a run has left behind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

import attrs
from dialects import DIALECTS
from runs import ROWS, Point
from scenarios import SCENARIOS

from embedlane.jobs.states import FINAL, JobState

if TYPE_CHECKING:
    from remains import Remains
    from runs import Report, Runner

#: The run whose vectors all others must come to.
_PLAIN = "one job"


@attrs.define
class Judge:
    """Does runs and judges them by others in which no process was killed."""

    runner: Runner
    _lived: dict[Point, Report] = attrs.field(factory=dict)

    def lived(self, dialect: str, scenario: str) -> Report:
        """The run of *scenario* in which no process is killed."""
        point = Point(dialect=dialect, scenario=scenario)
        if point not in self._lived:
            self._lived[point] = self.runner.run(point)
        return self._lived[point]

    def length(self, dialect: str, scenario: str) -> int:
        """How many boundaries a process crosses that is not killed."""
        return len(self.lived(dialect, scenario).crossed[0])

    def judge(self, point: Point) -> Report:
        """Do the run of *point* and hold it against all promises.

        Raises:
            AssertionError: If one is broken; says which, and tells the jobs' stories.
        """
        report = self.runner.run(point)
        lived = self.lived(point.dialect, point.scenario).remains
        plain = self.lived(point.dialect, _PLAIN).remains
        broken = list(_broken(report, lived, plain))
        if broken:
            raise AssertionError("\n".join([f"{point}:", *broken, *_tell(report)]))
        return report


def _broken(report: Report, lived: Remains, plain: Remains) -> Iterator[str]:
    """Each promise that the run of *report* broke."""
    remains = report.remains
    yield from _paid_once(report, lived)
    yield from _no_row_lost(remains)
    yield from _billed(remains, lived)
    if remains.vectors != plain.vectors:
        yield "the vectors are not those of an undisturbed run"
    if remains.files:
        yield f"files are left behind: {remains.files}"
    yield from _provider_tidy(report)


def _paid_once(report: Report, lived: Remains) -> Iterator[str]:
    remains, scenario = report.remains, SCENARIOS[report.point.scenario]
    creates = Counter(charge.display_name for charge in remains.charges)
    for tag in creates - Counter(remains.stories.keys()):
        if not (scenario.doubles and creates[tag] == 2):
            yield f"{creates[tag]} jobs were created under {tag}"
        elif not _double_is_told(remains, tag):
            yield f"nothing is told of the second job under {tag}, or it was not cancelled"
    if not scenario.doubles and _paid(remains) != _paid(lived):
        yield f"rows and tokens paid for are {_paid(remains)}, not {_paid(lived)}"


def _paid(remains: Remains) -> tuple[int, int]:
    """Rows and tokens, by the provider's bill."""
    return sum(charge.rows for charge in remains.charges), sum(charge.tokens for charge in remains.charges)


def _double_is_told(remains: Remains, tag: str) -> bool:
    adopted = {job["tag"]: _id(job["remote"]) for job in remains.jobs}[tag]
    (other,) = (c.id for c in remains.charges if c.display_name == tag and c.id != adopted)
    return other in remains.stories[tag] and remains.remote_jobs[other] == "cancelled"


def _id(remote: str) -> str:
    """The emulator's id of the job that we call ``batches/id``."""
    return remote.rpartition("/")[2]


def _no_row_lost(remains: Remains) -> Iterator[str]:
    unfinished = [job["tag"] for job in remains.jobs if JobState(job["state"]) not in FINAL]
    if unfinished:
        yield f"jobs are not final: {unfinished}"
    verdicts = sum(remains.verdicts.values(), Counter[str]())
    if verdicts["stored"] != ROWS or len(remains.vectors) != ROWS or verdicts["open"]:
        yield f"of {ROWS} rows there are {len(remains.vectors)} vectors, by the jobs' rows {dict(verdicts)}"


def _billed(remains: Remains, lived: Remains) -> Iterator[str]:
    """The ledger's own bill: each stored row once, and tokens as if nothing had happened."""
    stored = {tag: verdicts["stored"] for tag, verdicts in remains.verdicts.items() if verdicts["stored"]}
    rows = {tag: rows for tag, (rows, _) in remains.billed.items() if rows}
    if rows != stored:
        yield f"rows billed are {rows}, rows stored are {stored}"
    tokens, expected = (sum(tokens for _, tokens in each.billed.values()) for each in (remains, lived))
    if tokens != expected:
        yield f"the ledger has a bill of {tokens} tokens, not of {expected}"


def _provider_tidy(report: Report) -> Iterator[str]:
    """Failed jobs stay at the provider with their files, to look at; so do files that nobody knows of."""
    remains = report.remains
    failed = {job["tag"] for job in remains.jobs if job["state"] == JobState.FAILED}
    done = {_id(job["remote"]) for job in remains.jobs if job["remote"] and job["tag"] not in failed}
    if DIALECTS[report.point.dialect].removes_jobs and (left := done & remains.remote_jobs.keys()):
        yield f"jobs are left at the provider: {left}"
    # An upload whose answer was lost, to a kill or to a fault, is uploaded again.
    strays = [tag for tag in remains.remote_files if tag not in failed]
    if len(strays) > report.killed.total() + remains.struck:
        yield f"files are left at the provider: {strays}"


def _tell(report: Report) -> Iterator[str]:
    for number, crossed in enumerate(report.crossed, 1):
        yield f"process {number} ended after {len(crossed)} boundaries: … {', '.join(crossed[-4:])}"
    for tag, story in report.remains.stories.items():
        yield f"{tag}\n  " + story.replace("\n", "\n  ")
