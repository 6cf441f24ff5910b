"""Moving an index: planned, built, switched, taken back, ended; and what others see of it."""

from __future__ import annotations

import json
import logging
import threading
from datetime import UTC, datetime

import numpy as np
import pytest

from embedlane.errors import (
    CapabilityError,
    InputError,
    RefusedError,
    SpaceMismatchError,
    UnknownNameError,
    UsageError,
)
from embedlane.workspace.gating import QualityGate

_TODAY = datetime(2026, 6, 1, tzinfo=UTC)
#: A second model, served by a copy of the provider `hash`; its heads are good vectors.
_WORDS = """
canaries = false
[providers.shelf]
kind = "hash"
models = ["acme:words"]
[[models]]
id = "acme:words"
lanes = ["sync", "batch"]
normalisation = "always"
characters_per_token = 1.0
{more}
[models.dimensions]
native = 64
smallest = 2
matryoshka = true
[models.limits]
tokens_per_input = 40
[models.price]
sync = 2000.0
batch = 1000.0
{end}
"""
_TEXTS = [(str(number), f"{number} word abc") for number in range(10)]


def _toml(more="", end="", index=""):
    return _WORDS.format(more=more, end=end) + index


def _gate(condition="mrr > 0.1", **files):
    return QualityGate(condition=condition, **files)


@pytest.fixture
def opened(workspace):
    """A workspace with an index ``docs`` of ten contents, embedded by local:hash."""
    opened = workspace(_toml())
    index = opened.create_index("docs", "local:hash")
    index.add(_TEXTS)
    index.embed()
    return opened


def test_a_plan_says_what_it_would_take_and_writes_nothing(opened):
    """Rows, tokens and cost in each lane; what the spaces differ in; what is too long."""
    opened.index("docs").add([("long", "x" * 41)])
    plan = opened.migration("docs").plan("acme:words", 8)
    assert (plan.plan.rows, plan.too_long, plan.limit, plan.resize) == (11, 1, 40, False)
    assert {each.lane.value: each.cost for each in plan.plan.lanes} == {
        "sync": pytest.approx(0.282),
        "batch": pytest.approx(0.141),
    }
    assert "can't be compared" in plan.means
    status = opened.migration("docs").status()
    assert (status.other, len(status.generations)) == (None, 1)


def test_an_index_moves_through_the_batch_lane(opened):
    """The old generation answers until the swap, the new one from then on, for objects that are open."""
    index, migration = opened.index("docs"), opened.migration("docs")
    report = migration.start("acme:words", 8)
    assert report.status.complete
    assert report.embedded.jobs[0].provider == "shelf"
    assert str(index.space.model) == "local:hash"
    migration.swap()
    assert (str(index.space.model), index.space.dimensions) == ("acme:words", 8)
    assert index.search("3 word abc", k=1)[0].id == "3"
    assert index.tally().stored == 10
    migration.rollback()
    assert str(index.space.model) == "local:hash"
    assert index.search("3 word abc", k=1)[0].score == pytest.approx(1)
    migration.swap()
    assert migration.finish().removed == 10
    assert migration.status().other is None


def test_both_generations_see_what_is_written(opened):
    """Added, updated and removed items are so in each; `work` embeds for the new one."""
    migration, index = opened.migration("docs"), opened.index("docs")
    migration.start("acme:words", wait=False)
    index.add([("0", "another text"), ("new", "a new text")])
    index.add([], source="python", prune=True)
    index.add([("last", "a last text"), ("0", "another text")])
    assert migration.status().tally.wanted == 2
    opened.work()
    assert migration.status().complete
    assert index.tally().pending == 2
    migration.swap()
    assert {hit.id for hit in index.search("text", k=9)} == {"0", "last"}


def test_a_swap_waits_until_nothing_is_missing(opened):
    """Or until so much is allowed; the index can be searched before and after."""
    migration, index = opened.migration("docs"), opened.index("docs")
    migration.start("acme:words")
    index.add([("late", "late text")])
    with pytest.raises(RefusedError, match="lacks 1 of 11 contents") as caught:
        migration.swap()
    assert "migrate resume docs --wait" in caught.value.hint
    report = migration.swap(allow_missing=1)
    assert report.missing == 1
    assert index.tally().pending == 1


