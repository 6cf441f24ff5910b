"""The batch manager and its driver, against a provider that fails in every way."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections import Counter
from datetime import timedelta

import attrs
import pytest
from sqlalchemy import select

from embedlane.errors import (
    CreateAmbiguousError,
    CreateRejectedError,
    CredentialError,
    RefusedError,
    RequestRefusedError,
    ResponseError,
    TransientError,
)
from embedlane.jobs.book import LEASE, JobBook, SupersededError
from embedlane.jobs.desk import BatchLane
from embedlane.jobs.driver import Driver
from embedlane.jobs.manager import BatchManager
from embedlane.jobs.states import JobEvent, JobState
from embedlane.ledger.schema import charges, job_rows, refusal_events, refusals, vectors
from embedlane.ledger.workers import this_machine
from embedlane.providers.values import (
    BatchLimits,
    Malformed,
    Refusal,
    RemoteJob,
    RemoteState,
    StagedInput,
    Vector,
)

_LAG = timedelta(minutes=10)
_EXPIRES = timedelta(hours=24)


@attrs.define
class Provider:
    """A batch service in memory. Tests set how it fails; it counts what it was asked."""

    clock: object
    separator: str = " "
    limits: BatchLimits = BatchLimits(
        list_lag=_LAG,
        expires_after=_EXPIRES,
        poll_every=timedelta(seconds=10),
        poll_at_most=timedelta(seconds=80),
    )
    #: Called before and after a create makes its job.
    before_create: object = lambda _tag: None
    after_create: object = lambda _tag: None
    before_stage: object = lambda _tag: None
    before_find: object = lambda _tag: None
    before_get: object = lambda _name: None
    before_cancel: object = lambda _name: None
    before_delete: object = lambda _name: None
    #: Seconds for which a new job is not listed.
    lag: float = 0.0
    #: What each job comes to: its state after `duration`, and its results.
    outcome: RemoteState = RemoteState.SUCCEEDED
    duration: float = 5.0
    error: str = ""
    tokens: int | None = 42
    answer: object = lambda key: Vector(key, [1.0, 2.0, 3.0, 4.0])
    jobs: dict = attrs.field(factory=dict)
    creates: Counter = attrs.field(factory=Counter)
    asked: Counter = attrs.field(factory=Counter)
    states: dict = attrs.field(factory=dict)

    def encode(self, rows):
        """The keys are enough."""
        return self.separator.join(row.key for row in rows).encode() + self.separator.strip().encode()

    def stage(self, file, tag):
        """Take the keys."""
        self.asked["stage"] += 1
        self.before_stage(tag)
        return StagedInput(
            handle=f"files/{tag}", rows=file.rows, details={"keys": file.path.read_text().split()}
        )

    def create(self, staged, tag):
        """Make a job, unless the test says otherwise before; lose the reply, if it says so after."""
        self.asked["create"] += 1
        self.before_create(tag)
        self.creates[tag] += 1
        name = f"jobs/{len(self.jobs)}"
        self.jobs[name] = (tag, tuple(staged.details["keys"]), self.clock.now)
        self.after_create(tag)
        return self._remote(name)

    def find(self, tag):
        """Jobs that are old enough to be listed."""
        self.asked["find"] += 1
        self.before_find(tag)
        return [
            self._remote(name)
            for name, (its_tag, _, created) in self.jobs.items()
            if its_tag == tag and self.clock.now >= created + self.lag
        ]

    def get(self, name):
        """The job as it is."""
        self.asked["get"] += 1
        self.before_get(name)
        return self._remote(name)

    def results(self, job):
        """An answer for each key."""
        for key in self.jobs[job.name][1]:
            answer = self.answer(key)
            if answer is not None:
                yield answer

    def cancel(self, name):
        """Stop it at once."""
        self.asked["cancel"] += 1
        self.before_cancel(name)
        self.states[name] = RemoteState.CANCELLED

    def delete(self, name):
        """Forget it."""
        self.asked["delete"] += 1
        self.before_delete(name)
        self.jobs.pop(name, None)

    def close(self):
        """Do nothing."""

    def _remote(self, name):
        if name not in self.jobs:
            return RemoteJob(name=name, state=RemoteState.GONE)
        over = self.clock.now >= self.jobs[name][2] + self.duration
        state = self.states.get(name, self.outcome if over else RemoteState.RUNNING)
        return RemoteJob(name=name, state=state, tokens=self.tokens, error=self.error if over else "")


@pytest.fixture
def provider(clock):
    """A provider that works, until told otherwise."""
    return Provider(clock)


@pytest.fixture
def manager(ledger, cargo, clock, provider, tmp_path):
    """A manager of that provider."""
    return BatchManager(
        ledger=ledger,
        open_lane=lambda job: BatchLane(provider, cargo(job)),
        directory=tmp_path / "jobs",
        clock=clock,
    )


@pytest.fixture
def driver(manager, clock):
    """A driver whose sleep moves the clock."""
    return Driver(manager=manager, sleep=clock.sleep)


@pytest.fixture
def job(ledger, clock, bound, texts):
    """A planned job with five rows."""
    hashes = texts(*"abcde")
    with ledger.write() as connection:
        return JobBook(clock).enter(connection, bound.id, "tester", hashes)


def _story(manager, job):
    with manager.ledger.read() as connection:
        return [(record.event, record.detail) for record in manager.book.events(connection, job.id)]


def _verdicts(ledger):
    with ledger.read() as connection:
        return Counter(connection.scalars(select(job_rows.c.verdict)))


def _count(ledger, table):
    with ledger.read() as connection:
        return len(connection.execute(select(table)).all())


def _raise(error):
    def deed(_name):
        raise error

    return deed


def _once(error):
    errors = [error]

    def deed(_name):
        if errors:
            raise errors.pop()

    return deed


def test_a_job_goes_from_planned_to_stored(driver, manager, job, ledger, provider):
    """The plain way: one create, all rows stored, everything removed afterwards here and there."""
    (done,) = driver.finish()
    assert done.state is JobState.STORED
    assert done.cleaned
    assert done.tokens == 42
    assert provider.creates == Counter({job.tag: 1})
    assert _verdicts(ledger) == {"stored": 5}
    assert _count(ledger, vectors) == 5
    assert provider.jobs == {}
    assert list(manager.directory.iterdir()) == []
    assert [event for event, _ in _story(manager, job)] == [
        "planned", "file written", "uploaded", "calling", "ticket", "over", "results stored", "cleaned",
    ]  # fmt: skip


def test_steps_one_by_one_can_be_taken_by_different_processes(manager, job, provider, clock):
    """Nothing is held in memory: each step starts from the ledger."""
    seen = []
    while not job.final:
        clock.sleep(100)
        job = attrs.evolve(manager).step(job)
        seen.append(job.state.value)
    assert seen == ["written", "staged", "submitted", "ended", "stored"]


def test_a_lost_reply_is_found_by_its_tag(driver, manager, job, ledger, provider):
    """The create is not repeated: the job is adopted when the list shows it."""
    provider.after_create = _once(CreateAmbiguousError("cut off"))
    provider.lag = 60.0
    (done,) = driver.finish()
    assert done.state is JobState.STORED
    assert provider.creates == Counter({job.tag: 1})
    assert _verdicts(ledger) == {"stored": 5}
    events = dict(_story(manager, job))
    assert "found by its tag as jobs/0" in events["ticket"]
    assert "not listed yet" in events["waiting"]


@pytest.mark.parametrize("error", [TransientError("503"), RequestRefusedError("400"), ResponseError("odd")])
def test_any_other_error_of_a_create_is_ambiguous(driver, job, provider, error):
    """A plugin that raises the wrong error is not believed: the tag decides."""
    provider.after_create = _once(error)
    (done,) = driver.finish()
    assert done.state is JobState.STORED
    assert provider.creates == Counter({job.tag: 1})


def test_a_job_that_is_listed_too_late_is_stopped(driver, manager, job, provider):
    """Created anew after the lag that was promised, listed all the same: one is stopped, once, and told."""
    provider.after_create = _once(CreateAmbiguousError("cut off"))
    provider.lag, provider.duration = 2 * _LAG.total_seconds(), 10 * _LAG.total_seconds()
    (done,) = driver.finish()
    assert (done.state, done.remote) == (JobState.STORED, "jobs/1")
    assert provider.creates == Counter({job.tag: 2})
    assert provider.states == {"jobs/0": RemoteState.CANCELLED}
    assert provider.asked["cancel"] == 1
    assert [detail for _, detail in _story(manager, job) if "jobs/0" in detail] == [
        "jobs/0 came too late: the provider was asked to cancel it"
    ]


def test_a_list_that_fails_keeps_no_job_from_its_end(driver, job, provider):
    """Looking for jobs that came too late is a precaution."""
    provider.before_create = _once(CreateAmbiguousError("cut off"))
    provider.after_create = lambda _tag: setattr(provider, "before_find", _raise(RequestRefusedError("400")))
    (done,) = driver.finish()
    assert provider.asked["find"] > provider.asked["get"]
    assert done.state is JobState.STORED


def test_a_create_that_left_no_trace_is_repeated_after_the_lag(driver, job, provider, clock):
    """Only when the list has had its time is the job surely not there; it is created once."""
    times = []

    def lose_the_first(_tag):
        times.append(clock.now)
        if len(times) == 1:
            raise CreateAmbiguousError("nothing was sent")

    provider.before_create = lose_the_first
    (done,) = driver.finish()
    assert done.state is JobState.STORED
    assert provider.creates == Counter({job.tag: 1})
    first, second = times
    assert second - first >= _LAG.total_seconds()


def test_the_grace_begins_when_the_reply_was_lost(manager, job, provider, clock):
    """A call that takes longer than the list's lag may have made the job at its very end."""

    def slow(_tag):
        clock.sleep(2 * _LAG.total_seconds())
        raise CreateAmbiguousError("timed out")

    provider.after_create, provider.lag = slow, 2.5 * _LAG.total_seconds()
    for _ in range(3):
        job = manager.step(job)
    assert job.state is JobState.SUBMITTING
    job = manager.step(job)
    assert job.state is JobState.SUBMITTING
    clock.sleep(_LAG.total_seconds() - 60)
    assert manager.step(job).state is JobState.SUBMITTED
    assert provider.creates.total() == 1


