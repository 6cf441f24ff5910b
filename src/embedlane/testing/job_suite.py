"""What all rules about batch jobs need."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import attrs
import numpy as np
import pytest

from embedlane.models.card import Lane
from embedlane.providers.checks import Checker
from embedlane.testing.jobs import Driver, broken_line, lost_row, rows_of
from embedlane.testing.lanes import LaneSuite

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from embedlane.providers.values import BatchRow, RemoteJob
    from embedlane.testing.bench import Bench
    from embedlane.testing.jobs import Reading, Submitted

#: Rows that are looked at before a job is made of them.
_SAMPLE = 16


@attrs.frozen(eq=False)
class Run:
    """A job from its start to its end."""

    #: What was asked for.
    submitted: Submitted
    #: How it ended.
    job: RemoteJob
    #: What came of it.
    reading: Reading

    @property
    def rows(self) -> Sequence[BatchRow]:
        """Its rows."""
        return self.submitted.rows

    def vectors(self) -> NDArray[np.float64]:
        """The unit vectors of all rows, in the order of the rows."""
        return np.stack([self.reading.vectors[row.key] for row in self.rows]).astype(np.float64)


class JobSuite(LaneSuite):
    """Opens the batch lane and runs jobs."""

    lane: ClassVar[Lane] = Lane.BATCH
    #: Seconds that a job may take to end.
    patience: ClassVar[float] = 30.0
    #: Rows of a large job.
    many_rows: ClassVar[int] = 300

    @pytest.fixture
    def driver(self, bench: Bench) -> Driver:
        """Drives jobs through the batch lane."""
        route = bench.subject.route(Lane.BATCH)
        context = bench.context(route)
        return Driver(
            batch=bench.batch(),
            checker=Checker(route.provider, context.card, context.space),
            folder=bench.directory / "files",
            patience=self.patience,
        )

    def rows(self, driver: Driver, texts: Sequence[str]) -> Sequence[BatchRow]:
        """Rows of *texts*; skips the test where lines are no lines, for nothing can come of them."""
        rows = rows_of(texts)
        packed = rows[: driver.batch.limits.texts_per_line]
        if trouble := broken_line(driver.batch, rows[:_SAMPLE]) or lost_row(driver.batch, packed[:_SAMPLE]):
            pytest.skip(f"{trouble}: see the rules that failed")
        return rows

    def submit(self, driver: Driver, texts: Sequence[str]) -> Submitted:
        """Create a job of *texts*."""
        rows = self.rows(driver, texts)
        with self.succeeding(f"staging and creating a job of {len(rows)} rows"):
            return driver.submit(rows)

    def finish(self, driver: Driver, submitted: Submitted) -> Run:
        """Wait for the end of a job and read its results."""
        with self.succeeding("asking for the state of a job"):
            job = driver.ended(submitted.job.name)
        self.require(
            job.state.terminal,
            f"after {driver.patience:g} seconds the job was still '{job.state}' ({job.raw_state})",
            "translate the service's words for an end in get(), or give a service whose jobs end at once",
        )
        with self.succeeding(f"reading the results of a job that is '{job.state}'"):
            return Run(submitted, job, driver.read(submitted.rows, driver.batch.results(job)))

    def run(self, driver: Driver, texts: Sequence[str]) -> Run:
        """Run a job of *texts* to its end."""
        return self.finish(driver, self.submit(driver, texts))

    def run_whole(self, driver: Driver, texts: Sequence[str]) -> Run:
        """Run a job of *texts* that gives a vector for each."""
        run = self.run(driver, texts)
        collected = run.reading.collected
        self.require(
            collected.stored == len(texts) and not collected.unknown and not collected.malformed,
            f"of {len(texts)} rows: {collected}; the job is '{run.job.state}' {run.job.error}".rstrip(),
            "yield Vector(key, …) for each row, with the key that was sent, or the row's position in digits "
            "where limits.correlation is POSITION",
        )
        return run