def test_a_pause_stops_every_process(opened):
    """Neither `work` nor the same command sends anything until it is resumed."""
    migration = opened.migration("docs")
    migration.start("acme:words", wait=False)
    opened.index("docs").add([("late", "late text")])
    migration.pause()
    with pytest.raises(RefusedError, match="is paused") as caught:
        migration.start("acme:words")
    assert "migrate resume docs" in caught.value.hint
    opened.work()
    assert migration.status().tally.pending == 1
    assert migration.resume().status.complete


def test_giving_up_costs_nothing_more(opened):
    """What the provider has not seen is cancelled; vectors stay, and count when it is begun again."""
    migration = opened.migration("docs")
    migration.start("acme:words")
    opened.index("docs").add([("late", "late text")])
    report = migration.abort()
    assert (report.cancelled, report.running) == ((), ())
    assert report.status.other is None
    assert opened.work() == []
    plan = migration.plan("acme:words")
    assert (plan.plan.rows, plan.plan.tally.stored) == (1, 10)
    migration.start("acme:words", wait=False)
    [running] = migration.abort().running
    assert running.state == "submitted"


def test_jobs_that_were_only_planned_are_cancelled(opened):
    """They are at no provider yet."""
    migration = opened.migration("docs")
    migration.start("acme:words", wait=False)
    with opened.ledger.write() as connection:
        book = opened.manager.book
        generation = migration.status().other
        planned = book.enter(connection, generation.bound.id, "shelf", ["0" * 40], [1], "docs")
    report = migration.abort()
    assert [job.id for job in report.cancelled] == [planned.id]
    assert len(report.running) == 1


def test_one_migration_at_a_time(opened):
    """Another model is refused; the same goes on, and takes what is said anew."""
    migration = opened.migration("docs")
    migration.start("acme:words", 8, wait=False)
    with pytest.raises(RefusedError, match="one at a time"):
        migration.start("acme:words", 16)
    again = migration.start("acme:words", 8, budget=5.0, lane="sync", wait=False).status.other
    assert (again.number, again.budget, again.lane) == (2, 5.0, "sync")


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"model": "acme:wrods"}, UnknownNameError, "acme:wrods"),
        ({"model": "acme:words", "dimensions": 65}, CapabilityError, "65"),
        ({"model": "acme:words", "lane": "fast"}, UsageError, "'fast' is no lane"),
        ({"model": "acme:words", "budget": 0.09}, RefusedError, r"planned at \$0\.10.*budget is \$0\.09"),
        ({"model": "acme:words", "gate": "ndcg > 1"}, UsageError, "no gate"),
        ({"model": "acme:words", "gate": "ndcg@101 > 0.1"}, UsageError, "too deep"),
        (
            {"model": "acme:words", "gate": QualityGate(condition="", queries="q.jsonl")},
            UsageError,
            "no gate",
        ),
        (
            {"model": "acme:words", "gate": _gate(qrels="q.txt")},
            UsageError,
            "no queries",
        ),
        (
            {"model": "acme:words", "gate": _gate(queries="gone.jsonl")},
            InputError,
            "gone",
        ),
        ({"model": "local:hash"}, RefusedError, "in that space already"),
    ],
)
def test_what_cannot_be_started_leaves_no_trace(opened, given, error, words):
    """The refusal says why, and no generation is entered."""
    with pytest.raises(error, match=words):
        opened.migration("docs").start(**given)
    assert len(opened.migration("docs").status().generations) == 1


def test_a_budget_holds_for_what_comes_later(opened, caplog):
    """What `work` would send beyond it waits, and says so."""
    migration = opened.migration("docs")
    migration.start("acme:words", budget=0.1)
    # Planned at ten cents, by letters; billed by words.
    assert migration.status().billed == pytest.approx(0.03)
    opened.index("docs").add((f"late{number}", f"{number} late txt") for number in range(8))
    with caplog.at_level(logging.WARNING):
        opened.work()
    assert "the migration of 'docs' waits" in caplog.text
    assert migration.status().tally.pending == 8
    assert migration.resume(budget=1.0).status.complete


