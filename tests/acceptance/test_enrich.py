"""Chunks are placed in their documents by a model: what is paid for, what survives, and what it is worth."""

from __future__ import annotations

import json
import random
import time

import numpy as np
import pytest

from embedlane import CompareOptions, Workspace
from embedlane.errors import PluginError, RefusedError, UnknownNameError
from embedlane.evaluation.metrics import ndcg
from embedlane.evaluation.queries import read_queries
from embedlane.indexes.corpus import read_texts
from embedlane.workspace import enrichment_needs

MODEL = "google:gemini-2.5-flash-lite"
PLUGIN = {"EMBEDLANE_PLUGINS": "gemini", "KEY_OF_THE_TEST": "any-key-will-do"}
COMPANIES = ("Acme", "Globex", "Initech", "Umbrella", "Hooli", "Soylent")
#: What each report says under its headings, in the same words: only the document tells of whom.
SECTIONS = {
    "Revenue": "Sales rose by {n} percent on the year before, mostly because of higher prices abroad.",
    "Employees": "At the end of the year the company had {n} thousand people, a few more than before.",
    "Risks": "Energy became dearer by {n} percent; contracts with suppliers run out within two years.",
    "Outlook": "The board expects growth of {n} percent, if currencies and interest rates stay as they are.",
}
ASKED = {
    "Revenue": "by how much did the sales of {who} rise",
    "Employees": "how many people does the company {who} have",
    "Risks": "energy and suppliers of {who}",
    "Outlook": "what growth does the board of {who} expect",
}


def report(who, number):
    """The annual report of a company."""
    parts = [f"## {name}\n\n{text.format(n=number + 3)}" for name, text in SECTIONS.items()]
    return "\n\n".join([f"# Annual report of {who}", *parts])


@pytest.fixture
def configured(tmp_path, gemini_emulator, monkeypatch):
    """A function that opens a workspace whose index ``docs`` has the reports, embedded."""
    monkeypatch.setenv("KEY_OF_THE_TEST", "any-key-will-do")
    monkeypatch.setenv("EMBEDLANE_PLUGINS", "gemini")
    gemini_emulator.configure(pending=0, running=0)
    opened = []

    def configured(*names):
        (tmp_path / "embedlane.toml").write_text(
            "canaries = false\n"
            f'[providers.gemini]\nbase_url = "{gemini_emulator.url}"\napi_key_env = "KEY_OF_THE_TEST"\n'
            '[indexes.docs]\nmodel = "google:gemini-embedding-001"\ndimensions = 768\n'
            "chunk_size = 150\nchunk_unit = 'characters'\n"
        )
        (tmp_path / "reports").mkdir()
        for number, who in enumerate(names or COMPANIES):
            (tmp_path / "reports" / f"{who}.md").write_text(report(who, number))
        opened.append(Workspace.open(tmp_path))
        index = opened[-1].index("docs")
        index.add_paths([tmp_path / "reports"])
        index.embed()
        return opened[-1], index

    yield configured
    for workspace in opened:
        workspace.close()


def enrich(workspace, index, enricher="context", model=MODEL):
    """Enrich without waiting, again and again, with an hour between; the last report."""
    ahead, rounds = workspace.clock() - time.time(), 0
    while True:
        found = index.enrichment(enricher, model).run(wait=False)
        jobs = [each.job for each in workspace.jobs()]
        if not found.tally.waiting and all(job.final for job in jobs):
            return found
        rounds += 1
        assert rounds < 20
        workspace.clock = lambda hours=rounds: time.time() + ahead + hours * 3600
        workspace.work(once=True)


def generated(emulator):
    """Requests that were billed as generated."""
    return sum(each.rows for each in emulator.bill.charges("batch") if each.output_tokens)