def test_a_killed_create_is_looked_up(manager, job, provider, clock):
    """A process that dies in the call leaves SUBMITTING; the next one asks the list before anything else."""
    provider.after_create = _once(KeyboardInterrupt())
    job = manager.step(manager.step(job))
    with pytest.raises(KeyboardInterrupt):
        manager.step(job)
    with manager.ledger.read() as connection:
        job = manager.book.get(connection, job.id)
    assert job.state is JobState.SUBMITTING
    assert manager.step(job).state is JobState.SUBMITTED
    assert provider.creates.total() == 1


def test_a_job_that_came_too_late_is_stopped(manager, job, provider, clock):
    """If others gave up waiting and created it again, the late one is cancelled and told."""
    others = []

    def meanwhile(_tag):
        provider.after_create = lambda _tag: None
        with manager.ledger.read() as connection:
            now = manager.book.get(connection, job.id)
        provider.lag, waiting = 1e9, clock.now
        clock.sleep(_LAG.total_seconds() + 1)
        assert clock.now > waiting
        others.append(manager.step(manager.step(now)))

    provider.after_create = meanwhile
    late = manager.step(manager.step(manager.step(job)))
    assert [other.state for other in others] == [JobState.SUBMITTED]
    assert late.remote == others[0].remote == "jobs/1"
    assert provider.states == {"jobs/0": RemoteState.CANCELLED}
    assert any("jobs/0 came too late" in detail for _, detail in _story(manager, job))