def test_there_is_nothing_to_do_without_a_migration(opened):
    """Each deed says so, with the next command."""
    migration = opened.migration("docs")
    for deed in (migration.swap, migration.pause, migration.resume, migration.abort):
        with pytest.raises(RefusedError, match="No generation of 'docs' is being built") as caught:
            deed()
        assert "migrate plan docs" in caught.value.hint
    for deed in (migration.rollback, migration.finish):
        with pytest.raises(RefusedError, match="is kept"):
            deed()
    with pytest.raises(UnknownNameError, match="nope"):
        opened.migration("nope")


@pytest.fixture
def sized(workspace):
    """A workspace with an index ``docs`` of ten contents in 64 dimensions of a Matryoshka model."""
    opened = workspace(_toml())
    index = opened.create_index("docs", "acme:words")
    index.add(_TEXTS)
    index.embed()
    return opened


def test_a_smaller_size_is_cut_without_a_call(sized):
    """Nothing is billed; what comes later is embedded once, in the old size, and cut by the swap."""
    migration, index = sized.migration("docs"), sized.index("docs")
    assert migration.plan("acme:words", 16).resize
    before = sized.costs().total.tokens
    report = migration.start("acme:words", 16)
    assert (report.cut, report.embedded) == (10, None)
    index.add([("late", "late text")])
    with pytest.raises(RefusedError, match="lacks 1 of") as caught:
        migration.swap()
    assert "embedlane embed docs" in caught.value.hint
    index.embed()
    embedded = sized.costs().total.tokens
    migration.swap()
    assert sized.costs().total.tokens == embedded > before
    assert index.space.dimensions == 16
    whole = sized.embedder("acme:words", 64).embed_documents(["late text"])[0][:16]
    query = sized.embedder("acme:words", 16).embed_query("late text")
    [hit] = index.search("late text", k=1)
    assert hit.score == pytest.approx(float(whole @ query / np.linalg.norm(whole)), abs=1e-6)


def test_a_lane_is_not_needed_to_cut(sized):
    """To name one would be to pay."""
    with pytest.raises(UsageError, match="No lane is needed"):
        sized.migration("docs").start("acme:words", 16, lane="sync")


def test_a_larger_size_is_embedded_again(sized):
    """It can't be made from what is there, and says so."""
    migration = sized.migration("docs")
    migration.start("acme:words", 16)
    migration.swap()
    migration.finish(keep_vectors=True)
    assert "larger size" in migration.plan("acme:words", 32).means
    report = migration.start("acme:words", 32)
    assert report.embedded.jobs
    assert migration.abort()
    assert migration.start("acme:words", 64).embedded.jobs == ()


def test_a_gate_is_asked_before_the_swap(opened, tmp_path):
    """Below it the old generation goes on answering; at it the new one does, with both figures told."""
    asked = [{"id": n, "text": text, "relevant": [n]} for n, text in _TEXTS]
    queries = tmp_path / "queries.jsonl"
    queries.write_text("".join(f"{json.dumps(each)}\n" for each in asked))
    migration = opened.migration("docs")
    migration.start("acme:words", 2, gate=QualityGate(condition="mrr > current", queries=queries))
    with pytest.raises(
        RefusedError, match=r"does not pass its gate mrr > 1 \* current: mrr is 0\.\d+, 1\.0000 is"
    ):
        migration.swap()
    assert migration.status().building
    migration.start("acme:words", 2, gate=QualityGate(condition="mrr >= 0.01", queries=queries))
    ((metric, (old, new)),) = migration.swap().measured.items()
    assert (metric, old) == ("mrr", 1.0)
    assert 0.01 <= new <= 1


def test_open_readers_see_one_generation_at_a_time(opened):
    """While readers search, swaps and rollbacks go on: each answer is exact in one of the two spaces."""
    migration = opened.migration("docs")
    migration.start("acme:words", 8)
    scores = {}
    for swap in (migration.swap, migration.rollback):
        scores[str(opened.index("docs").space)] = [hit.score for hit in opened.index("docs").search("word")]
        swap()
    index, answers, failures, stop = opened.index("docs"), [], [], threading.Event()

    def read():
        while not stop.is_set():
            try:
                answers.append([hit.score for hit in index.search("word")])
            except Exception as error:
                failures.append(error)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for _ in range(10):
        migration.swap()
        migration.rollback()
    stop.set()
    for reader in readers:
        reader.join()
    assert failures == []
    known = [pytest.approx(each, abs=1e-6) for each in scores.values()]
    assert len(known) == 2
    assert all(any(answer == each for each in known) for answer in answers)