def test_context_makes_chunks_findable_and_is_paid_once(configured, gemini_emulator, tmp_path):
    """nDCG@10 before and after the swap, for queries that name the company; one pass is billed."""
    workspace, index = configured()
    (tmp_path / "queries.jsonl").write_text("\n".join(map(json.dumps, hand_made(workspace, index))))
    before = quality(index, tmp_path / "queries.jsonl")
    found = enrich(workspace, index)
    chunks = index.count()
    assert (found.tally.enriched, found.tally.plain, generated(gemini_emulator)) == (chunks, 0, chunks)
    assert index.tally().pending == 0
    assert workspace.migration("docs").status().complete
    assert quality(index, tmp_path / "queries.jsonl") == before
    workspace.migration("docs").swap()
    after = quality(index, tmp_path / "queries.jsonl")
    assert after > before + 0.15
    # As the table in docs/how-to/enrich-an-index.md has them.
    assert (round(before, 3), round(after, 3)) == (0.691, 1.0)
    [hit] = index.search("how many people does the company Globex have", k=1)
    assert "thousand people" in hit.text
    assert "Globex" not in hit.text

    bill = gemini_emulator.bill.total("batch")
    again = enrich(workspace, index)
    assert (again.kept, again.sets, again.tally.enriched) == (0, (), chunks)
    assert gemini_emulator.bill.total("batch") == bill
    assert set(gemini_emulator.bill.creates().values()) == {1}
    generating = [lane for lane in workspace.costs("docs").lanes if lane.model == MODEL]
    assert [lane.cost.rows for lane in generating] == [chunks]


def hand_made(workspace, index):
    """A query for each section of each report."""
    with workspace.ledger.read() as connection:
        names = [f"reports/{who}.md" for who in COMPANIES]
        texts = {
            (item, document): text
            for item, document, text, _ in read_texts(connection, index.record.id, names)
        }
    for section, question in ASKED.items():
        start = SECTIONS[section].partition("{n}")[0]
        for who in COMPANIES:
            [item] = [
                item
                for (item, document), text in texts.items()
                if document == f"reports/{who}.md" and start in text
            ]
            yield {"id": f"{who} {section}", "text": question.format(who=who), "relevant": [item]}


def quality(index, path):
    """The mean nDCG@10 of the queries in a file."""
    values = []
    for query in read_queries(path).queries:
        gains = np.array([query.relevant.get(hit.id, 0) for hit in index.search(query.text, k=10)])
        values.append(ndcg(gains, np.array(list(query.relevant.values())), 10))
    return float(np.mean(values))


def test_a_killed_run_goes_on_and_is_paid_for_once(configured, gemini_emulator, shell):
    """Killed at any moment, asking or embedding: the same again ends it."""
    workspace, index = configured()
    chunks, chance = index.count(), random.Random(4)
    command = ("enrich", "docs", "--with", "context", "--model", MODEL, "--wait", "--json")
    before = gemini_emulator.bill.total("sync")
    for _ in range(3):
        running = shell.start(*command, **PLUGIN)
        time.sleep(chance.uniform(0.4, 4))
        running.kill()
        shell.end(running)
    assert enrich(workspace, index).tally.enriched == chunks
    ended = shell.run(*command, **PLUGIN)
    assert ended.status == 0, ended.err
    assert ended.json["tally"]["enriched"] == chunks
    assert ended.json["build"]["status"]["complete"]
    assert generated(gemini_emulator) == chunks
    assert gemini_emulator.bill.total("batch").rows == 2 * chunks
    assert gemini_emulator.bill.total("sync") == before
    assert set(gemini_emulator.bill.creates().values()) == {1}