def test_two_jobs_under_one_tag_are_told_and_one_is_adopted(manager, job, provider):
    """The others are cancelled, and one that has failed is not preferred to one that works."""
    provider.after_create = _once(CreateAmbiguousError("cut off"))
    job = manager.step(manager.step(manager.step(job)))
    for number in (1, 2):
        provider.jobs[f"jobs/{number}"] = provider.jobs["jobs/0"]
    provider.states["jobs/0"] = RemoteState.FAILED
    provider.before_cancel = lambda name: (
        _raise(RequestRefusedError("no"))(name) if name == "jobs/0" else None
    )
    job = manager.step(job)
    assert (job.state, job.remote) == (JobState.SUBMITTED, "jobs/1")
    assert provider.states["jobs/2"] is RemoteState.CANCELLED
    detail = dict(_story(manager, job))["ticket"]
    assert "2 more under the same tag" in detail
    assert "jobs/0 (it could not be cancelled: no)" in detail


def test_a_rejected_create_is_tried_later_with_growing_pauses(driver, manager, job, provider, clock):
    """A full quota costs nothing and is asked again, less and less often."""
    times = []

    def full(_tag):
        times.append(clock.now)
        if len(times) < 6:
            raise CreateRejectedError("quota", "", True)

    provider.before_create = full
    (done,) = driver.finish()
    assert done.state is JobState.STORED
    assert provider.creates == Counter({job.tag: 1})
    pauses = [round(later - earlier) for earlier, later in itertools.pairwise(times)]
    assert pauses == [10, 20, 40, 80, 80]


def test_a_rejection_may_say_when_to_come_back(manager, job, provider, clock):
    """The provider's own pause is kept."""
    provider.before_create = _raise(CreateRejectedError("quota", "", True, 300.0))
    job = manager.step(manager.step(manager.step(job)))
    assert job.state is JobState.STAGED
    assert job.due_at == pytest.approx(clock.now + 300, abs=1)


def test_a_create_that_is_refused_for_good_ends_the_job(driver, job, ledger, provider):
    """The rows are pending again, with the provider's words as the reason."""
    provider.before_create = _raise(CreateRejectedError("no such model"))
    (done,) = driver.finish()
    assert (done.state, done.reason) == (JobState.FAILED, "no such model")
    assert _verdicts(ledger) == {"missing": 5}
    assert _count(ledger, refusals) == 0


def test_an_upload_that_is_refused_ends_the_job(driver, manager, job, ledger, provider):
    """Nothing was created; the file is removed and the rows are pending again."""
    provider.before_stage = _raise(RequestRefusedError("bad line"))
    (done,) = driver.finish()
    assert (done.state, done.reason) == (JobState.FAILED, "bad line")
    assert provider.asked["create"] == 0
    assert _verdicts(ledger) == {"missing": 5}
    assert list(manager.directory.iterdir()) == []


