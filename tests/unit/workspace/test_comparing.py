"""Comparing models and sizes on an index, with the hash model under cards of every kind."""

from __future__ import annotations

import math

import pytest

from embedlane.errors import CapabilityError, IncompleteError, InputError, RefusedError, UsageError
from embedlane.evaluation.queries import Query, QuerySet
from embedlane.models.space import Space
from embedlane.text.tokens import EstimatedCounter
from embedlane.vectors.claims import Claims
from embedlane.vectors.pending import Pending
from embedlane.workspace.comparing import CompareOptions
from embedlane.workspace.fitting import too_long
from embedlane.workspace.judging import QualityJudge

_CARD = """
[[models]]
id = "local:hash"
override = true
lanes = ["sync", "batch"]
normalisation = "always"
characters_per_token = 1.0
[models.dimensions]
native = 64
smallest = {smallest}
largest = {largest}
matryoshka = {matryoshka}
[models.price]
sync = {price}
batch = {price}
"""
_WORDS = ("red", "green", "blue", "small", "large", "round", "square", "warm", "cold", "old", "new", "wet")


def _toml(smallest=8, largest=512, matryoshka="false", price="1000.0"):
    return _CARD.format(smallest=smallest, largest=largest, matryoshka=matryoshka, price=price)


def _texts():
    return {f"{one}-{two}": f"a {one} and {two} thing" for one in _WORDS for two in _WORDS if one < two}


def _queries(number=30):
    names = list(_texts())[:number]
    return QuerySet(
        queries=tuple(Query(id=name, text=f"{name.replace('-', ' ')}", relevant={name: 1}) for name in names),
        method="made up",
    )


@pytest.fixture
def library(workspace):
    """A function that opens a workspace with the index ``docs`` of 66 items, of 64 dimensions."""

    def library(toml=None):
        opened = workspace(_toml() if toml is None else toml)
        opened.create_index("docs", "local:hash", dimensions=64).add(_texts().items())
        return opened

    return library


def _rows(workspace, name="docs"):
    return workspace.costs(name).total.rows


def test_vectors_of_candidates_are_paid_once(library):
    """A second comparison embeds queries only, and an index of a candidate's space finds its vectors."""
    lib = library()
    options = CompareOptions(dimensions=[128, 256], queries=_queries())
    comparing = lib.compare("docs", options)
    plan = comparing.plan()
    assert [embed.rows for embed in plan.embeds] == [66, 66, 66]
    found = comparing.run()
    assert _rows(lib) == 3 * 66
    assert [each.name for each in found.candidates] == [
        "local:hash @ 64",
        "local:hash @ 256",
        "local:hash @ 128",
    ]
    assert [each.current for each in found.candidates] == [True, False, False]
    again = lib.compare("docs", options)
    assert [embed.rows for embed in again.plan().embeds] == [0, 0, 0]
    # All but the times is the same again.
    assert [each.metrics for each in again.run().candidates] == [each.metrics for each in found.candidates]
    other = lib.create_index("other", "local:hash", dimensions=256)
    other.add(_texts().items())
    assert (other.tally().pending, _rows(lib)) == (0, 3 * 66)


def test_the_batch_lane_brings_the_same(library):
    """Its jobs are waited for; queries go through the sync lane."""
    lib = library()
    options = CompareOptions(dimensions=[128], queries=_queries(), lane="batch")
    batch = lib.compare("docs", options).run()
    assert {report.job.state.value for report in lib.jobs()} == {"stored"}
    sync = lib.compare("docs", CompareOptions(dimensions=[128], queries=_queries())).run()
    assert [each.metrics for each in batch.candidates] == [each.metrics for each in sync.candidates]


def test_sizes_of_a_matryoshka_model_are_cut_from_the_largest(library):
    """One pass at the largest size is paid, or none where a larger size is stored already."""
    lib = library(_toml(matryoshka="true"))
    comparing = lib.compare("docs", CompareOptions(dimensions=[256, 128, 32], queries=_queries()))
    assert [(embed.space.dimensions, embed.rows) for embed in comparing.plan().embeds] == [(256, 66)]
    found = comparing.run()
    assert _rows(lib) == 66
    assert [(each.dimensions, each.cut_from, each.usable) for each in found.candidates] == [
        (64, 256, True),
        (256, None, True),
        (128, 256, True),
        (32, 256, True),
    ]
    assert [(row.dimensions, row.memory) for row in found.sizes] == [
        (256, 1.0),
        (128, 0.5),
        (64, 0.25),
        (32, 0.125),
    ]
    assert found.sizes[0].quality == 1.0
    smaller = lib.compare("docs", CompareOptions(dimensions=[16], queries=_queries()))
    assert [embed.rows for embed in smaller.plan().embeds] == [0]