def test_what_changes_is_asked_again_and_found_meanwhile(configured, gemini_emulator, tmp_path):
    """A changed chunk is embedded as it is, and asked about by the next run, alone; what goes is gone."""
    workspace, index = configured("Acme", "Globex")
    enrich(workspace, index)
    workspace.migration("docs").swap()
    asked = generated(gemini_emulator)
    text = report("Globex", 1).replace("higher prices abroad", "a cheaper dollar")
    (tmp_path / "reports" / "Globex.md").write_text(text)
    (tmp_path / "reports" / "Acme.md").unlink()
    index.add_paths([tmp_path / "reports"], prune=True)
    index.embed()
    assert index.search("a cheaper dollar", k=1)[0].text.count("cheaper dollar") == 1
    assert index.enrichment("context").tally().new == 1
    found = enrich(workspace, index, model=None)
    assert (found.tally.new, found.tally.enriched) == (0, index.count())
    assert generated(gemini_emulator) == asked + 1
    assert found.build is None
    assert index.tally().stored == index.tally().wanted == index.count()
    # Put back as it was: its answer is known.
    (tmp_path / "reports" / "Globex.md").write_text(report("Globex", 1))
    index.add_paths([tmp_path / "reports"])
    assert enrich(workspace, index).tally.enriched == index.count()
    assert generated(gemini_emulator) == asked + 1


def test_another_index_of_the_same_texts_asks_nothing(configured, gemini_emulator, tmp_path):
    """A request is known by what it is, whatever index it is for."""
    workspace, index = configured("Acme")
    enrich(workspace, index)
    total = gemini_emulator.bill.total("batch")
    other = workspace.create_index(
        "other", "google:gemini-embedding-001", dimensions=768, settings=index.record.settings
    )
    other.add_paths([tmp_path / "reports"])
    found = enrich(workspace, other)
    assert (found.tally.enriched, found.sets) == (other.count(), ())
    assert gemini_emulator.bill.total("batch") == total


def test_what_another_process_asks_meanwhile_is_not_asked_again(configured, gemini_emulator, monkeypatch):
    """Between looking for what is new and entering it, another may have entered the same."""
    workspace, index = configured("Acme")
    others = workspace.create_index("other", "google:gemini-embedding-001", settings=index.record.settings)
    others.add_paths([workspace.config.root / "reports" / "Acme.md"])
    others.add([("lone", "A record that only this index has.")])
    looked = enrichment_needs.asked_before

    def slowly(connection, model, keys):
        monkeypatch.setattr(enrichment_needs, "asked_before", looked)
        found = looked(connection, model, keys)
        index.enrichment("questions", MODEL).run(wait=False)
        return found

    monkeypatch.setattr(enrichment_needs, "asked_before", slowly)
    asked = others.enrichment("questions", MODEL)
    asked.run(wait=False)
    assert enrich(workspace, others, "questions").tally.enriched == others.count()
    assert enrich(workspace, index, "questions").tally.enriched == index.count()
    assert generated(gemini_emulator) == index.count() + 1


def test_refused_requests_leave_their_chunks_plain(configured, gemini_emulator, shell):
    """They are told, with what to do; everything else goes on, and nothing is missing from the search."""
    workspace, index = configured()
    gemini_emulator.faults.add("blocked-rows", fraction=0.2, times=1, seed=3)
    gemini_emulator.faults.add("malformed-rows", fraction=0.1, times=1, seed=5)
    found = enrich(workspace, index)
    assert 0 < found.tally.refused < index.count()
    assert found.tally.enriched == index.count() - found.tally.plain
    status = workspace.migration("docs").swap().status
    assert status.serving.variant == f"context by {MODEL}"
    assert index.tally().stored == index.count()
    ended = shell.run("enrich", "docs", "--with", "context", **PLUGIN)
    assert ended.status == 5
    assert "stay as they are" in ended.err
    sets = workspace.generation.all()
    assert sum(workspace.generation.open(each.name).retry() for each in sets) == found.tally.refused
    assert enrich(workspace, index).tally.enriched == index.count()