def test_an_upload_that_fails_is_tried_again(driver, job, provider):
    """A transient error is a pause, not an end."""
    provider.before_stage = _once(TransientError("503", "", 7.0))
    assert [done.state for done in driver.finish()] == [JobState.STORED]
    assert provider.asked["stage"] == 2


def test_a_batch_file_that_is_not_here_is_written_again(manager, job, provider, tmp_path):
    """One worker writes it and another uploads it, from another folder: it is the same file."""
    job = manager.step(job)
    elsewhere = attrs.evolve(manager, directory=tmp_path / "elsewhere", worker="elsewhere/1/x")
    job = elsewhere.step(job)
    assert job.state is JobState.STAGED
    written, again = (each.directory / job.file for each in (manager, elsewhere))
    assert written.read_bytes() == again.read_bytes()
    assert provider.asked["stage"] == 1


def test_a_batch_file_that_comes_out_differently_ends_the_job(manager, job, ledger, provider):
    """Such as after an upgrade: what its digest was taken of can't be had; its rows are pending again."""
    job = manager.step(job)
    (manager.directory / job.file).unlink()
    provider.separator = ", "
    job = manager.step(job)
    assert job.state is JobState.FAILED
    assert "is gone, and comes out differently" in job.reason
    assert _verdicts(ledger) == {"missing": 5}
    assert provider.asked["stage"] == 0


def test_rows_that_do_not_fit_are_pending_again(driver, job, ledger, provider):
    """The job holds what its size allows; the others are in no job."""
    provider.limits = attrs.evolve(provider.limits, size=2 * 41)
    (done,) = driver.finish()
    assert (done.state, done.rows) == (JobState.STORED, 2)
    assert _verdicts(ledger) == {"stored": 2}


def test_a_row_that_fits_in_no_job_is_refused(driver, job, ledger, provider):
    """The first row alone is too large: it is refused for good, the others are pending again."""
    provider.limits = attrs.evolve(provider.limits, size=40)
    (done,) = driver.finish()
    assert done.state is JobState.FAILED
    with ledger.read() as connection:
        (row,) = connection.execute(select(refusals)).all()
    assert (row.code, row.retryable) == ("too-large", False)
    assert _verdicts(ledger) == {"missing": 5}


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        (RemoteState.PARTIALLY_SUCCEEDED, JobState.STORED),
        (RemoteState.EXPIRED, JobState.FAILED),
        (RemoteState.FAILED, JobState.FAILED),
        (RemoteState.CANCELLED, JobState.CANCELLED),
    ],
)
def test_what_came_back_is_stored_however_it_ended(driver, job, ledger, provider, outcome, state):
    """Partial output is kept, refusals are recorded, and what is missing is pending again without blame."""
    keys = sorted(provider.jobs)
    provider.outcome, provider.error = outcome, "the reason"
    seen = []

    def answer(key):
        seen.append(key)
        number = len(seen) % 5
        if number == 1:
            return Vector(key, [1.0, 0.0, 0.0, 0.0])
        if number == 2:
            return Refusal(key, "POLICY", "no")
        return Malformed("a broken line") if number == 3 else None

    provider.answer = answer
    (done,) = driver.finish()
    assert keys == []
    assert done.state is state
    assert _verdicts(ledger) == {"stored": 1, "refused": 1, "missing": 3}
    assert _count(ledger, refusals) == 1
    assert done.reason == "the reason; stored 1, refused 1, malformed 1 (first: a broken line), missing 3"


def test_a_row_that_a_successful_job_left_out_is_counted(driver, job, ledger, provider):
    """It is tried again, but as an attempt, so that this ends."""
    provider.answer = lambda _key: None
    (done,) = driver.finish()
    assert done.state is JobState.STORED
    with ledger.read() as connection:
        rows = connection.execute(select(refusals)).all()
    assert {(row.code, row.retryable, row.attempts) for row in rows} == {("missing", True, 1)}
    assert _verdicts(ledger) == {"missing": 5}


def test_a_job_that_is_gone_fails_and_frees_its_rows(driver, manager, job, ledger, provider):
    """The provider no longer knows it, so nothing more will come."""
    driver.submit()
    provider.jobs.clear()
    (done,) = driver.finish()
    assert done.state is JobState.FAILED
    assert "no longer has it" in done.reason
    assert _verdicts(ledger) == {"missing": 5}


