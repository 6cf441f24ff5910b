"""Rules for the rows of a batch job: from texts to lines to results."""

from __future__ import annotations

import itertools
import json
from datetime import timedelta
from typing import TYPE_CHECKING

import attrs
import numpy as np
import pytest

from embedlane.models.card import Lane, Role
from embedlane.providers.opening import open_counter
from embedlane.providers.values import BatchLimits, RemoteState, StagedInput
from embedlane.testing.job_suite import JobSuite
from embedlane.testing.jobs import broken_line, lost_row, new_tag, rows_of
from embedlane.testing.texts import PLAIN, UNICODE, longest, numbered
from embedlane.testing.vectors import lookalikes, same, units

if TYPE_CHECKING:
    from collections.abc import Sequence

    from embedlane.providers.interfaces import BatchEmbedder
    from embedlane.providers.values import BatchRow
    from embedlane.testing.bench import Bench
    from embedlane.testing.jobs import Driver

_PACKED = 8


class RowRules(JobSuite):
    """How rows become lines, and results rows."""

    def test_limits_are_possible(self, driver: Driver) -> None:
        """The limits are numbers above zero, and times that pass."""
        limits = driver.batch.limits
        self.require(isinstance(limits, BatchLimits), f"limits is {limits!r}", "set it to a BatchLimits")
        counts = (limits.rows, limits.size, limits.enqueued_tokens, limits.concurrent_jobs)
        times = (limits.expires_after, limits.poll_every, limits.poll_at_most)
        self.require(
            all(count is None or count > 0 for count in counts)
            and limits.texts_per_line > 0
            and all(time > timedelta(0) for time in times)
            and limits.poll_every <= limits.poll_at_most
            and limits.list_lag >= timedelta(0),
            f"limits is {limits}",
            "say None where no limit is known, and poll_every no longer than poll_at_most",
        )

    def test_a_line_is_pure(self, bench: Bench, driver: Driver) -> None:
        """The line of some rows is the same bytes every time, and from every embedder."""
        rows = rows_of(PLAIN)
        first, again = (_lines(driver.batch, rows) for _ in range(2))
        other = _lines(bench.batch(), rows[::-1])[::-1]
        self.require(
            all(isinstance(line, bytes) for line in first) and first == again == other,
            "encode() of the same rows gave other bytes the second time, or is no bytes",
            "make the line of nothing but the rows: no counter, no time, no random id",
        )

    def test_a_line_is_one_line(self, driver: Driver) -> None:
        """A line holds no line break, whatever its text does."""
        trouble = broken_line(driver.batch, rows_of(list(UNICODE.values())))
        change = "write JSON without indentation, which escapes the line breaks inside a text"
        self.require(not trouble, trouble, change)

    def test_a_line_holds_all_its_rows(self, driver: Driver) -> None:
        """Each row's text, and its key where results are found by key, shows in the line."""
        for size in {1, min(driver.batch.limits.texts_per_line, _PACKED)}:
            trouble = lost_row(driver.batch, rows_of(numbered(size)))
            self.require(not trouble, trouble, "write the whole key and the whole text of every row")

    def test_every_row_comes_back(self, driver: Driver) -> None:
        """A job that succeeds gives one vector for each row, under the row's own key."""
        for number in (1, min(self.many_rows, driver.batch.limits.rows or self.many_rows)):
            run = self.run_whole(driver, numbered(number))
            self.require(
                run.job.state is RemoteState.SUCCEEDED and not run.reading.collected.doubled,
                f"the job of {number} rows ended as '{run.job.state}' with {run.reading.collected}",
                "translate the word for success to RemoteState.SUCCEEDED, and yield each result once",
            )

    def test_twins_have_a_result_each(self, driver: Driver) -> None:
        """Rows with equal texts come back with equal vectors, each under its own key."""
        found = self.run_whole(driver, [PLAIN[0], PLAIN[1], PLAIN[0]]).vectors()
        self.require(
            same(found[:1], found[2:]) and not same(found[:1], found[1:2]),
            "the vectors of two equal rows differ, or are those of another row",
            "find rows by their key, never by their text",
        )

    def test_unicode_rows_come_back(self, driver: Driver) -> None:
        """Rows in every script come back with vectors that tell them apart."""
        alike = lookalikes(self.run_whole(driver, list(UNICODE.values())).vectors())
        names = list(UNICODE)
        self.require(
            alike is None,
            f"{' and '.join(repr(names[row]) for row in alike or ())} get the same vector",
            "write lines as UTF-8 or as escaped JSON, and change no character of a text",
        )

    def test_the_longest_row_comes_back(self, bench: Bench, driver: Driver) -> None:
        """A row as long as the card allows is embedded, among short ones."""
        route = bench.subject.route(Lane.BATCH)
        self.run_whole(
            driver, [longest(bench.subject.card, open_counter(route, bench.context(route))), *PLAIN]
        )

    def test_both_lanes_agree(self, bench: Bench, driver: Driver) -> None:
        """A document gets the same vector in a job as in the sync lane."""
        if bench.subject.sync is None:
            pytest.skip("the subject has no sync route")
        found = self.run_whole(driver, PLAIN).vectors()
        direct = units(bench.sync().embed(PLAIN, Role.DOCUMENT).vectors)
        self.require(
            same(found, direct),
            "the vectors of a job differ from those of the sync lane",
            "send the same model, size and task in both: a job's rows are documents; and let no row get "
            "the vector of another",
        )

    def test_results_can_be_read_again(self, driver: Driver) -> None:
        """Reading may break off, and starts anew with the next call."""
        run = self.run_whole(driver, PLAIN)
        with self.succeeding("reading one result, then all"):
            for _ in itertools.islice(driver.batch.results(run.job), 1):
                pass
            again = driver.read(run.rows, driver.batch.results(run.job)).vectors
        first = run.reading.vectors
        self.require(
            again.keys() == first.keys() and all(np.array_equal(again[key], first[key]) for key in first),
            f"the first reading gave {len(first)} vectors, a later one {len(again)} or other ones",
            "begin from the start in each call of results(), and keep nothing between two",
        )

    def test_staging_twice_is_harmless(self, driver: Driver) -> None:
        """A file may be staged twice under one tag: no job comes of that, and the second can be used."""
        rows, tag = self.rows(driver, PLAIN), new_tag()
        file = driver.write(rows)
        with self.succeeding("staging a file twice"):
            staged = [driver.batch.stage(file, tag) for _ in range(2)][1]
        jobs = len(driver.batch.find(tag))
        self.require(
            jobs == 0, f"{jobs} jobs came of staging alone", "create jobs in create(), and only there"
        )
        with self.succeeding("creating and reading a job of what was staged twice"):
            job = driver.ended(driver.batch.create(staged, tag).name)
            collected = driver.read(rows, driver.batch.results(job)).collected
        self.require(
            collected.stored == len(rows) and not collected.doubled and not collected.unknown,
            f"of {len(rows)} rows: {collected}",
            "let the second upload take the place of the first, or be another file; never append",
        )

    def test_another_process_can_go_on(self, bench: Bench, driver: Driver) -> None:
        """What was staged, and the job's name, are all that a new process needs."""
        rows, tag = self.rows(driver, PLAIN), new_tag()
        staged = driver.batch.stage(driver.write(rows), tag)
        change = "keep nothing on the embedder: what create() needs goes into StagedInput.details, as JSON"
        with self.succeeding(
            "creating a job from a StagedInput that was kept as JSON, in a new embedder", change
        ):
            kept = StagedInput(**json.loads(json.dumps(_as_json(staged))))
            name = bench.batch().create(kept, tag).name
        later = attrs.evolve(driver, batch=bench.batch())
        with self.succeeding("reading the job in a third embedder", change):
            job = later.ended(name)
            collected = later.read(rows, later.batch.results(job)).collected
        self.require(collected.stored == len(rows), f"of {len(rows)} rows: {collected}", change)


def _lines(batch: BatchEmbedder, rows: Sequence[BatchRow]) -> list[bytes]:
    return [batch.encode([row]) for row in rows]


def _as_json(staged: StagedInput) -> dict[str, object]:
    return {"handle": staged.handle, "rows": staged.rows, "details": dict(staged.details)}