def _docs(model, dimensions):
    return f'[indexes.docs]\nmodel = "{model}"\ndimensions = {dimensions}\n'


def test_a_configuration_may_lag_behind_while_the_old_one_is_kept(opened, workspace, caplog):
    """It is told what to write; when the migration is over it is refused, with the same lines."""
    migration = opened.migration("docs")
    migration.start("acme:words", 8)
    migration.swap()
    old, new = (_toml(index=_docs(*each)) for each in (("local:hash", 256), ("acme:words", 8)))
    with caplog.at_level(logging.WARNING):
        assert workspace(new).index("docs").space.dimensions == 8
        assert caplog.text == ""
        lagging = workspace(old)
        assert lagging.index("docs").space.dimensions == 8
        lagging.index("docs")
    assert caplog.text.count("was migrated from local:hash @ 256") == 1
    assert _docs("acme:words", 8).rstrip() in caplog.text
    migration.finish()
    with pytest.raises(SpaceMismatchError, match="was migrated") as caught:
        workspace(old).index("docs")
    assert _docs("acme:words", 8).rstrip() in caught.value.hint


def test_a_configuration_may_be_ahead_while_the_new_one_is_built(opened, workspace, caplog):
    """The old one answers; once it is given up, the configuration is refused."""
    migration = opened.migration("docs")
    migration.start("acme:words", 8, wait=False)
    ahead = _toml(index=_docs("acme:words", 8))
    with caplog.at_level(logging.WARNING):
        assert str(workspace(ahead).index("docs").space.model) == "local:hash"
    assert "on its way to acme:words @ 8" in caplog.text
    migration.abort()
    with pytest.raises(SpaceMismatchError, match="bound to another space"):
        workspace(ahead).index("docs")


@pytest.mark.parametrize(
    ("days", "words"), [(181, ""), (180, "may be shut down from"), (0, "was shut down on")]
)
def test_a_retirement_is_told_to_who_opens_the_index(workspace, caplog, days, words):
    """In time, once, with the command that plans the move; a server of one's own answers after it, too."""
    day = datetime.fromtimestamp(_TODAY.timestamp() + days * 86400, UTC).date()
    workspace(_toml()).create_index("docs", "acme:words").add(_TEXTS)
    end = f'[models.lifecycle]\nretires = {day}\nsuccessor = "local:hash"\n'
    opened = workspace(_toml(end=end), clock=_TODAY.timestamp)
    with caplog.at_level(logging.WARNING):
        index = opened.index("docs")
        opened.index("docs")
    assert caplog.text.count("migrate plan docs --to local:hash") == bool(words)
    assert words in caplog.text
    index.embed()
    assert index.search("3 word abc", k=1)[0].id == "3"
    finding = next(each for each in opened.doctor() if each.subject == "index docs")
    assert finding.level == ("warning" if words else "ok")


def test_a_retired_model_says_why_it_cannot_answer(workspace):
    """The vectors are here, but no query can be embedded: the way out is a migration."""
    model = (
        '[[models]]\nid = "local:hash"\noverride = true\nlanes = ["sync", "batch"]\n{more}'
        "[models.dimensions]\nnative = 64\n"
    )
    index = workspace(model.format(more="")).create_index("docs", "local:hash")
    index.add(_TEXTS)
    index.embed()
    retired = f'[models.lifecycle]\nretires = {_TODAY.date()}\nsuccessor = "acme:words"\n'
    opened = workspace(_toml() + model.format(more=retired), clock=_TODAY.timestamp)
    with pytest.raises(CapabilityError, match="nothing that is installed can embed a query") as caught:
        opened.index("docs").search("word")
    assert "migrate plan docs --to acme:words" in caught.value.hint
    migration = opened.migration("docs")
    migration.start("acme:words")
    migration.swap()
    assert opened.index("docs").search("3 word abc", k=1)[0].id == "3"


def test_two_who_begin_the_same_build_one_generation(opened):
    """The one that comes second goes on with it; nothing is sent twice."""
    migrations = [opened.migration("docs") for _ in range(2)]
    threads = [threading.Thread(target=each.start, args=("acme:words",)) for each in migrations]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    status = migrations[0].status()
    assert (status.complete, len(status.generations)) == (True, 2)
    assert sum(report.job.rows for report in opened.jobs()) == 10