def test_a_job_that_never_ends_is_given_up_after_its_deadline(driver, job, ledger, provider, clock):
    """Silence ends by the clock: the provider is asked to stop it, and the rows are pending again."""
    provider.duration, start = 1e12, clock.now
    provider.limits = attrs.evolve(provider.limits, expires_after=timedelta(hours=2))
    provider.before_cancel = _raise(RequestRefusedError("not now"))
    (done,) = driver.finish()
    assert done.state is JobState.FAILED
    assert clock.now - start >= 1.25 * 7200
    assert provider.asked["cancel"] == 1
    assert _verdicts(ledger) == {"missing": 5}


def test_polls_become_rarer(driver, job, provider):
    """A day of waiting takes hundreds of questions, not thousands."""
    provider.duration = 3600.0
    driver.finish()
    assert provider.asked["get"] < 3600 / 30 + 10


def test_a_state_that_flaps_does_not_lose_the_results(driver, manager, job, ledger, provider, clock):
    """A job that is said to run again, after it had ended, is waited for."""
    driver.submit()
    clock.sleep(60)
    with ledger.read() as connection:
        job = manager.step(manager.book.get(connection, job.id))
    assert job.state is JobState.ENDED
    provider.states["jobs/0"] = RemoteState.RUNNING
    job = manager.step(job)
    assert job.state is JobState.ENDED
    assert "again, after it had ended" in job.reason
    provider.states.clear()
    assert [done.state for done in driver.finish()] == [JobState.STORED]
    assert _verdicts(ledger) == {"stored": 5}


def test_results_that_can_never_be_read_end_by_the_deadline(driver, manager, job, ledger, provider, clock):
    """Until then it is an error each time; a day after the first, the rows are not in flight for ever."""

    def unreadable(_key):
        raise ResponseError("not JSON")

    provider.answer = unreadable
    with pytest.raises(ResponseError, match="not JSON"):
        driver.finish()
    assert _verdicts(ledger) == {"open": 5}
    clock.sleep(2 * max(_EXPIRES.total_seconds(), 86_400))
    (done,) = driver.finish()
    assert (done.state, done.reason) == (JobState.FAILED, "not JSON")
    assert _verdicts(ledger) == {"missing": 5}


def test_results_that_are_read_for_the_first_time_after_the_deadline_have_their_time(
    driver, manager, job, ledger, provider, clock
):
    """Nobody looked for a month; one answer that can't be read does not throw away what is paid for."""
    while job.state is not JobState.ENDED:
        clock.sleep(100)
        job = manager.step(job)
    clock.sleep(30 * 86_400)
    answer, provider.answer = provider.answer, _raise(ResponseError("not JSON"))
    with pytest.raises(ResponseError):
        manager.step(job)
    provider.answer = answer
    assert [done.state for done in driver.finish()] == [JobState.STORED]
    assert _verdicts(ledger) == {"stored": 5}


def test_an_error_that_stops_a_step_is_part_of_the_story_once(driver, manager, job, ledger, provider):
    """What a person has to put right can be read with the job, too, and not only where it was raised."""
    provider.answer = _raise(RequestRefusedError("403: the key may not read this"))
    for _ in range(2):
        with pytest.raises(RequestRefusedError):
            driver.finish()
    with ledger.read() as connection:
        story = manager.book.events(connection, job.id)
        reason = manager.book.get(connection, job.id).reason
    assert reason == "403: the key may not read this"
    assert [told.detail for told in story if told.event == "stopped"] == [reason]


def test_results_that_cannot_be_read_are_given_up_by_hand(driver, manager, job, ledger, provider, clock):
    """A person need not wait: the rows are pending again, the bill stays, the provider's job is kept."""
    while job.state is not JobState.ENDED:
        clock.sleep(100)
        job = manager.step(job)
    with pytest.raises(RefusedError, match="paid for"):
        manager.cancel(job)
    provider.answer = _raise(ResponseError("not JSON"))
    with pytest.raises(ResponseError):
        manager.step(job)
    done = manager.cancel(manager.desk.reread(job))
    assert (done.state, done.reason) == (JobState.FAILED, "given up here, its results not read")
    assert _verdicts(ledger) == {"missing": 5}
    assert _charges(ledger)[job.id].measured_tokens == 42
    assert list(provider.jobs) == [job.remote]


def test_results_that_break_off_are_read_again(driver, job, ledger, provider):
    """A lost connection in the middle is a pause; nothing is stored twice."""
    calls = []

    def breaks(key):
        calls.append(key)
        if len(calls) == 3:
            raise TransientError("reset")
        return Vector(key, [1.0, 2.0, 3.0, 4.0])

    provider.answer = breaks
    assert [done.state for done in driver.finish()] == [JobState.STORED]
    assert _count(ledger, vectors) == 5


def test_jobs_wait_for_a_place(driver, ledger, bound, texts, clock, provider):
    """No more jobs are at the provider at once than it takes."""
    for text in "fgh":
        hashes = texts(text)
        with ledger.write() as connection:
            JobBook(clock).enter(connection, bound.id, "tester", hashes)
    provider.limits = attrs.evolve(provider.limits, concurrent_jobs=1)
    most = []
    provider.after_create = lambda _tag: most.append(
        sum(clock.now < created + provider.duration for *_, created in provider.jobs.values())
    )
    done = driver.finish()
    assert [job.state for job in done] == [JobState.STORED] * 3
    assert most == [1, 1, 1]


