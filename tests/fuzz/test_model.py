"""Any order of events: the batch manager, and a small model of what has to come of it."""

import os
from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from paper_service import LAG, VERDICTS, Fate, vector_of
from paper_world import Trouble, World
from sqlalchemy import select

from embedlane.errors import RefusedError
from embedlane.jobs.book import LEASE
from embedlane.jobs.driver import Driver
from embedlane.jobs.states import TRANSITIONS, JobEvent, JobState
from embedlane.ledger.database import Ledger
from embedlane.ledger.schema import charges, job_rows, refusals, vectors

#: Examples of the suite; `make fuzz` sets more, and then they are others each time.
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "30"))

WORKERS = st.integers(0, 1)
#: Which of the jobs that there are.
ANY = st.integers(0, 7)
TROUBLES = st.none() | st.builds(Trouble, st.integers(0, 8), st.sampled_from(["die", "fail", "hold"]))
#: Seconds: a moment, a poll, a job's time, a list's lag, a lease, a job's longest life.
SPANS = st.sampled_from([1.0, 60.0, 400.0, LAG.total_seconds(), LEASE, 40 * 3600.0])


class BatchLane(RuleBasedStateMachine):
    """Two workers, a person and a provider, all of whom act as they like."""

    def __init__(self, ledger, folder):
        super().__init__()
        self.world = World(ledger, folder)
        self.service = self.world.service
        self.stored = {}
        self.seen = {}

    @initialize(searchable=st.booleans(), rows=st.integers(1, 5))
    def begin(self, searchable, rows):
        """Some providers can't be searched."""
        self.service.searchable = searchable
        self.world.add(rows)
        self.world.plan(3)

    @rule(rows=st.integers(1, 4))
    def add(self, rows):
        """Somebody wants more."""
        self.world.add(rows)

    @rule(rows=st.integers(1, 4))
    def plan(self, rows):
        """Jobs are planned for what is pending."""
        self.world.plan(rows)

    @rule(worker=WORKERS, which=ANY, trouble=TROUBLES)
    def step(self, worker, which, trouble):
        """A worker takes a step of any job, due or not."""
        if job := self._job(which):
            self.world.step(worker, job, trouble)

    @rule(worker=WORKERS, which=ANY)
    def go_on(self, worker, which):
        """A worker takes a job as far as it goes."""
        for _ in range(6):
            self.step(worker, which, None)

    @rule(seconds=SPANS)
    def wait(self, seconds):
        """Time passes."""
        self.world.sleep(seconds)

    @rule(fate=st.sampled_from(Fate), lag=st.sampled_from([0.0, 100.0, LAG.total_seconds()]))
    def change_mood(self, fate, lag):
        """The service treats jobs in another way from now on, within what it promised."""
        self.service.fate, self.service.lag = fate, lag

    @rule(worker=WORKERS, which=ANY)
    def cancel(self, worker, which):
        """A person cancels a job, where that can be done."""
        if job := self._job(which):
            manager = self.world.workers[worker]
            if JobEvent.CANCEL in TRANSITIONS[job.state]:
                manager.cancel(job)
            else:
                with pytest.raises(RefusedError):
                    manager.cancel(job)

    @rule(worker=WORKERS, which=ANY)
    def resolve(self, worker, which):
        """A person who has looked at the provider says what a create did."""
        job = self._job(which)
        if job and job.state in {JobState.SUBMITTING, JobState.QUARANTINED}:
            found = self.service.live(job.tag)
            self.world.workers[worker].resolve(job, found[0] if found else None)

    @invariant()
    def promises_hold(self):
        """After each of these, whatever it was."""
        self._each_row_is_in_one_place()
        self._vectors_are_right_and_stay()
        self._the_bill_is_that_of_the_vectors()
        for job in self.world.jobs():
            self._no_tag_has_two_jobs_at_work(job)
            if self.seen.get(job.id) != job:
                self._it_moves_along_the_table(job)
                self._rows_fared_as_the_service_says(job)
                self.seen[job.id] = job

    def _each_row_is_in_one_place(self):
        """Pending, in flight, stored or refused for good, and never in two of them."""
        world = self.world
        with world.ledger.read() as connection:
            places = [
                connection.scalars(select(vectors.c.content_hash)).all(),
                connection.scalars(select(job_rows.c.key).where(job_rows.c.verdict == "open")).all(),
                world.pending.hashes(connection, world.now, 10_000),
                connection.scalars(
                    select(refusals.c.content_hash).where((refusals.c.attempts >= 3) | ~refusals.c.retryable)
                ).all(),
            ]
        assert sorted(key for place in places for key in place) == sorted(world.wanted)

    def _vectors_are_right_and_stay(self):
        """What is stored is never lost, never changed, and each is its own row's."""
        with self.world.ledger.read() as connection:
            rows = connection.execute(select(vectors.c.content_hash, vectors.c.vector)).all()
        now = {key: bytes(vector) for key, vector in rows}
        assert self.stored.items() <= now.items()
        for key in now.keys() - self.stored.keys():
            np.testing.assert_allclose(np.frombuffer(now[key], "<f4"), vector_of(key), atol=1e-6)
        self.stored = now

    def _no_tag_has_two_jobs_at_work(self, job):
        """Whoever was held up, lost a reply or died: at most one is paid for."""
        assert len(self.service.live(job.tag)) <= 1, self._story(job)

    def _it_moves_along_the_table(self, job):
        """Its story is a way through the table, from planned to where it stands."""
        state = ""
        for event, before, after, _ in self._story(job):
            assert before == state
            if before not in {"", after}:
                assert TRANSITIONS[JobState(before)][JobEvent(event)] == after
            state = after
        assert state == job.state

    def _the_bill_is_that_of_the_vectors(self):
        """Each vector is on the ledger's bill once."""
        with self.world.ledger.read() as connection:
            assert sum(connection.scalars(select(charges.c.rows))) == len(self.stored)

    def _rows_fared_as_the_service_says(self, job):
        """What was answered is stored, what was refused is refused, what was left out is missing."""
        if job.state is JobState.STORED:
            struck = VERDICTS.get(self.service.jobs[job.remote].fate, "stored")
            with self.world.ledger.read() as connection:
                query = select(job_rows.c.verdict).where(job_rows.c.job_id == job.id)
                found = connection.scalars(query.order_by(job_rows.c.position)).all()
            assert found == [("stored" if place % 2 else struck) for place in range(job.rows)]

    def teardown(self):
        """When nothing goes wrong any more, all comes to its end, and nothing is left over."""
        world, service = self.world, self.service
        if not world.wanted:
            return
        service.fate, service.lag = Fate.GOOD, 0.0
        for _ in range(12):
            world.sleep(40 * 3600.0)
            Driver(manager=world.workers[0], sleep=world.sleep).finish()
            for which, job in enumerate(world.jobs()):
                if job.state is JobState.QUARANTINED:
                    self.resolve(0, which)
            world.plan(50)
            if all(job.cleaned for job in world.jobs()):
                break
        self._check_the_end()

    def _check_the_end(self):
        self.promises_hold()
        jobs = self.world.jobs()
        assert {job.state for job in jobs} <= {JobState.STORED, JobState.FAILED, JobState.CANCELLED}
        with self.world.ledger.read() as connection:
            refused = set(connection.scalars(select(refusals.c.content_hash)))
        assert set(self.world.wanted) - self.stored.keys() <= refused
        assert not self.world.folder.exists() or not list(self.world.folder.iterdir())
        self._check_the_money(jobs)

    def _check_the_money(self, jobs):
        """A row that the service has done is stored from that job, unless the job was given up or told of."""
        told = "\n".join(detail for job in jobs for *_, detail in self._story(job))
        adopted = {job.remote: job for job in jobs}
        done = Counter()
        for name, paper in self.service.jobs.items():
            job = adopted.get(name)
            if job is None:
                assert f"{name} " in f"{told} ", f"nobody knows of {name}"
            elif job.state is JobState.STORED:
                done.update(paper.done(self.world.now))
        assert all(count == 1 for count in done.values())

    def _job(self, which):
        jobs = self.world.jobs()
        return jobs[which % len(jobs)] if jobs else None

    def _story(self, job):
        with self.world.ledger.read() as connection:
            events = self.world.book.events(connection, job.id)
        return [(event.event, event.state_before, event.state_after, event.detail) for event in events]


def test_any_order_of_events(tmp_path):
    """Rows are conserved, tags are paid for once, states follow the table, and all comes to an end."""
    ledger = Ledger.open(tmp_path / "lane.db")
    chosen = settings(
        max_examples=EXAMPLES,
        stateful_step_count=30,
        derandomize="FUZZ_EXAMPLES" not in os.environ,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    try:
        run_state_machine_as_test(lambda: BatchLane(ledger, tmp_path / "jobs"), settings=chosen)
    finally:
        ledger.close()
