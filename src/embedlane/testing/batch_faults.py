"""Rules for what goes wrong at the service: rows lost, doubled, refused; jobs cancelled, expired, failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from embedlane.providers.values import RemoteState
from embedlane.testing.faults import require
from embedlane.testing.job_suite import JobSuite
from embedlane.testing.texts import numbered
from embedlane.testing.vectors import TOLERANCE

if TYPE_CHECKING:
    from embedlane.testing.bench import Bench
    from embedlane.testing.job_suite import Run
    from embedlane.testing.jobs import Driver

_TEXTS = numbered(12)
_HALF = 0.5
_REASON = "the input is cursed"
_STATE = "BATCH_STATE_DREAMING"
_HOUR = 3600.0


class FaultRules(JobSuite):
    """What a plugin makes of a service's faults. Needs a `Service` in the subject."""

    def run_under(self, bench: Bench, driver: Driver, kind: str, **fields: object) -> Run:
        """Run a job under a fault; no row may come back with a vector that is not its own."""
        if bench.subject.service is None:
            pytest.skip("give the subject a service, such as an emulator, to run this")
        clean = self.run_whole(driver, _TEXTS)
        expected = dict(zip(_TEXTS, clean.vectors(), strict=True))
        require(bench.subject.service, kind, **fields)
        run = self.run(driver, _TEXTS)
        wrong = [
            row.position
            for row in run.rows
            if row.key in run.reading.vectors
            and not np.allclose(run.reading.vectors[row.key], expected[row.text], atol=TOLERANCE)
        ]
        self.require(
            not wrong and not run.reading.collected.unknown,
            f"under {kind!r}, rows {wrong} got vectors that are not theirs; {run.reading.collected}",
            "take the key from each result itself, never from its place among the results",
        )
        return run

    @pytest.mark.parametrize("kind", ["shuffled-rows", "doubled-rows"])
    def test_order_and_number_do_not_matter(self, bench: Bench, driver: Driver, kind: str) -> None:
        """Results that are shuffled or doubled give each row its own vector."""
        collected = self.run_under(bench, driver, kind, fraction=_HALF).reading.collected
        self.require(
            collected.stored == len(_TEXTS) and not collected.malformed and not collected.refused,
            f"of {len(_TEXTS)} rows under {kind!r}: {collected}",
            "yield every result as it comes: the core counts, and takes the first of two",
        )

    def test_missing_rows_stay_missing(self, bench: Bench, driver: Driver) -> None:
        """Rows that the service lost are not made up; the others come back."""
        collected = self.run_under(bench, driver, "missing-rows", fraction=_HALF).reading.collected
        self.require(
            0 < collected.stored < len(_TEXTS) and not collected.malformed and not collected.refused,
            f"of {len(_TEXTS)} rows, half of them lost by the service: {collected}",
            "yield nothing for a row of which nothing came: it is pending again by itself",
        )

    def test_a_rows_error_is_a_refusal(self, bench: Bench, driver: Driver) -> None:
        """A row that the service refused is a Refusal with a code and the service's words."""
        run = self.run_under(bench, driver, "error-rows", fraction=_HALF, reason=_REASON)
        refusals, collected = run.reading.refusals, run.reading.collected
        self.require(
            refusals and collected.stored + len(refusals) == len(_TEXTS),
            f"of {len(_TEXTS)} rows, half of them refused: {collected}",
            "yield Refusal(key, code, message, retryable); some services put errors into a file of their own",
        )
        self.require(
            all(refusal.code and _REASON in refusal.message for refusal in refusals),
            f"the service said {_REASON!r}, and the refusal is {refusals[0]}",
            "hand on the service's own code and words",
        )

    def test_a_broken_piece_spoils_no_other(self, bench: Bench, driver: Driver) -> None:
        """A piece of the results that can't be read is Malformed; the others are read."""
        collected = self.run_under(bench, driver, "corrupt-lines", fraction=_HALF).reading.collected
        self.require(
            collected.stored > 0 and collected.malformed > 0,
            f"of {len(_TEXTS)} rows, half of them cut off in their line: {collected}",
            "catch what decoding raises line by line, yield Malformed(where and what), and go on",
        )

    def test_partial_results_are_read(self, bench: Bench, driver: Driver) -> None:
        """The rows that a cancelled job finished come back."""
        run = self.run_under(bench, driver, "cancelled", fraction=_HALF)
        self.require(
            run.job.state is RemoteState.CANCELLED and 0 < run.reading.collected.stored < len(_TEXTS),
            f"the service cancelled the job after half of its rows; it is '{run.job.state}' with "
            f"{run.reading.collected}",
            "translate the service's word to RemoteState.CANCELLED, and read results in every terminal state",
        )

    def test_an_expired_job_is_told(self, bench: Bench, driver: Driver) -> None:
        """A job that the service gave up is EXPIRED, and its results can be asked for."""
        service = require(bench.subject.service, "expired")
        submitted = self.submit(driver, _TEXTS)
        service.clock.advance(driver.batch.limits.expires_after.total_seconds() + _HOUR)
        run = self.finish(driver, submitted)
        self.require(
            run.job.state is RemoteState.EXPIRED,
            f"the service gave the job up; it is '{run.job.state}' ({run.job.raw_state})",
            "translate the service's word to RemoteState.EXPIRED; limits.expires_after is the service's time",
        )

    def test_a_failed_job_says_why(self, bench: Bench, driver: Driver) -> None:
        """A job that failed is FAILED, with the service's reason, and its results can be asked for."""
        require(bench.subject.service, "failed", reason=_REASON)
        run = self.run(driver, _TEXTS)
        self.require(
            run.job.state is RemoteState.FAILED and _REASON in run.job.error,
            f"the service said {_REASON!r}; the job is '{run.job.state}' with error={run.job.error!r}",
            "translate the service's word to RemoteState.FAILED, and put its reason into RemoteJob.error",
        )

    def test_an_unknown_state_is_unknown(self, bench: Bench, driver: Driver) -> None:
        """A word for a state that the plugin does not know is UNKNOWN, and kept as raw_state."""
        require(bench.subject.service, "unknown-state", state=_STATE)
        submitted = self.submit(driver, _TEXTS)
        change = "fall back to RemoteState.UNKNOWN with raw_state=word; the core gives such a job up in time"
        with self.succeeding(f"get() of a job in the state {_STATE}", change):
            job = driver.batch.get(submitted.job.name)
        self.require(
            job.state is RemoteState.UNKNOWN and job.raw_state == _STATE,
            f"the service's word is {_STATE!r}; get() says '{job.state}' with raw_state={job.raw_state!r}",
            change,
        )