def test_one_job_in_trouble_does_not_hold_up_the_others(driver, ledger, bound, clock, provider, job, texts):
    """An error is raised, but after the other jobs are finished."""
    hashes = texts("x")
    with ledger.write() as connection:
        JobBook(clock).enter(connection, bound.id, "tester", hashes)
    driver.submit()
    provider.before_get = lambda name: (
        _raise(CredentialError("the key is gone"))(name) if name == "jobs/0" else None
    )
    with pytest.raises(CredentialError, match="the key is gone"):
        driver.finish()
    assert _verdicts(ledger) == {"open": 5, "stored": 1}
    provider.before_get = lambda _name: None
    assert [done.state for done in driver.finish()] == [JobState.STORED]


def test_advance_takes_each_job_as_far_as_it_goes_now(driver, job, provider, clock):
    """It does not sleep; a job that is not due is left alone."""
    (now,) = driver.advance()
    assert now.state is JobState.SUBMITTED
    asked = provider.asked.copy()
    assert driver.advance()[0].state is JobState.SUBMITTED
    assert provider.asked == asked
    assert driver.advance(only=[]) == []


def test_submit_goes_no_further_than_the_providers_hands(driver, job, provider):
    """Nothing is polled."""
    (now,) = driver.submit()
    assert now.state is JobState.SUBMITTED
    assert provider.asked["get"] == 0


def test_changes_are_told(manager, clock, job):
    """Each new state is reported once."""
    seen = []
    Driver(manager=manager, sleep=clock.sleep, on_change=lambda job: seen.append(job.state.value)).finish()
    assert list(dict.fromkeys(seen)) == ["written", "staged", "submitted", "ended", "stored"]


@pytest.mark.parametrize("steps", [0, 1, 2])
def test_a_job_that_was_not_submitted_is_cancelled_here(manager, job, ledger, provider, steps):
    """The provider is not asked; rows are pending again and the file is removed."""
    for _ in range(steps):
        job = manager.step(job)
    assert manager.cancel(job).state is JobState.CANCELLED
    assert provider.asked["cancel"] == 0
    assert _verdicts(ledger) == {"missing": 5}
    assert not manager.directory.exists() or list(manager.directory.iterdir()) == []


def test_a_submitted_job_is_cancelled_at_the_provider(driver, manager, job, ledger, provider):
    """What it has finished is still stored; the others are pending again."""
    (now,) = driver.submit()
    provider.answer = lambda key: None if key > "8" else Vector(key, [1.0, 2.0, 3.0, 4.0])
    assert manager.cancel(now).state is JobState.CANCELLING
    (done,) = driver.finish()
    assert done.state is JobState.CANCELLED
    assert done.cleaned
    assert provider.asked["cancel"] == 1
    assert _verdicts(ledger)["open"] == 0


def test_cancelling_follows_a_job_that_moved_on(manager, job, provider):
    """A cancel that has lost a race is applied to the job as it is now."""
    manager.step(manager.step(manager.step(job)))
    assert manager.cancel(job).state is JobState.CANCELLING
    assert provider.asked["cancel"] == 1


def test_a_final_job_cannot_be_cancelled(driver, manager, job):
    """It is said that it is final."""
    (done,) = driver.finish()
    with pytest.raises(RefusedError, match="it is final"):
        manager.cancel(done)


def test_who_loses_a_race_does_nothing(manager, job, provider):
    """Two that step the same job: the second finds it moved on, and changes nothing."""
    first = manager.step(job)
    assert manager.step(job) == first
    staged = manager.step(first)
    submitted = manager.step(staged)
    assert manager.step(staged) == submitted
    assert provider.creates.total() == 1


def test_a_provider_that_will_not_delete_is_asked_again(driver, job, provider):
    """The job is stored all the same; cleaning up is tried the next time."""
    provider.before_delete = _once(TransientError("503"))
    (done,) = driver.finish()
    assert done.state is JobState.STORED
    assert not done.cleaned
    assert [done.cleaned for done in driver.finish()] == [True]


def test_a_job_that_failed_on_the_way_leaves_no_file(driver, manager, job, provider):
    """Its batch file is of no use; nothing of it is looked at again."""
    provider.before_stage = _raise(RequestRefusedError("400"))
    (done,) = driver.submit()
    assert done.state is JobState.FAILED
    assert done.cleaned
    assert list(manager.directory.iterdir()) == []
    assert driver.finish() == []


