"""A comparison of two services over the wire: what they bill, and what the report draws of it."""

from __future__ import annotations

import pytest

from embedlane import CompareOptions, Query, QuerySet, Workspace
from embedlane.evaluation.report.page import render

GEMINI, OPENAI = "google:gemini-embedding-001", "openai:text-embedding-3-small"
#: Eight words each, in combinations that no two share.
TEXTS = [" ".join(f"term{(n + 1) * step % 997}" for step in range(1, 9)) for n in range(40)]
QUERIES = QuerySet(
    queries=tuple(
        Query(id=str(n), text=" ".join(text.split()[:3]), relevant={str(n): 1})
        for n, text in enumerate(TEXTS[:32])
    ),
    method="made up",
)


@pytest.fixture
def workspace(tmp_path, gemini_emulator, openai_emulator, monkeypatch):
    """A workspace with an index of 40 items on Gemini's model at 256 dimensions, embedded."""
    monkeypatch.setenv("KEY_OF_THE_TEST", "any-key-will-do")
    urls = {"openai": openai_emulator.base_url, "gemini": gemini_emulator.url}
    lines = ["canaries = false", f'[routes."{GEMINI}"]', 'sync = "gemini"']
    for name, url in urls.items():
        lines += [f"[providers.{name}]", f'base_url = "{url}"', 'api_key_env = "KEY_OF_THE_TEST"']
    (tmp_path / "embedlane.toml").write_text("\n".join(lines))
    with Workspace.open(tmp_path) as opened:
        index = opened.create_index("docs", GEMINI, dimensions=256)
        index.add((str(number), text) for number, text in enumerate(TEXTS))
        index.embed()
        yield opened


def test_each_model_is_billed_once_for_all_its_sizes(workspace, gemini_emulator, openai_emulator):
    """Contents are sent at their largest size, once; queries in each space that was embedded."""
    options = CompareOptions(models=[GEMINI, OPENAI], dimensions=[1536, 768, 256], queries=QUERIES, k=5)
    found = workspace.compare("docs", options).run()
    assert [each.dimensions for each in found.candidates] == [256, 1536, 768, 1536, 768, 256]
    # The index itself and one pass more, and the queries at 256 and at 1536 dimensions.
    assert gemini_emulator.bill.total().rows == 40 + 40 + 2 * 32
    assert openai_emulator.bill.total().rows == 40 + 32
    again = workspace.compare("docs", options)
    assert [embed.rows for embed in again.plan().embeds] == [0, 0, 0]
    again.run()
    assert openai_emulator.bill.total().rows == 40 + 2 * 32
    crossing = [abs(pair.cross_similarity) for pair in found.crossing]
    assert crossing
    assert max(crossing) < 0.1
    costs = {each.name: each.cheapest for each in found.candidates}
    assert costs[f"{GEMINI} @ 256"] == costs[f"{GEMINI} @ 768"] > costs[f"{OPENAI} @ 768"] > 0
    assert "US dollars for embedding all contents once" in render(found)


def test_a_retired_model_of_an_index_is_left_out_and_the_others_compared(workspace):
    """No query can be embedded with it; the first of the named models is the baseline then."""
    workspace.lanes.clock = lambda: 2_500_000_000.0  # 2049
    options = CompareOptions(models=[OPENAI], dimensions=[768, 256], queries=QUERIES, k=5)
    found = workspace.compare("docs", options).run()
    assert found.baseline == f"{OPENAI} @ 768"
    assert "The index's own model is left out, for no query can be embedded" in found.notes[0]
    assert not any(each.current for each in found.candidates)