def test_a_size_that_no_index_can_have_is_measured_and_never_recommended(library):
    """It is cut from the native size, marked, and left out of the verdict."""
    lib = library(_toml(smallest=64, largest=64))
    found = lib.compare("docs", CompareOptions(dimensions=[32], queries=_queries())).run()
    assert [(each.dimensions, each.usable, each.cut_from) for each in found.candidates] == [
        (64, True, None),
        (32, False, 64),
    ]
    assert found.verdict.choice == "stay"
    assert "was not trained for 32 dimensions" in found.notes[0]
    assert found.sizes[1].trained is False


def test_a_size_above_the_models_is_left_out_with_a_note(library):
    """The native size stands in for it."""
    lib = library(_toml(largest=64))
    found = lib.compare("docs", CompareOptions(dimensions=[4096, 32], queries=_queries())).run()
    assert [each.dimensions for each in found.candidates] == [64, 32]
    assert found.notes[0] == "local:hash can't give 4096 dimensions, its most is 64."


def test_nothing_to_compare_is_refused(library):
    """The index's own space alone is no comparison."""
    with pytest.raises(CapabilityError, match="nothing to compare: local:hash @ 64 is the only candidate"):
        library().compare("docs", CompareOptions(queries=_queries())).plan()


def test_a_sample_keeps_relevant_items_and_is_drawn_by_its_seed(library):
    """Only what is ranked is embedded, and what that means for the figures is said."""
    lib = library()
    options = CompareOptions(dimensions=[128], queries=_queries(20), sample=40, seed=1)
    found = lib.compare("docs", options).run()
    assert (found.items, found.ranked, _rows(lib)) == (66, 40, 2 * 40)
    assert "40 of 66 items were ranked" in found.notes[1]
    same = lib.compare("docs", options)
    assert [embed.rows for embed in same.plan().embeds] == [0, 0]
    other = lib.compare("docs", CompareOptions(dimensions=[128], queries=_queries(20), sample=40, seed=2))
    assert 0 < other.plan().embeds[0].rows <= 20


def test_a_plan_above_the_budget_is_refused_before_anything_is_sent(library):
    """Contents and queries count together; a budget that fits lets it pass."""
    lib = library()
    options = {"dimensions": [128], "queries": _queries()}
    plan = lib.compare("docs", CompareOptions(**options)).plan()
    assert plan.cost == pytest.approx(sum(e.cost + e.query_cost for e in plan.embeds))
    with pytest.raises(RefusedError, match=r"planned at \$.*; the budget is \$0\.5\.") as caught:
        lib.compare("docs", CompareOptions(**options, budget=0.5)).run()
    assert "--sample" in caught.value.hint
    assert _rows(lib) == 0
    assert lib.compare("docs", CompareOptions(**options, budget=plan.cost)).run().spent == plan.cost
    with pytest.raises(UsageError, match="no budget"):
        lib.compare("docs", CompareOptions(**options, budget=math.nan)).run()


def test_a_budget_needs_prices(library):
    """A model whose price nobody knows keeps none."""
    lib = library(_toml().replace("sync = 1000.0\n", ""))
    with pytest.raises(RefusedError, match="Nobody knows what local:hash costs"):
        lib.compare("docs", CompareOptions(dimensions=[128], queries=_queries(), budget=100.0)).run()


def test_queries_without_a_relevant_item_are_left_out_with_a_note(library):
    """None at all is an error that shows what ids look like."""
    lib = library()
    lost = Query(id="x", text="where", relevant={"nowhere": 1, "old-wet": 0})
    queries = QuerySet(queries=(*_queries(5).queries, lost), method="made up")
    plan = lib.compare("docs", CompareOptions(dimensions=[128], queries=queries)).plan()
    assert plan.queries == 5
    assert plan.notes == (
        "Relevant items that are not in the index: 1, such as 'nowhere'.",
        "Queries left out, for they have no relevant item here: 1 of 6.",
        "5 queries are few: expect wide intervals.",
    )
    only = QuerySet(queries=(lost,), method="made up")
    with pytest.raises(InputError, match="No query has a relevant item in index 'docs', such as 'nowhere'"):
        lib.compare("docs", CompareOptions(dimensions=[128], queries=only)).plan()


