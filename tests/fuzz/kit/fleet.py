"""Several workers on one ledger, killed at random: what they do, and what has to be there in the end."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
from dialects import DIALECTS
from fast_clock import FastClock
from sqlalchemy import func, select

from embedlane.indexes.binding import load_index
from embedlane.jobs.planning import JobSize, plan_jobs
from embedlane.jobs.states import FINAL
from embedlane.ledger.schema import charges, job_rows, vectors
from embedlane.ledger.server import Server
from embedlane.vectors.meter import MeteredRows
from embedlane.vectors.pending import Pending
from embedlane.workspace.planning import meter_of
from embedlane.workspace.workspace import Workspace

if TYPE_CHECKING:
    from dialects import Dialect

    from embedlane_emulator.bill import Charge

_CREW = Path(__file__).with_name("crew.py")
_FOREIGN = ("EMBEDLANE_", "GOOGLE_", "GEMINI_", "OPENAI_")
#: A lease of fifteen minutes takes four seconds.
_SPEED = 200.0


@attrs.frozen(kw_only=True)
class Voyage:
    """What is done."""

    #: The provider.
    dialect: str
    #: Texts to embed.
    rows: int
    #: Rows of a job.
    rows_per_job: int
    #: Processes that are at work at once.
    workers: int = 4
    #: How often one of them is killed.
    kills: int = 0
    #: Changes of jobs between two kills, on average.
    apart: float = 3.0
    #: What the kills are drawn from.
    seed: int = 1


@attrs.frozen(kw_only=True)
class Log:
    """What it came to."""

    voyage: Voyage
    #: Real seconds of the workers.
    seconds: float
    #: How many processes were started and killed, and with which status the others ended.
    crew: Mapping[str, Any]
    #: For each job, its tag, its state, its name at the provider, whether it is cleaned, and its story.
    jobs: tuple[tuple[str, str, str | None, bool, str], ...]
    #: What the provider charges.
    charges: tuple[Charge, ...]
    #: How many rows of jobs came to what.
    verdicts: Mapping[str, int]
    #: Rows on the ledger's own bill.
    billed: int
    #: Contents of the index without a vector, whatever the reason.
    lacking: int
    #: Vectors by content hash.
    vectors: Mapping[str, bytes]
    #: Batch files that are still there.
    files: tuple[str, ...]

    def broken(self, calm: Mapping[str, bytes]) -> Iterator[str]:
        """Each promise that was broken.

        Args:
            calm: The vectors of a voyage that nothing disturbed.
        """
        rows, told = self.voyage.rows, "\n".join(story for *_, story in self.jobs)
        adopted = {str(remote).rpartition("/")[2] for _, _, remote, *_ in self.jobs if remote}
        strays = [charge for charge in self.charges if charge.id not in adopted]
        creates = Counter(charge.display_name for charge in self.charges)
        if twice := [tag for tag, count in creates.items() if count > 1]:
            yield f"created twice: {twice}"
        if unknown := [charge.id for charge in strays if charge.id not in told]:
            yield f"jobs at the provider that nothing is told of: {unknown}"
        if (paid := sum(charge.rows for charge in self.charges)) != rows:
            yield f"rows paid for: {paid} of {rows}"
        if self.verdicts != {"stored": rows} or self.billed != rows or self.lacking:
            yield f"rows: {dict(self.verdicts)}, on the ledger's bill {self.billed}, lacking {self.lacking}"
        if left := [tag for tag, state, _, cleaned, _ in self.jobs if state not in FINAL or not cleaned]:
            yield f"jobs left behind: {left}"
        if self.vectors != calm:
            yield f"vectors differ: {sum(self.vectors.get(key) != vector for key, vector in calm.items())}"
        if self.files:
            yield f"files left behind: {self.files}"

    def __str__(self) -> str:
        ends = ", ".join(f"{count} with {status}" for status, count in self.crew["ended"].items() if count)
        return (
            f"{self.voyage.rows:,} rows in {len(self.jobs):,} jobs, {self.voyage.workers} workers: "
            f"{self.crew['started']} processes, {self.crew['killed']} killed, ended {ends or 'none'}; "
            f"{self.seconds:.1f} s"
        )


def sail(voyage: Voyage, folder: Path, place: Path | Server) -> Log:
    """Do *voyage* in *folder*, with the ledger at *place*."""
    dialect, clock = DIALECTS[voyage.dialect], FastClock(speed=_SPEED)
    with dialect.emulator() as emulator:
        emulator.clock.source = clock.now
        emulator.configure(pending=5.0, running=60.0)
        _configure(folder, dialect, emulator.url, place, voyage.rows_per_job)
        with Workspace.open(folder) as workspace:
            workspace.clock = clock.now
            _plan(workspace, dialect, voyage)
            started = time.monotonic()
            crew = _crew(voyage, folder, dialect, clock)
            seconds = time.monotonic() - started
            return Log(
                voyage=voyage,
                seconds=seconds,
                crew=crew,
                charges=tuple(emulator.bill.charges("batch")),
                files=tuple(str(path) for path in (workspace.config.directory / "jobs").glob("*")),
                **_ledger(workspace),
            )


def _configure(folder: Path, dialect: Dialect, url: str, place: Path | Server, rows: int) -> None:
    ledger = place.address if isinstance(place, Server) else str(place)
    (folder / "embedlane.toml").write_text(
        f'ledger = "{ledger}"\nplugins = ["{dialect.name}"]\n[providers.{dialect.name}]\n'
        f'base_url = "{url}{dialect.path}"\nmax_rows_per_job = {rows}\n'
    )


def _plan(workspace: Workspace, dialect: Dialect, voyage: Voyage) -> None:
    """Plan the jobs, and leave everything else to the workers."""
    index = workspace.create_index("docs", dialect.model, dimensions=dialect.dimensions)
    index.add((f"item {number}", f"This is text number {number}.") for number in range(voyage.rows))
    with workspace.ledger.read() as connection:
        record = load_index(connection, "docs")
        meter = meter_of(connection, record, workspace.lanes, workspace.clock())
    plan_jobs(
        workspace.ledger,
        workspace.manager.book,
        MeteredRows(Pending(record.id, record.bound.id), meter),
        record.bound.id,
        dialect.name,
        size=JobSize(rows=voyage.rows_per_job),
        account="docs",
    )


def _crew(voyage: Voyage, folder: Path, dialect: Dialect, clock: FastClock) -> dict[str, Any]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    words = {
        "--workers": voyage.workers,
        "--kills": voyage.kills,
        "--apart": voyage.apart,
        "--plugin": f"embedlane_{dialect.name}",
        "--seed": voyage.seed,
        "--start": clock.start,
        "--speed": clock.speed,
    }
    crew = subprocess.Popen(
        [sys.executable, _CREW, folder, *(str(word) for pair in words.items() for word in pair)],
        env={**kept, dialect.variable: "AIza-not-a-key"},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        out, _ = crew.communicate()
    finally:
        # Whatever happened: nobody of them stays behind.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(crew.pid, signal.SIGKILL)
        crew.wait()
    report: dict[str, Any] = json.loads(out)
    return report


def _ledger(workspace: Workspace) -> dict[str, Any]:
    """What the ledger says in the end."""
    tally = workspace.index("docs").tally()
    jobs = []
    for report in workspace.jobs():
        story = "\n".join(event.detail for event in workspace.job_events(report.job.id))
        jobs.append((report.job.tag, report.job.state, report.job.remote, report.job.cleaned, story))
    with workspace.ledger.read() as connection:
        verdicts = connection.execute(select(job_rows.c.verdict, func.count()).group_by(job_rows.c.verdict))
        stored = connection.execute(select(vectors.c.content_hash, vectors.c.vector))
        return {
            "jobs": tuple(jobs),
            "lacking": tally.wanted - tally.stored,
            "verdicts": {row[0]: row[1] for row in verdicts},
            "billed": int(connection.scalar(select(func.sum(charges.c.rows))) or 0),
            "vectors": {content: bytes(vector) for content, vector in stored},
        }
