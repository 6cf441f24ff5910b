"""The metrics, beside those of ir-measures."""

from __future__ import annotations

import ir_measures
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ir_measures import RR, R, nDCG

from embedlane.evaluation.judging import Judgments, measure
from embedlane.evaluation.metrics import ndcg, ranking, recall, reciprocal_rank
from embedlane.evaluation.queries import Query


@st.composite
def _trials(draw):
    """Scores of some items for some queries, with ties, and grades of some of them."""
    items, queries = draw(st.integers(1, 30)), draw(st.integers(1, 6))
    few = st.integers(0, 5)  # so that scores are often equal
    scores = draw(st.lists(st.lists(few, min_size=items, max_size=items), min_size=queries, max_size=queries))
    grades = st.dictionaries(st.integers(0, items - 1), st.integers(-1, 3), max_size=items)
    return scores, draw(st.lists(grades, min_size=queries, max_size=queries))


@settings(max_examples=60, deadline=None)
@given(_trials(), st.integers(1, 12))
def test_metrics_agree_with_ir_measures(trial, k):
    """Recall, nDCG and MRR of random runs, graded, tied, and without relevant items, to four places."""
    scores, judged = trial
    names = [f"item{number:03}" for number in range(len(scores[0]))]
    run = {str(q): {n: float(s) for n, s in zip(names, row, strict=True)} for q, row in enumerate(scores)}
    qrels = {str(q): {names[i]: grade for i, grade in row.items()} for q, row in enumerate(judged)}
    theirs = {
        (row.query_id, row.measure): row.value
        for row in ir_measures.iter_calc([R @ k, nDCG @ k, RR], {q: g for q, g in qrels.items() if g}, run)
    }
    for q, row in enumerate(judged):
        if not row:
            continue
        gains = np.zeros(len(names), dtype=np.int64)
        gains[list(row)] = list(row.values())
        ranked = gains[ranking(np.array(scores[q], dtype=np.float32))]
        grades = np.array(list(row.values()))
        assert recall(ranked, grades, k) == pytest.approx(theirs[str(q), R @ k], abs=5e-5)
        assert ndcg(ranked, grades, k) == pytest.approx(theirs[str(q), nDCG @ k], abs=5e-5)
        assert reciprocal_rank(ranked) == pytest.approx(theirs[str(q), RR], abs=5e-5)


@settings(max_examples=30, deadline=None)
@given(_trials(), st.integers(1, 12))
def test_measuring_vectors_gives_the_same_as_ranking_by_hand(trial, k):
    """Cosines, cut at depth k, judge as the whole ranking does; also where the first answer lies deeper."""
    scores, judged = trial
    names = [f"item{number:03}" for number in range(len(scores[0]))]
    # With one query for each axis, a query's scores are the items' numbers on it.
    items, queries = np.array(scores, dtype=np.float32).T, np.eye(len(scores), dtype=np.float32)
    positions = {name: place for place, name in enumerate(names)}
    asked = [
        Query(id=str(q), text="?", relevant={names[i]: grade for i, grade in row.items()})
        for q, row in enumerate(judged)
    ]
    found = measure(items, queries, [Judgments.of(query, positions) for query in asked], [k])
    for q, row in enumerate(judged):
        gains = np.zeros(len(names), dtype=np.int64)
        gains[list(row)] = [max(grade, 0) for grade in row.values()]
        order = sorted(range(len(names)), key=lambda i: (scores[q][i], i), reverse=True)
        assert found.rr[q] == reciprocal_rank(gains[order])
        assert found.recall[k][q] == recall(gains[order], gains, k)
        assert found.ndcg[k][q] == pytest.approx(ndcg(gains[order], gains, k))
        assert found.top[q].tolist() == order[:k]


def test_excluded_items_are_in_no_ranking():
    """Neither as a hit nor as the best one; a relevant item that can't be found scores nothing."""
    items = np.array([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]], dtype=np.float32)
    query = Query(id="q", text="?", relevant={"b": 1}, excluded=frozenset({"a"}))
    positions = {"a": 0, "b": 1, "c": 2}
    found = measure(items, items[:1], [Judgments.of(query, positions)], [10])
    assert (found.top[0].tolist(), found.rr[0]) == ([1, 2], 1.0)
    assert found.best[0] == pytest.approx(0.8)
    found = measure(items, items[:1], [Judgments.of(query, positions, absent=[1])], [10])
    assert (found.top[0].tolist(), found.rr[0], found.recall[10][0]) == ([2], 0.0, 0.0)
