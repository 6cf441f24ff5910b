"""The report, filled with what is odd."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from embedlane.errors import InputError
from embedlane.evaluation.judging import Judgments, measure
from embedlane.evaluation.queries import Query
from embedlane.evaluation.report.page import render, write_report
from embedlane.evaluation.summary import Entry, Setting, summarise
from embedlane.models.names import ModelId


@pytest.fixture
def found():
    """A comparison of two candidates on a few made-up vectors, one of them at a price."""
    random = np.random.default_rng(0)
    ids = [f"item{n:02}" for n in range(30)]
    queries = [Query(id=str(n), text=f"what about <b>{n}</b>?", relevant={ids[n]: 1}) for n in range(25)]
    judged = [Judgments.of(query, {name: place for place, name in enumerate(ids)}) for query in queries]
    entries = []
    for name, price in (("one", 0.5), ("two", 0.0)):
        vectors = random.standard_normal((30, 8)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        entries.append(
            Entry(
                name=f"local:{name} @ 8",
                model=ModelId.parse(f"local:{name}"),
                dimensions=8,
                current=name == "one",
                cut_from=None,
                usable=True,
                tokens=10,
                cost={"sync": price},
                latency=1.0,
                latency_calls=3,
                measured=measure(vectors, vectors[:25] + random.normal(0, 0.3, (25, 8)), judged, [5]),
                shared=vectors,
            )
        )
    setting = Setting(
        index="odd & even",
        items=30,
        ids=ids,
        queries=queries,
        method="made up",
        seed=1,
        k=5,
        spent=None,
        notes=("<script>alert(1)</script>",),
    )
    return summarise(entries, setting)


def _priced(found, *costs):
    candidates = [attrs.evolve(c, cost=cost) for c, cost in zip(found.candidates, costs, strict=True)]
    return attrs.evolve(found, candidates=tuple(candidates))


def test_what_a_corpus_holds_is_text_and_never_markup(found):
    """Queries, names and notes are escaped."""
    page = render(found)
    assert "what about &lt;b&gt;0&lt;/b&gt;?" in page
    assert "odd &amp; even" in page
    assert "<script" not in page


@pytest.mark.parametrize(
    ("costs", "told"),
    [
        (({"sync": 0.5}, {"sync": 0.0}), "US dollars for embedding all contents once, in the cheaper lane"),
        (({"sync": 0.0}, {"sync": 0.0}), "all candidates are free"),
        (({"sync": None}, {"batch": None}), "no price is known"),
    ],
)
def test_prices_may_be_known_nought_or_unknown(found, costs, told):
    """The plot says which it is."""
    assert told in render(_priced(found, *costs))


def test_the_same_comparison_gives_the_same_page(found):
    """No date and no chance number is in it, so that two reports can be compared."""
    assert render(found) == render(found)


def test_a_report_that_can_not_be_written_is_named(found, tmp_path):
    """A folder in its place, say."""
    with pytest.raises(InputError, match="can't be written: Is a directory"):
        write_report(found, tmp_path)