def test_questions_measure_a_search(configured, shell, tmp_path):
    """Each with the items that answer it, as `embedlane compare` reads them; the index stays as it is."""
    workspace, index = configured("Acme", "Globex")
    enrich(workspace, index, "questions")
    ended = shell.run("enrich", "docs", "--with", "questions", "-o", "asked.jsonl", "--json", **PLUGIN)
    assert ended.status == 0, ended.err
    queries = read_queries(tmp_path / "asked.jsonl").queries
    assert len(queries) == ended.json["questions"] >= index.count() / 2
    assert {item for query in queries for item in query.relevant} == {
        hit.id for hit in index.search("report", k=99)
    }
    options = CompareOptions(dimensions=[256], queries=tmp_path / "asked.jsonl", lane="sync")
    [measured, *_] = workspace.compare("docs", options).run().candidates
    assert measured.current
    assert workspace.migration("docs").status().other is None


def test_a_plan_sends_nothing_and_a_budget_holds(configured, gemini_emulator):
    """Both see what is to be asked and what is to be embedded."""
    workspace, index = configured()
    before = gemini_emulator.bill.total()
    plan = index.enrichment("context", MODEL).plan()
    assert (plan.requests, plan.tally.new) == (index.count(), index.count())
    assert plan.total == pytest.approx(plan.cost + plan.embedding_cost)
    with pytest.raises(RefusedError, match="the budget is"):
        index.enrichment("context", MODEL).run(budget=plan.total / 2)
    assert workspace.generation.all() == []
    assert gemini_emulator.bill.total() == before
    spent = gemini_emulator.bill.total().dollars
    enrich(workspace, index)
    assert gemini_emulator.bill.total().dollars - spent <= plan.total


def test_another_migration_is_in_the_way_before_anything_is_asked(configured, gemini_emulator):
    """What could not be embedded is not paid for."""
    workspace, index = configured("Acme")
    workspace.migration("docs").start("google:gemini-embedding-2", wait=False)
    with pytest.raises(RefusedError, match="one at a time"):
        index.enrichment("context", MODEL).run()
    assert generated(gemini_emulator) == 0


def test_an_enriched_index_stays_enriched_when_it_moves(configured):
    """To a smaller size without a call, and to another model with the same texts."""
    workspace, index = configured("Acme", "Globex")
    enrich(workspace, index)
    workspace.migration("docs").swap()
    workspace.migration("docs").finish()
    workspace.migration("docs").start("google:gemini-embedding-001", 256)
    serving = workspace.migration("docs").swap().status.serving
    assert serving.variant == f"context by {MODEL}"
    assert index.tally().stored == index.count()


_PLUGIN = """
from embedlane.plugin import Enricher, hookimpl

@hookimpl
def embedlane_enrichers():
    return [Enricher(name="NAME", summary="what it is about", prompt="What is this about? {chunk}")]
"""


def test_a_plugin_declares_an_enricher(configured, plugin, shell, monkeypatch):
    """It is asked like those of the core; what several declare is refused with the owners."""
    workspace, index = configured("Acme")
    topics = plugin("topics", _PLUGIN.replace("NAME", "topics"))
    both = {**PLUGIN, **topics, "EMBEDLANE_PLUGINS": "gemini,topics"}
    monkeypatch.setenv("EMBEDLANE_PLUGINS", "gemini,topics")
    with Workspace.open(workspace.config.root) as opened:
        enrich(opened, opened.index("docs"), "topics")
    ended = shell.run("enrich", "docs", "--with", "topics", "--json", **both)
    assert ended.status == 0, ended.err
    assert ended.json["build"]["status"]["other"]["variant"] == f"topics by {MODEL}"
    with pytest.raises(UnknownNameError, match="topics"):
        index.enrichment("topics", MODEL)


def test_two_enrichers_of_one_name_are_refused(configured, plugin, monkeypatch):
    """The order of installation must not choose."""
    workspace, _ = configured("Acme")
    plugin("again", _PLUGIN.replace("NAME", "context"))
    monkeypatch.setenv("EMBEDLANE_PLUGINS", "gemini,again")
    with Workspace.open(workspace.config.root) as opened:
        with pytest.raises(PluginError, match="again, embedlane"):
            opened.index("docs").enrichment("context", MODEL)
        assert opened.index("docs").enrichment("questions", MODEL).enricher.name == "questions"