def test_what_a_killed_process_did_not_clean_up_is_cleaned_up_later(driver, manager, job, provider, ledger):
    """Also of a job that never came to the provider: its file, and the piece of a file that was begun."""
    written = manager.step(job)
    (part,) = [path.with_name(f"{path.name}.part") for path in manager.directory.iterdir()]
    part.write_bytes(b"half a li")
    with ledger.write() as connection:
        manager.book.change(connection, written, JobEvent.CANCEL)
    (done,) = driver.finish()
    assert done.cleaned
    assert list(manager.directory.iterdir()) == []
    assert provider.asked["delete"] == 0


def test_the_story_is_written_by_events_of_the_table(driver, manager, job):
    """Every event of a change is one of the machine's."""
    driver.finish()
    words = {event.value for event in JobEvent} | {"planned", "waiting", "cleaned"}
    assert {event for event, _ in _story(manager, job)} <= words


def test_a_step_that_another_process_takes_is_left_alone(manager, job, provider):
    """While one uploads, another finds the job taken, and does nothing."""
    other = attrs.evolve(manager, worker="elsewhere/1/x")
    seen = []
    provider.before_stage = lambda _tag: seen.append(other.step(written))
    written = manager.step(job)
    staged = manager.step(written)
    assert staged.state is JobState.STAGED
    assert provider.asked["stage"] == 1
    assert (seen[0].state, seen[0].worker) == (JobState.WRITTEN, manager.worker)
    assert staged.worker is None


def test_a_worker_that_died_is_not_waited_for(manager, job, ledger):
    """On this machine its process is looked for; elsewhere the lease has to run out."""
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    with ledger.write() as connection:
        claimed = manager.book.claim(connection, job, f"{this_machine()}/{gone.pid}/x")
    assert manager.step(claimed).state is JobState.WRITTEN


def test_a_lease_runs_out(manager, job, ledger, clock):
    """A worker elsewhere can't be asked; after its lease another goes on, and what it writes is void."""
    with ledger.write() as connection:
        claimed = manager.book.claim(connection, job, "elsewhere/1/x")
    assert manager.step(claimed).state is JobState.PLANNED
    clock.sleep(LEASE)
    assert manager.step(claimed).state is JobState.WRITTEN
    with pytest.raises(SupersededError), ledger.write() as connection:
        manager.book.change(connection, claimed, JobEvent.FILE_WRITTEN)


def test_results_are_stored_by_one_worker_only(manager, job, ledger, provider, clock):
    """Who is held up in the middle of the results finds that another has taken over, and stores no more."""
    other = attrs.evolve(manager, worker="elsewhere/1/x")
    while job.state is not JobState.ENDED:
        clock.sleep(100)
        job = manager.step(job)
    answers = provider.answer
    taken = []

    def hold_up(key):
        if not taken:
            clock.sleep(LEASE)
            taken.append(None)
            taken[0] = other.step(manager.desk.reread(job))
        return answers(key)

    provider.answer = hold_up
    assert manager.step(job).state is JobState.STORED
    assert taken[0].state is JobState.STORED
    assert [event for event, _ in _story(manager, job)].count("results stored") == 1
    assert _verdicts(ledger) == {"stored": 5}


def test_a_failure_leaves_the_step_to_the_next(manager, job, provider):
    """An error that ends the command does not hold the job until its lease runs out."""
    provider.before_stage = _raise(CredentialError("no key"))
    written = manager.step(job)
    with pytest.raises(CredentialError):
        manager.step(written)
    assert manager.desk.reread(job).worker is None


@pytest.fixture
def quarantined(manager, job, provider):
    """A job whose create was not answered, at a provider without a list."""
    provider.limits = attrs.evolve(provider.limits, searchable=False)
    provider.after_create = _once(CreateAmbiguousError("cut off"))
    while job.state is not JobState.QUARANTINED:
        manager.clock.sleep(100)
        job = manager.step(job)
    return job


def test_where_nothing_can_be_searched_a_person_decides(driver, manager, quarantined, ledger, provider):
    """The job is not created again by itself; adopted by its name, it goes on as if nothing had been."""
    assert driver.finish() == [quarantined]
    assert _verdicts(ledger) == {"open": 5}
    with pytest.raises(RefusedError, match="knows no job 'jobs/9'"):
        manager.resolve(quarantined, "jobs/9")
    assert manager.resolve(quarantined, "jobs/0").state is JobState.SUBMITTED
    (done,) = driver.finish()
    assert done.state is JobState.STORED
    assert provider.creates == Counter({quarantined.tag: 1})


def test_cancelling_what_may_have_been_created_says_what_that_means(manager, quarantined, ledger, provider):
    """Nobody can stop it at the provider; its rows are pending again, and its tag is told."""
    cancelled = manager.cancel(quarantined)
    assert cancelled.state is JobState.CANCELLED
    assert f"runs on at tester under {quarantined.tag}" in cancelled.reason
    assert _verdicts(ledger) == {"missing": 5}
    assert list(provider.jobs) == ["jobs/0"]


