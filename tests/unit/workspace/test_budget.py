"""Keeping to a budget."""

from __future__ import annotations

import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from embedlane.errors import RefusedError, UsageError
from embedlane.workspace.budget import _plan, dollars

_CARD = """
canaries = false
[[models]]
id = "local:hash"
override = true
lanes = [{lanes}]
normalisation = "always"
characters_per_token = 1.0
[models.dimensions]
native = 8
[models.price]
{prices}
"""


def _toml(prices="sync = 1000.0\nbatch = 100.0", lanes='"sync", "batch"'):
    return _CARD.format(prices=prices, lanes=lanes)


@pytest.fixture
def index(workspace):
    """A function that opens an index of ten contents with ten characters, a cent each in the sync lane."""

    def index(toml=None):
        opened = workspace(_toml() if toml is None else toml)
        made = opened.create_index("docs", "local:hash")
        made.add([(str(number), f"{number} word abc") for number in range(10)])
        return made

    return index


def test_a_plan_above_the_budget_is_refused_before_anything_is_sent(index):
    """The refusal has plan and budget, how many contents fit, and what the other lane would cost."""
    docs = index()
    with pytest.raises(RefusedError) as caught:
        docs.embed(budget=0.075)
    assert caught.value.message == (
        "Embedding 10 contents of 'docs' in the sync lane is planned at $0.10 (100 tokens, estimated); "
        "the budget is $0.075."
    )
    assert caught.value.hint == "--limit 7 fits; --lane batch is planned at $0.01, which fits."
    assert (docs.tally().pending, docs.tally().in_flight) == (10, 0)
    with pytest.raises(RefusedError, match=r"planned at \$0\.01 ") as caught:
        docs.embed("batch", budget=0.0005)
    assert caught.value.hint == "Not even one content fits; --lane sync is planned at $0.10."
    assert docs.tally().in_flight == 0


def test_what_fits_is_embedded(index):
    """The plan itself is within the budget, to the token; so is what the hint of a refusal says."""
    docs = index()
    assert docs.embed(limit=7, budget=0.07).sync.stored == 7
    report = docs.embed("batch", budget=0.003)
    assert report.complete
    assert sum(job.estimated_tokens for job in report.jobs) == 30


def test_nothing_pending_fits_any_budget(index):
    """A second run has nothing to pay for."""
    docs = index()
    docs.embed()
    assert docs.embed(budget=0).sync.requests == 0
    assert docs.embed("batch", budget=0).complete


def test_without_a_price_no_budget_can_be_kept(index):
    """It is said so, with the setting that mends it; nothing pending is nothing to pay."""
    docs = index(_toml("batch = 1.0"))
    with pytest.raises(RefusedError, match="Nobody knows what local:hash costs in the sync lane") as caught:
        docs.embed(budget=100.0)
    assert "[models.price] sync" in caught.value.hint
    docs.embed()
    assert docs.embed(budget=1.0).complete


def test_what_is_free_fits_any_budget(index):
    """A price of nothing is a price."""
    docs = index(_toml("sync = 0.0\nbatch = 0.0"))
    assert docs.embed(limit=5, budget=0).sync.stored == 5
    assert docs.embed("batch", budget=0).complete


@pytest.mark.parametrize("budget", [-1, -0.01, math.nan, math.inf])
def test_what_is_no_amount_is_refused(index, budget):
    """Neither debts nor infinities."""
    with pytest.raises(UsageError, match="is no budget"):
        index().embed(budget=budget)


def test_an_obstacle_comes_before_the_budget(index):
    """A lane that can't be used is no question of money, and is not advised."""
    docs = index(_toml(lanes='"sync"'))
    with pytest.raises(RefusedError, match="no batch lane"):
        docs.embed("batch", budget=0)
    with pytest.raises(RefusedError) as caught:
        docs.embed(budget=0)
    assert caught.value.hint == "Not even one content fits."


def test_rows_beyond_a_jobs_bytes_stay_within_the_budget(index):
    """Jobs that are planned for what others left over count what those have taken."""
    docs = index()
    embedder = docs._lanes._embedder("hash", docs._record.bound)
    import attrs

    embedder.limits = attrs.evolve(embedder.limits, size=300)
    report = docs.embed("batch", budget=0.01)
    assert len(report.jobs) > 1
    assert report.complete
    assert sum(job.estimated_tokens for job in report.jobs) == 100


def test_what_is_added_meanwhile_does_not_break_the_budget(index):
    """Later rounds of one run have what earlier ones left of the budget, whatever is pending by then."""
    import attrs

    docs = index()
    embedder = docs._lanes._embedder("hash", docs._record.bound)
    embedder.limits = attrs.evolve(embedder.limits, size=300)
    report = docs.embed(
        "batch",
        budget=0.01,
        on_change=lambda job: docs.add([(f"{job.id} {job.state}", f"{job.state} {'x' * 40}")]),
    )
    assert report.tally.pending
    assert sum(job.estimated_tokens for job in report.jobs) <= 100


class _Pages:
    """Pending contents with their tokens."""

    def __init__(self, tokens):
        self.rows = [(f"{number:03}", each) for number, each in enumerate(tokens)]

    def sizes(self, connection, now, limit, after=""):
        """A page of them."""
        return [row for row in self.rows if row[0] > after][:limit]

    def besides(self, rows):
        """Two tokens of canaries for each five contents."""
        return 2 * -(-rows // 5)


def _total(tokens):
    return sum(tokens) + _Pages(tokens).besides(len(tokens))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.integers(1, 9), max_size=30),
    st.integers(0, 99),
    st.none() | st.integers(1, 40),
    st.integers(1, 7),
)
def test_the_advice_is_the_most_that_fits(tokens, allowance, limit, page):
    """The first contents up to the advised number are within the budget, and one more is not."""
    from embedlane.workspace import budget

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(budget, "_PAGE", page)
        planned = _plan(None, _Pages(tokens), allowance, limit, 0.0)
    sent = tokens[:limit]
    assert (planned.rows, planned.tokens) == (len(sent), _total(sent))
    assert not planned.fitting or _total(sent[: planned.fitting]) <= allowance
    assert planned.fitting == len(sent) or _total(sent[: planned.fitting + 1]) > allowance


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0.0, "$0.00"),
        (1.0, "$1.00"),
        (1.004, "$1.004"),
        (1234.5, "$1,234.50"),
        (2e-7, "$2e-07"),
        (1e-5, "$0.00001"),
    ],
)
def test_amounts_that_differ_look_different(amount, text):
    """A plan a little above the budget must not look like the budget."""
    assert dollars(amount) == text
