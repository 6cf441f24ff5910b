"""What embedding would cost, before a cent is spent."""

from __future__ import annotations

from datetime import timedelta

import attrs
import pytest
from sqlalchemy import select

from embedlane.ledger.schema import claims, job_rows
from embedlane.models.card import Lane
from embedlane.workspace.planning import plan_lanes

_CARD = """
[[models]]
id = "test:priced"
lanes = ["sync"]
characters_per_token = 4.0
[models.dimensions]
native = 8
[models.price]
sync = 2.0
"""


def test_both_lanes_are_planned(workspace):
    """Rows, tokens and money for each lane; nothing is sent, claimed or put in flight."""
    opened = workspace()
    index = opened.create_index("docs", "local:hash")
    index.add([("a", "x" * 60), ("b", "x" * 60), ("c", "y" * 60)])
    plan = index.plan()
    assert (plan.rows, plan.tokens, plan.basis) == (2, 20, "estimated")
    assert [(lane.lane, lane.provider, lane.cost) for lane in plan.lanes] == [
        (Lane.SYNC, "hash", 0.0),
        (Lane.BATCH, "hash", 0.0),
    ]
    assert plan.tally == index.tally()
    with opened.ledger.read() as connection:
        assert connection.execute(select(claims)).all() == connection.execute(select(job_rows)).all() == []


def test_a_lane_that_cannot_be_used_says_why(workspace):
    """A missing lane and a missing provider are told, not raised."""
    index = workspace(_CARD).create_index("docs", "test:priced")
    index.add([("a", "text")])
    sync, batch = index.plan().lanes
    assert "No installed provider serves test:priced in the sync lane" in sync.obstacle
    assert "no batch lane" in batch.obstacle
    assert (sync.cost, sync.time, sync.provider) == (None, None, "")


def test_what_is_embedded_costs_nothing(workspace):
    """Only pending contents are planned."""
    index = workspace().create_index("docs")
    index.add([("a", "text")])
    index.embed()
    assert (index.plan().rows, index.plan().tokens) == (0, 0)


def test_rates_and_speed_give_the_time(workspace):
    """The slowest of what is known counts."""
    toml = "[providers.hash]\nrequests_per_minute = 1\ntexts_per_minute = 10\n"
    index = workspace(toml).create_index("docs")
    index.add([(str(number), f"text {number}") for number in range(100)])
    sync, batch = index.plan().lanes
    assert sync.time == timedelta(minutes=10)
    assert batch.time is None or batch.time >= timedelta(0)


@attrs.frozen
class WordCounter:
    """Counts words."""

    exact: bool = True

    def count(self, texts):
        """Words of each text."""
        return [len(text.split()) for text in texts]


@pytest.mark.parametrize(("sample", "basis", "tokens"), [(4000, "counted", 60), (3, "sampled", 60)])
def test_an_exact_counter_counts_or_samples(workspace, monkeypatch, sample, basis, tokens):
    """Few contents are counted one by one; of many, the first are a sample of all."""
    from embedlane.vectors import meter
    from embedlane.workspace import lanes

    monkeypatch.setattr(meter, "SAMPLE", sample)
    monkeypatch.setattr(lanes.Lanes, "counter", lambda *_: WordCounter())
    opened = workspace()
    index = opened.create_index("docs")
    index.add([(str(number), f"three words {number:02}") for number in range(20)])
    with opened.ledger.read() as connection:
        plan = plan_lanes(connection, index._record, opened.lanes, 0.0)
    assert (plan.basis, plan.tokens) == (basis, tokens)