def test_a_person_may_say_that_it_was_not_created(driver, manager, quarantined, provider):
    """Then it is created anew."""
    provider.jobs.clear()
    assert manager.resolve(quarantined).state is JobState.STAGED
    (done,) = driver.finish()
    assert done.state is JobState.STORED
    assert provider.creates == Counter({quarantined.tag: 2})
    with pytest.raises(RefusedError, match="nothing about it is in doubt"):
        manager.resolve(done)


def test_a_person_may_give_it_up(manager, quarantined, ledger):
    """Its rows are pending again, whatever became of the job."""
    assert manager.cancel(quarantined).state is JobState.CANCELLED
    assert _verdicts(ledger) == {"missing": 5}


def test_jobs_wait_for_room_in_the_providers_queue(driver, ledger, bound, texts, clock, provider):
    """Estimated tokens of all that has not ended stay below the limit; one too large by itself is tried."""
    provider.limits = attrs.evolve(provider.limits, enqueued_tokens=100)
    hashes = texts(*"abcdef")
    with ledger.write() as connection:
        book = JobBook(clock)
        first = book.enter(connection, bound.id, "tester", hashes[:2], [30, 30])
        second = book.enter(connection, bound.id, "tester", hashes[2:4], [40, 1])
        third = book.enter(connection, bound.id, "tester", hashes[4:], [250, 250])
    at = {}
    provider.before_create = lambda tag: at.setdefault(tag, len(provider.jobs))
    done = driver.finish()
    assert {job.state for job in done} == {JobState.STORED}
    assert sorted(at) == sorted(job.tag for job in (first, second, third))
    assert set(at.values()) == {0}


def _charges(ledger):
    with ledger.read() as connection:
        return {row.job_id: row for row in connection.execute(select(charges))}


@pytest.mark.parametrize("state", [state for state in RemoteState if state.terminal])
def test_every_ended_job_has_a_bill(driver, job, ledger, provider, state):
    """Whatever it came to, the ledger has what the provider says it billed, once."""
    provider.outcome = state
    (done,) = driver.finish()
    assert done.final
    driver.finish()
    charge = _charges(ledger)[job.id]
    assert (charge.run, charge.measured_tokens, charge.estimated_tokens) == (job.tag, 42, 0)
    assert charge.rows == _count(ledger, vectors) == (0 if state is RemoteState.GONE else 5)


def test_a_job_that_is_lost_after_it_ended_is_billed_what_was_said_before(
    manager, job, ledger, provider, clock
):
    """The last word on its tokens stays, when results and job are gone."""
    for _ in range(4):
        clock.sleep(100)
        job = manager.step(job)
    assert (job.state, job.tokens) == (JobState.ENDED, 42)
    provider.jobs.clear()
    assert manager.step(job).state is JobState.FAILED
    assert (_charges(ledger)[job.id].rows, _charges(ledger)[job.id].measured_tokens) == (0, 42)


def test_results_that_can_never_be_read_are_billed_as_well(manager, job, ledger, provider, clock):
    """A job that is given up after its deadline has cost what the provider said."""
    for _ in range(4):
        clock.sleep(100)
        job = manager.step(job)
    provider.answer = _raise(ResponseError("garbled"))
    with pytest.raises(ResponseError):
        manager.step(job)
    clock.sleep(10 * max(_EXPIRES.total_seconds(), 86_400))
    job = manager.desk.reread(job)
    assert manager.step(job).state is JobState.FAILED
    assert _charges(ledger)[job.id].measured_tokens == 42


@pytest.mark.parametrize(("says", "tokens"), [(True, 15), (False, None)])
def test_tokens_of_rows_make_the_bill_where_the_job_has_none(driver, job, ledger, provider, says, tokens):
    """Their sum is the job's, if each row has some; otherwise it is an estimate, and the job has none."""
    provider.tokens = None
    provider.answer = lambda key: Vector(key, [1.0, 2.0, 3.0, 4.0], 3 if says else None)
    (done,) = driver.finish()
    assert done.tokens == tokens
    charge = _charges(ledger)[job.id]
    assert (charge.rows, charge.measured_tokens) == (5, tokens or 0)


def test_each_refusal_names_its_job(driver, job, ledger, provider):
    """Refused, invalid and missing rows are remembered with provider, lane and job."""
    answers = iter([Refusal("", "400", "no"), Vector("", [0.0] * 4), None])
    provider.answer = lambda key: (answer := next(answers, None)) and attrs.evolve(answer, key=key)
    driver.finish()
    with ledger.read() as connection:
        told = connection.execute(select(refusal_events).order_by(refusal_events.c.id)).all()
    assert [row.code for row in told] == ["400", "invalid-vector", "missing", "missing", "missing"]
    assert {(row.provider, row.lane, row.job_id) for row in told} == {("tester", "batch", job.id)}
