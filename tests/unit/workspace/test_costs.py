"""What was billed, beside what was planned, and beside the other lane."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from embedlane.errors import UnknownNameError
from embedlane.ledger.schema import charges, spaces
from embedlane.models.card import Lane
from embedlane.workspace.costs import _total
from embedlane.workspace.reports import Cost, CostReport

#: The hash model at a price; words are its tokens. Without canaries, so that each sum can be seen.
_CARD = """
canaries = false
[[models]]
id = "local:hash"
override = true
lanes = ["sync", "batch"]
normalisation = "always"
characters_per_token = 5.0
[models.dimensions]
native = 8
"""
_PRICED = f"{_CARD}[models.price]\nsync = 2.0\nbatch = 0.5\n"


def _fill(workspace, name="docs", number=10):
    index = workspace.create_index(name, "local:hash")
    index.add([(str(n), f"{n} four words of text") for n in range(number)])
    return index


def test_both_lanes_are_compared_with_plan_and_each_other(workspace):
    """Rows, tokens, dollars, the difference, and what the same would have cost in the other lane."""
    opened = workspace(_PRICED)
    index = _fill(opened)
    plan = index.plan()
    index.embed(limit=4)
    index.embed("batch")
    report = opened.costs()
    batch, sync = report.lanes
    assert [(each.index, each.model, each.lane) for each in report.lanes] == [
        ("docs", "local:hash", Lane.BATCH),
        ("docs", "local:hash", Lane.SYNC),
    ]
    assert (sync.cost.rows, batch.cost.rows, report.total.rows) == (4, 6, 10)
    assert (sync.cost.measured_tokens, batch.cost.measured_tokens) == (20, 30)
    assert report.total.planned_tokens == plan.tokens
    assert report.total.estimated_tokens == report.total.unpriced_tokens == 0
    assert sync.cost.billed == pytest.approx(20 * 2.0 / 1e6)
    assert sync.cost.other_lane == pytest.approx(20 * 0.5 / 1e6)
    assert sync.cost.saved == pytest.approx(-20 * 1.5 / 1e6)
    assert batch.cost.saved == pytest.approx(30 * 1.5 / 1e6)
    assert batch.cost.difference == pytest.approx((30 - batch.cost.planned_tokens) * 0.5 / 1e6)
    assert report.total.billed == pytest.approx(20 * 2.0 / 1e6 + 30 * 0.5 / 1e6)
    assert (report.open_jobs, report.open_tokens) == (0, 0)


def test_plan_and_bill_agree_where_tokens_are_counted(workspace, monkeypatch):
    """With an exact counter the plan of each lane is what is billed, to the token."""
    from embedlane.workspace import lanes

    class WordCounter:
        exact = True

        def count(self, texts):
            return [len(text.split()) for text in texts]

    monkeypatch.setattr(lanes.Lanes, "counter", lambda *_: WordCounter())
    opened = workspace(_PRICED)
    index = _fill(opened)
    assert {(lane.tokens, lane.basis) for lane in index.plan().lanes} == {(50, "counted")}
    index.embed(limit=3)
    index.embed("batch")
    total = opened.costs().total
    assert total.planned_tokens == total.measured_tokens == 50
    assert total.difference == 0


def test_an_index_and_a_time_can_be_chosen(workspace):
    """Only its charges, and those from then on; an index that is gone still has its bill."""
    now = [1000.0]
    opened = workspace(_PRICED, clock=lambda: now[0])
    first, _ = _fill(opened, "first"), _fill(opened, "second", 12)
    first.embed(limit=4)
    now[0] = 2000.0
    first.embed()
    opened.index("second").embed()
    opened.drop_index("second")
    assert opened.costs("first").total.rows == 10
    # The first ten contents are shared, and paid for already.
    assert opened.costs("second").total.rows == 2
    assert opened.costs("first", since=2000.0).total.rows == 6
    assert opened.costs(since=2000.1) == CostReport()
    with pytest.raises(UnknownNameError, match="no index 'frist'") as caught:
        opened.costs("frist")
    assert "'first'" in caught.value.hint


def test_nothing_was_billed_yet(workspace):
    """Neither a ledger is made nor an index, to find nothing in it."""
    opened = workspace()
    assert opened.costs() == CostReport()
    assert not opened.has_ledger
    with pytest.raises(UnknownNameError):
        opened.costs("docs")
    _fill(opened)
    assert opened.costs("docs") == CostReport()


def test_jobs_that_are_not_over_are_told(workspace):
    """What they will cost is not known yet, but what was planned."""
    opened = workspace(f"{_PRICED}[providers.hash]\nbatch_delay = 600\n")
    index = _fill(opened)
    planned = index.plan().tokens
    index.embed("batch", wait=False)
    report = opened.costs("docs")
    assert (report.lanes, report.open_jobs, report.open_tokens) == ((), 1, planned)


def test_what_has_no_price_is_told_apart(workspace):
    """Dollars are those of the tokens whose price is known; the others are counted."""
    opened = workspace(_CARD)
    _fill(opened).embed(limit=4)
    cost = opened.costs().total
    assert (cost.billed, cost.planned, cost.difference, cost.saved) == (None, None, None, None)
    assert cost.unpriced_tokens == cost.measured_tokens == 20
    opened.close()
    opened = workspace(_PRICED)
    opened.index("docs").embed()
    cost = opened.costs().total
    assert (cost.rows, cost.unpriced_tokens) == (10, 20)
    assert cost.billed == pytest.approx(30 * 2.0 / 1e6)


def test_the_price_of_that_time_counts(workspace):
    """A price that changes leaves old bills as they are."""
    opened = workspace(_PRICED)
    _fill(opened).embed()
    opened.close()
    dearer = workspace(_PRICED.replace("sync = 2.0", "sync = 90.0"))
    assert dearer.costs().total.billed == pytest.approx(50 * 2.0 / 1e6)


def test_bills_outlive_their_model(workspace):
    """Without the card only the other lane's price is unknown."""
    opened = workspace(_PRICED)
    _fill(opened).embed()
    from embedlane.models.names import ModelId
    from embedlane.models.space import Space

    gone = Space(model=ModelId.parse("gone:model"), revision="1", dimensions=8)
    with opened.ledger.write() as connection:
        connection.execute(update(spaces).values(canonical=gone.canonical, fingerprint=gone.fingerprint))
    (lane,) = opened.costs().lanes
    assert (lane.model, lane.cost.other_lane, lane.cost.saved) == ("gone:model", None, None)
    assert lane.cost.billed == pytest.approx(50 * 2.0 / 1e6)


def test_a_job_costs_what_it_was_charged(workspace):
    """Its report has the dollars of its charge; without a charge they are unknown."""
    opened = workspace(_PRICED)
    _fill(opened).embed("batch")
    assert opened.job(1).cost == pytest.approx(50 * 0.5 / 1e6)
    assert [report.cost for report in opened.jobs()] == [opened.job(1).cost]
    with opened.ledger.write() as connection:
        connection.execute(charges.delete())
    assert opened.job(1).cost is None


_amount = st.none() | st.floats(-1e6, 1e6)
_costs = st.lists(st.builds(Cost, rows=st.integers(0, 9), billed=_amount, saved=_amount), max_size=5)


@given(_costs)
def test_a_total_is_the_sum_of_what_is_known(costs):
    """An amount that no lane knows is unknown in the total, too."""
    total = _total(costs)
    assert total.rows == sum(cost.rows for cost in costs)
    for name in ("billed", "saved", "planned"):
        known = [getattr(cost, name) for cost in costs if getattr(cost, name) is not None]
        assert getattr(total, name) == (sum(known) if known else None)
