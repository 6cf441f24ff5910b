"""Rules for the life of a job: found by its tag, asked about, cancelled, deleted."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, ClassVar

import pytest

from embedlane.errors import CreateRejectedError
from embedlane.providers.values import RemoteState
from embedlane.testing.faults import strike
from embedlane.testing.job_suite import JobSuite
from embedlane.testing.jobs import new_tag
from embedlane.testing.texts import PLAIN

if TYPE_CHECKING:
    from embedlane.testing.bench import Bench
    from embedlane.testing.jobs import Driver

_FIND = "compare the whole tag in find(), where create() has put it: a display name, a label, metadata"


class LifeRules(JobSuite):
    """What happens to jobs."""

    #: More jobs than the service lists on a page.
    more_than_a_page: ClassVar[int] = 110

    def test_a_job_is_found_by_its_tag(self, driver: Driver) -> None:
        """A tag finds the job that was created with it, and no job whose tag only looks like it."""
        submitted = self.submit(driver, PLAIN)
        longer = f"{submitted.tag}0"
        driver.batch.create(driver.batch.stage(driver.write(submitted.rows), longer), longer)
        with self.succeeding("finding a job by its tag"):
            found = [job.name for job in driver.batch.find(submitted.tag)]
        self.require(
            found == [submitted.job.name],
            f"create() named the job {submitted.job.name!r}, and its tag finds {found}",
            _FIND,
        )

    def test_an_unknown_tag_finds_nothing(self, driver: Driver) -> None:
        """A tag that no job has finds no job, and is no error."""
        self.submit(driver, PLAIN[:1])
        with self.succeeding("finding a tag that no job has", "return an empty list"):
            found = [job.name for job in driver.batch.find(new_tag())]
        self.require(not found, f"a tag that no job has finds {found}", _FIND)

    def test_every_job_of_a_tag_is_found(self, driver: Driver) -> None:
        """Two jobs with one tag are both found: the core has to know that it paid twice."""
        submitted = self.submit(driver, PLAIN)
        try:
            second = driver.batch.create(submitted.staged, submitted.tag)
        except CreateRejectedError:
            pytest.skip("the service takes a tag only once")
        found = {job.name for job in driver.batch.find(submitted.tag)}
        self.require(
            found == {submitted.job.name, second.name},
            f"two jobs were created with one tag, and it finds {len(found)}",
            "return all jobs of the tag, not the first",
        )

    def test_every_page_is_searched(self, driver: Driver) -> None:
        """A job is found behind more jobs than the service lists at once."""
        submitted = self.submit(driver, PLAIN[:1])
        for _ in range(self.more_than_a_page):
            driver.batch.create(submitted.staged, new_tag())
        found = [job.name for job in driver.batch.find(submitted.tag)]
        self.require(
            found == [submitted.job.name],
            f"behind {self.more_than_a_page} newer jobs, the tag finds {found}",
            "read all pages of the service's list: a job that is not found is created again, and paid twice",
        )

    def test_an_unknown_job_is_gone(self, driver: Driver) -> None:
        """A name that the service does not know is RemoteState.GONE, and no error."""
        name = self.submit(driver, PLAIN[:1]).job.name
        unknown = name[: -len(_other(name))] + _other(name)
        with self.succeeding(f"get({unknown!r})", "return RemoteJob(name=name, state=RemoteState.GONE)"):
            state = driver.batch.get(unknown).state
        self.require(
            state is RemoteState.GONE, f"get({unknown!r}) is '{state}'", "translate the service's 404"
        )

    def test_a_job_can_be_cancelled(self, bench: Bench, driver: Driver) -> None:
        """A job that is cancelled ends, and its results can be read."""
        stuck = strike(bench.subject.service, "stuck")
        submitted = self.submit(driver, PLAIN)
        with self.succeeding("cancel()"):
            driver.batch.cancel(submitted.job.name)
        run = self.finish(driver, submitted)
        self.require(
            run.job.state is RemoteState.CANCELLED or not stuck,
            f"a job that was cancelled while it ran is '{run.job.state}' ({run.job.raw_state})",
            "ask the service to cancel, and translate its word for it to RemoteState.CANCELLED",
        )
        self.require(
            not run.reading.collected.unknown,
            f"the results of a cancelled job hold {run.reading.collected}",
            "yield results of the job's own rows only",
        )

    def test_cancelling_may_be_repeated(self, driver: Driver) -> None:
        """Cancelling a job that has ended is no error, and takes nothing away."""
        run = self.run_whole(driver, PLAIN)
        change = "let the service's refusal pass where get() says that the job has ended"
        for _ in range(2):
            with self.succeeding("cancel() of a job that has ended", change):
                driver.batch.cancel(run.job.name)
        job = driver.batch.get(run.job.name)
        collected = driver.read(run.rows, driver.batch.results(job)).collected
        self.require(
            collected.stored == len(run.rows),
            f"after cancel() of a job that had succeeded, it is '{job.state}' with {collected}",
            "do nothing to a job that has ended",
        )

    def test_deleting_may_be_repeated(self, driver: Driver) -> None:
        """Deleting a job that is gone is no error, and one that was deleted can be asked for."""
        run = self.run_whole(driver, PLAIN)
        for time in ("first", "second"):
            with self.succeeding(f"the {time} delete()", "let the service's 404 pass"):
                driver.batch.delete(run.job.name)
        with self.succeeding("get() of a job that was deleted", "return RemoteState.GONE for what is gone"):
            driver.batch.get(run.job.name)


def _other(name: str) -> str:
    """An end for *name* that makes it another name of the same form."""
    tail = name[-4:]
    while (other := secrets.token_hex(2)) == tail:
        pass
    return other
