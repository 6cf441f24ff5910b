"""A job's life as a function of the clock."""

from hypothesis import given, settings
from hypothesis import strategies as st

from embedlane_emulator.faults import Fault
from embedlane_emulator.gemini import job
from embedlane_emulator.gemini.job import Job

ORDER = {job.PENDING: 0, job.RUNNING: 1}
KINDS = ["failed", "cancelled", "expired", "unknown-state", "stuck"]
SPANS = st.floats(0, 300_000)


@st.composite
def jobs(draw):
    """Any job: any spans, any ending, cancelled or not."""
    kind = draw(st.sampled_from([None, *KINDS]))
    return Job(
        id="j",
        kind="EmbedContent",
        model="m",
        display_name="",
        created=1000.0,
        file="",
        rows=10,
        tokens=10,
        pending=draw(SPANS),
        running=draw(SPANS),
        expiry=172_800,
        result_life=1,
        ending=job.ending((Fault(kind=kind),)) if kind else job.Ending(),
        cancelled=draw(st.none() | SPANS.map(lambda span: 1000.0 + span)),
    )


@settings(deadline=None)
@given(jobs(), st.lists(SPANS, min_size=2, max_size=5))
def test_a_job_never_goes_back(made, moments):
    """States only go forward, and a state that ended is the last."""
    seen = [made.state(1000 + moment) for moment in sorted(moments)]
    ranks = [ORDER.get(state, 2) for state in seen]
    if not made.ending.stays:
        assert ranks == sorted(ranks)
    ended = [state for state in seen if state in job.ENDED]
    assert len(set(ended)) <= 1


@settings(deadline=None)
@given(jobs())
def test_every_known_state_ends_by_the_expiry(made):
    """After 48 hours nothing is active, and what is worked is between nothing and all."""
    late = 1000 + made.expiry
    assert made.state(late) not in job.ACTIVE
    assert 0 <= made.worked(late) <= 1


@settings(deadline=None)
@given(jobs(), SPANS)
def test_output_is_for_those_that_ended_with_some(made, moment):
    """No output before the end, none after a failure, an expiry or the client's cancel."""
    now = 1000 + moment
    if made.has_output(now):
        assert made.state(now) in (job.SUCCEEDED, job.CANCELLED)
        assert now >= made.ended()
        assert made.ending.share > 0
