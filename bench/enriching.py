"""What enrichment is worth on the standard library's docstrings, by the emulator: nDCG@10 before and after.

The emulator's vectors are hashed words, and its context is the first line of a module's docstrings.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from stdlib_corpus import QUERIES, library_index

from embedlane import Index, Workspace
from embedlane.evaluation.metrics import ndcg
from embedlane.evaluation.queries import read_queries
from embedlane_emulator.emulator import GeminiEmulator

EMBEDS, TALKS = "google:gemini-embedding-001", "google:gemini-2.5-flash-lite"


def quality(index: Index) -> np.ndarray:
    """The nDCG@10 of each query."""
    values = []
    for query in read_queries(QUERIES).queries:
        gains = np.array([query.relevant.get(hit.id, 0) for hit in index.search(query.text, k=10)])
        values.append(ndcg(gains, np.array(list(query.relevant.values())), 10))
    return np.array(values)


def main() -> None:
    """Measure, enrich, measure again."""
    os.environ |= {"EMBEDLANE_PLUGINS": "gemini", "KEY_OF_THE_BENCH": "any-key-will-do"}
    with tempfile.TemporaryDirectory() as folder, GeminiEmulator() as emulator:
        emulator.configure(pending=0, running=0)
        (Path(folder) / "embedlane.toml").write_text(
            "canaries = false\n"
            f'[providers.gemini]\nbase_url = "{emulator.url}"\napi_key_env = "KEY_OF_THE_BENCH"\n'
        )
        with Workspace.open(folder) as workspace:
            index = library_index(workspace, "library", EMBEDS)
            index.embed()
            before = quality(index)
            report = index.enrichment("context", TALKS).run()
            workspace.migration("library").swap()
            gain = quality(index) - before
    chance = np.random.default_rng(0)
    means = [chance.choice(gain, len(gain)).mean() for _ in range(5000)]
    low, high = np.percentile(means, [2.5, 97.5])
    print(f"{report.tally.enriched:,} of {report.tally.enriched + report.tally.plain:,} chunks enriched")
    print(f"nDCG@10 {before.mean():.3f} before, {(before + gain).mean():.3f} after, {len(gain)} queries")
    print(f"difference {gain.mean():+.3f}, 95 %: {low:+.3f} to {high:+.3f}")
    print(f"{(gain > 0).sum()} queries better, {(gain < 0).sum()} worse")


if __name__ == "__main__":
    main()
