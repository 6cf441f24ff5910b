"""A job's life as a function of the clock."""

from hypothesis import given, settings
from hypothesis import strategies as st

from embedlane_emulator import job
from embedlane_emulator.faults import Fault
from embedlane_emulator.job import Habits, Job, State

ORDER = {State.PENDING: 0, State.RUNNING: 1, State.FINALIZING: 2, State.CANCELLING: 3}
KINDS = ["failed", "cancelled", "expired", "unknown-state", "stuck"]
SPANS = st.floats(0, 300_000)
HABITS = [Habits(keeps_partial=keeps, fails_early=keeps, unknown="odd") for keeps in (False, True)]


@st.composite
def jobs(draw):
    """Any job: any spans, any ending, cancelled or not, of a dialect that keeps partial results or none."""
    kind = draw(st.sampled_from([None, *KINDS]))
    habits = draw(st.sampled_from(HABITS))
    late = draw(SPANS) if habits.keeps_partial else 0
    return Job(
        id="j",
        kind="EmbedContent",
        operation="models.asyncBatchEmbedContent",
        model="m",
        price=0.1,
        display_name="",
        created=1000.0,
        file="",
        rows=10,
        tokens=10,
        pending=draw(SPANS),
        running=draw(SPANS),
        finalizing=late,
        cancelling=late,
        expiry=172_800,
        result_life=1,
        keeps_partial=habits.keeps_partial,
        ending=job.ending((Fault(kind=kind),), habits) if kind else job.Ending(),
        cancelled=draw(st.none() | SPANS.map(lambda span: 1000.0 + span)),
    )


@settings(deadline=None)
@given(jobs(), st.lists(SPANS, min_size=2, max_size=5))
def test_a_job_never_goes_back(made, moments):
    """States only go forward, and a state that ended is the last."""
    seen = [made.state(1000 + moment) for moment in sorted(moments)]
    ranks = [ORDER.get(state, 4) for state in seen]
    if not made.ending.forever:
        assert ranks == sorted(ranks)
    ended = [state for state in seen if state in job.ENDED]
    assert len(set(ended)) <= 1


@settings(deadline=None)
@given(jobs())
def test_every_known_state_ends_by_the_expiry(made):
    """After 48 hours nothing is active but what is being cancelled."""
    late = 1000 + made.expiry + made.cancelling
    assert made.state(late) not in job.ACTIVE


@settings(deadline=None)
@given(jobs())
def test_nobody_pays_for_more_than_all(made):
    """What is answered and what is paid is between nothing and all; nothing is written, nothing is paid."""
    assert 0 <= made.answered() <= 1
    assert 0 <= made.paid() <= 1
    if made.final in (State.FAILED, State.EXPIRED) and not made.keeps_partial:
        assert made.paid() == 0


@settings(deadline=None)
@given(jobs(), SPANS)
def test_output_is_for_those_that_ended_with_some(made, moment):
    """No output before the end or after a failure; after an expiry or a cancel only where partial is kept."""
    now = 1000 + moment
    if made.has_output(now):
        assert now >= made.ended()
        assert made.state(now) in {State.SUCCEEDED, State.CANCELLED, State.EXPIRED}
        if not made.keeps_partial:
            assert made.answered() > 0
            assert not made.was_cancelled
            assert made.final is not State.EXPIRED
