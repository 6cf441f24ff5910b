"""Trying a case: work under its faults, look, work without them, look again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lab.bench import Bench, Told
    from lab.cases import Case

    from embedlane.vectors.pending import Tally
    from embedlane_emulator.bill import Charge

#: Seconds until the first look at jobs, how much longer each pause is than the one before, and the longest.
_FIRST_LOOK, _GROWTH, _LONGEST = 10.0, 12.0, 86_400.0
#: Seconds after which a person stops waiting: beyond every deadline.
_PATIENCE = 3 * 86_400.0
#: How often what is pending is sent again once the faults are gone.
_ROUNDS = 3
_STORIES = "SELECT tag, event, detail FROM job_events JOIN jobs ON jobs.id = job_id ORDER BY job_events.id"
_STORED = "SELECT key, count(*) FROM job_rows WHERE verdict = 'stored' GROUP BY key"


@attrs.frozen(kw_only=True)
class Stage:
    """What there is at some point."""

    #: What the commands until then came to.
    told: Sequence[Told]
    #: Jobs of the ledger.
    jobs: Sequence[Mapping[str, object]]
    #: For each tag, what is told of the job: event and detail.
    stories: Mapping[str, Sequence[tuple[str, str]]]
    #: Where the index's contents stand.
    tally: Tally
    #: Stored vectors by content hash.
    vectors: Mapping[str, bytes]
    #: How many jobs each row's vector was stored from.
    stored: Mapping[str, int]
    #: What the service charges in the case's lane.
    charges: Sequence[Charge]
    #: The time.
    ended: float


@attrs.frozen(kw_only=True)
class Trial:
    """What a case came to."""

    #: The case.
    case: Case
    #: When nothing changed any more under the faults.
    first: Stage
    #: When nothing changed any more without them.
    last: Stage


def try_case(bench: Bench, case: Case) -> Trial:
    """Do *case* on a fresh *bench*."""
    with bench.prepared():
        for kind, fields in case.faults:
            bench.emulator.faults.add(kind, **fields)
        first = _look(bench, case, _embed(bench, case.lane))
        bench.emulator.faults.clear()
        told: list[Told] = []
        for _ in range(_ROUNDS):
            tally = bench.tally()
            if tally.stored == tally.wanted:
                break
            if tally.refused:
                told.append(bench.send_refused_again())
            told += _embed(bench, case.lane)
        return Trial(case=case, first=first, last=_look(bench, case, told))


def _embed(bench: Bench, lane: str) -> list[Told]:
    """Embed, and look after the jobs, less and less often, until there is nothing left to do."""
    told = [bench.send(lane)]
    pause, end = _FIRST_LOOK, bench.now() + _PATIENCE
    while _unfinished(bench) and bench.now() < end:
        bench.wait(pause)
        pause = min(pause * _GROWTH, _LONGEST)
        told.append(bench.command("work", "--once", "--json"))
    return told


def _unfinished(bench: Bench) -> bool:
    manager = bench.workspace.manager
    with manager.ledger.read() as connection:
        return bool(manager.book.unfinished(connection))


def _look(bench: Bench, case: Case, told: Sequence[Told]) -> Stage:
    charges = bench.emulator.bill.charges(case.lane)
    jobs = [dict(row) for row in bench.query("SELECT * FROM jobs ORDER BY id")]
    stories: dict[str, list[tuple[str, str]]] = {str(job["tag"]): [] for job in jobs}
    for tag, event, detail in bench.query(_STORIES):
        stories[tag].append((event, detail))
    return Stage(
        told=told,
        jobs=jobs,
        stories=stories,
        tally=bench.tally(),
        vectors=bench.stored(),
        stored=dict(map(tuple, bench.query(_STORED))),
        charges=charges,
        ended=bench.now(),
    )
