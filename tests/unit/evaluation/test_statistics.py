"""Intervals, geometry, and the verdict that follows."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from embedlane.evaluation.bootstrap import Interval, intervals
from embedlane.evaluation.comparison import Candidate
from embedlane.evaluation.geometry import cross_similarity, cut, overlap
from embedlane.evaluation.verdict import joint_level, judge
from embedlane.models.names import ModelId


def test_intervals_hold_the_mean_about_as_often_as_they_say():
    """Of many samples of a known distribution, about 80 in 100 intervals of 80 % hold its mean."""
    random = np.random.default_rng(3)
    held = 0
    for seed in range(200):
        [found] = intervals(random.exponential(size=(80, 1)), seed=seed, level=0.8, draws=1000)
        held += found.low <= 1.0 <= found.high
    assert 0.72 <= held / 200 <= 0.86


def test_the_same_seed_gives_the_same_interval_and_pairs_the_columns():
    """Two columns that differ by a constant differ by it in both ends."""
    values = np.random.default_rng(1).random((50, 1))
    one, other = intervals(np.hstack([values, values + 0.25]), seed=7)
    again = np.hstack([values, values + 0.25])
    assert intervals(again, seed=7) == [one, other]
    assert intervals(again, seed=8) != [one, other]
    assert (other.mean - one.mean, other.low - one.low, other.high - one.high) == pytest.approx([0.25] * 3)
    assert one.low < one.mean < one.high


def test_a_difference_that_is_the_same_for_each_query_has_no_width():
    """Pairing takes out how hard the queries are: that is what it is for."""
    [found] = intervals(np.full((30, 1), 0.1), seed=0)
    assert (found.mean, found.low, found.high) == pytest.approx([0.1] * 3)


def test_cut_vectors_are_unit_vectors_of_the_head():
    """A head of zeros stays zero, and nothing is divided by it."""
    found = cut(np.array([[0.6, 0.0, 0.8], [0.0, 0.0, 1.0]], dtype=np.float32), 2)
    assert found.tolist() == [[1.0, 0.0], [0.0, 0.0]]


def test_cross_similarity_is_of_the_same_texts_at_the_smaller_size():
    """One for the same vectors, cut; about nought for vectors that have nothing to do with each other."""
    random = np.random.default_rng(0)
    one = cut(random.standard_normal((400, 64)).astype(np.float32), 64)
    one /= np.linalg.norm(one, axis=1, keepdims=True)
    other = random.standard_normal((400, 32)).astype(np.float32)
    other /= np.linalg.norm(other, axis=1, keepdims=True)
    assert cross_similarity(one, cut(one, 16)) == pytest.approx(1.0, abs=1e-5)
    assert abs(cross_similarity(one, other)) < 0.05


def test_overlap_is_the_mean_share_of_common_hits():
    """Queries without hits on either side say nothing."""
    hits = [np.array([1, 2]), np.array([3, 4]), np.array([], dtype=int)]
    others = [np.array([2, 9]), np.array([3, 4]), np.array([], dtype=int)]
    assert overlap(hits, others) == 0.75


@pytest.fixture
def candidate():
    """A function that makes a candidate of a name, with changes."""

    def make(name, **changes):
        whole = Candidate(
            name=name,
            model=ModelId.parse("local:hash"),
            dimensions=100,
            current=False,
            cut_from=None,
            usable=True,
            bytes_per_vector=400,
            tokens=1000,
            cost={"sync": 1.0, "batch": 0.5},
            latency=1.0,
            latency_calls=10,
            metrics={},
            relevant_similarity=0.5,
            random_similarity=0.1,
        )
        return attrs.evolve(whole, **changes)

    return make


def _judge(candidate, *others, queries=80, current=True):
    base = candidate("old", current=current)
    return judge(base, others, metric="ndcg@10", queries=queries, level=0.95)


def test_a_candidate_whose_interval_lies_above_nought_is_a_reason_to_switch(candidate):
    """Of several, the one with the largest gain."""
    found = _judge(
        candidate,
        (candidate("new"), Interval(0.05, 0.01, 0.09)),
        (candidate("best"), Interval(0.1, 0.002, 0.2)),
    )
    assert (found.choice, found.candidate) == ("switch", "best")
    assert found.sentence == (
        "Switch to best: its nDCG@10 is higher by 0.100 (95 % interval 0.002 to 0.200) over 80 queries."
    )


def test_a_better_one_says_what_it_takes_more(candidate):
    """Memory and price, as multiples; a gain within the margin is none."""
    new = candidate("new", bytes_per_vector=1600, cost={"sync": 1.25})
    found = _judge(candidate, (new, Interval(0.1, 0.05, 0.15)))
    assert found.sentence.endswith("over 80 queries, for 4 times the memory and 2.5 times the price.")
    assert _judge(candidate, (new, Interval(0.01, 0.005, 0.015))).choice == "stay"


def test_one_that_is_as_good_and_smaller_or_cheaper_is_a_reason_to_switch(candidate):
    """The sentence says what is saved."""
    new = candidate("new", bytes_per_vector=100, cost={"sync": 0.1})
    found = _judge(candidate, (new, Interval(-0.005, -0.015, 0.004)))
    assert (found.choice, found.candidate) == ("switch", "new")
    assert found.sentence == (
        "Switch to new: its nDCG@10 is the same within 0.02 (difference −0.005 (95 % interval −0.015 to "
        "+0.004) over 80 queries), and it takes 25% of the memory and costs 20% of the price."
    )


@pytest.mark.parametrize(
    "changes", [{}, {"bytes_per_vector": 100, "cost": {"sync": 2.0}}, {"bytes_per_vector": 800, "cost": {}}]
)
def test_one_that_is_as_good_but_saves_nothing_is_no_reason(candidate, changes):
    """Smaller but dearer is none either, nor is one whose price nobody knows."""
    found = _judge(candidate, (candidate("new", **changes), Interval(0.001, -0.01, 0.01)))
    assert (found.choice, found.candidate) == ("stay", "old")
    assert found.sentence.endswith("which is within 0.02, and is neither cheaper nor smaller.")


def test_worse_candidates_are_a_reason_to_stay(candidate):
    """The sentence names the best of them."""
    found = _judge(
        candidate, (candidate("a"), Interval(-0.3, -0.4, -0.2)), (candidate("b"), Interval(-0.1, -0.2, -0.01))
    )
    assert found.choice == "stay"
    assert found.sentence == (
        "Stay with old: the best of the others, b, differs in nDCG@10 by −0.100 (95 % interval −0.200 to "
        "−0.010) over 80 queries."
    )


def test_without_a_model_in_use_there_is_nothing_to_stay_with(candidate):
    """A retired one, say: the first candidate is what to switch to, where no other is better."""
    found = _judge(candidate, (candidate("a"), Interval(-0.3, -0.4, -0.2)), current=False)
    assert (found.choice, found.candidate) == ("switch", "old")
    assert found.sentence.startswith("Switch to old: a differs in nDCG@10 by −0.300")


def test_an_interval_over_nought_leaves_it_open_and_says_how_many_queries_might_tell(candidate):
    """Half the width takes four times the queries."""
    found = _judge(candidate, (candidate("new"), Interval(0.05, -0.05, 0.15)))
    assert found.choice == "undecided"
    assert found.sentence == (
        "Undecided at this sample size: new differs from old in nDCG@10 by +0.050 (95 % interval −0.050 to "
        "+0.150) over 80 queries; about 320 queries might tell."
    )


def test_few_queries_decide_nothing(candidate):
    """However clear they seem to be."""
    found = _judge(candidate, (candidate("new"), Interval(0.5, 0.4, 0.6)), queries=19)
    assert found.choice == "undecided"
    assert "19 queries are too few" in found.sentence


def test_joint_levels_grow_with_the_number_of_comparisons():
    """Five intervals at 99 % hold together at 95 %."""
    assert joint_level(0.95, 5) == pytest.approx(0.99)
    assert joint_level(0.95, 0) == joint_level(0.95, 1) == 0.95