def test_queries_are_derived_where_there_are_none(library, tmp_path):
    """From the index's own documents; where that can't be, the form of a file of queries is shown."""
    lib = library()
    with pytest.raises(InputError, match="No queries can be derived") as caught:
        lib.compare("docs", CompareOptions(dimensions=[128])).plan()
    assert '"relevant": ["item"]' in caught.value.hint
    for number, one in enumerate(_WORDS):
        pages = "".join(f"# On {one} {two} things\n\n{'They are here. ' * 30}\n\n" for two in _WORDS)
        (tmp_path / f"{number}.md").write_text(pages)
    notes = lib.create_index("notes", "local:hash", dimensions=64)
    notes.add_paths([tmp_path / f"{number}.md" for number in range(len(_WORDS))])
    plan = lib.compare("notes", CompareOptions(dimensions=[128])).plan()
    assert plan.method.startswith("derived from headings; items that hold its words are taken out")


def test_what_is_too_long_for_another_model_is_left_out_for_all(library):
    """With the queries that ask for nothing else, and a note; if nothing is left, that is an error."""
    lib = library()
    options = CompareOptions(dimensions=[128], queries=_queries(66))
    kept = [text for text in _texts().values() if len(text) <= 20]
    comparing = lib.compare("docs", options)
    trial = comparing._trial
    assert (len(trial.items), trial.part) == (66, None)
    missing = _too_long(lib, limit=20)
    short = trial.without(missing, "own:short", "docs")
    assert (len(short.items), len(short.queries), short.total) == (len(kept), len(kept), 66)
    left = 66 - len(kept)
    assert short.notes[-1] == (
        f"{left} of 66 items are left out: they are too long for own:short. "
        f"So are queries that ask for nothing else: {left}."
    )
    assert set(short.part.hashes) == (missing if short.part.without else set(short.contents))
    assert trial.without([], "own:short", "docs") is trial
    with pytest.raises(InputError, match="All that is relevant in index 'docs' is too long for own:short"):
        trial.without(_too_long(lib, limit=1), "own:short", "docs")


def _too_long(lib, limit):
    bound = lib.index("docs").record.bound
    with lib.ledger.read() as connection:
        return too_long(connection, lib.index("docs").record, bound, limit, EstimatedCounter(1.0))


def test_an_index_without_items_has_nothing_to_rank(library):
    """The next command is named."""
    lib = library()
    lib.create_index("empty", "local:hash", dimensions=64)
    with pytest.raises(UsageError, match="Index 'empty' has no items") as caught:
        lib.compare("empty", CompareOptions(dimensions=[128])).plan()
    assert "embedlane add empty" in caught.value.hint


@pytest.mark.parametrize(
    "wrong", [{"k": 0}, {"sample": 0}, {"lane": "fast"}, {"seed": -1}, {"dimensions": [64, 0]}]
)
def test_options_that_can_not_be_right_are_refused(wrong):
    """With the value."""
    with pytest.raises(UsageError):
        CompareOptions(**wrong)


def test_the_judge_of_a_gate_measures_two_stored_spaces(library):
    """Equal where they are one; what a space lacks counts against it, and nothing is embedded."""
    lib = library()
    lib.compare("docs", CompareOptions(dimensions=[8], queries=_queries())).run()
    before = _rows(lib)
    judge = QualityJudge(ledger=lib.ledger, lanes=lib.lanes, queries=_queries())
    card = lib.registry.card("local:hash")
    small, large, none = Space.of(card, 8), Space.of(card, 64), Space.of(card, 16)
    found = judge("docs", small, large)
    assert {"mrr", "recall@1", "recall@10", "ndcg@10", "ndcg@100"} <= set(found)
    assert found["recall@1"][1] > found["recall@1"][0] > 0
    assert {old == new for old, new in judge("docs", small, small).values()} == {True}
    assert {new for _, new in judge("docs", small, none).values()} == {0.0}
    assert _rows(lib) == before


def test_what_is_in_flight_elsewhere_ends_it_with_the_next_step(library):
    """Another process has claimed contents: they are not sent twice, and nothing is compared without them."""
    lib = library()
    comparing = lib.compare("docs", CompareOptions(dimensions=[128], queries=_queries()))
    lib.index("docs").embed(limit=10)
    with lib.ledger.write() as connection:
        record = lib.index("docs").record
        pending = Pending(record.id, record.bound.id).hashes(connection, lib.clock(), 5)
        Claims(record.bound.id).take(connection, pending, lib.clock())
    with pytest.raises(IncompleteError, match="5 of 66 contents have no vector of local:hash yet"):
        comparing.run()
