"""MiniLM, its cut sizes and the hash model on the standard library's docstrings. Prints; asserts nothing.

The 84 questions are written by hand, in other words than the docstrings'; the tests use them, too.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from stdlib_corpus import QUERIES, library_index

from embedlane import Workspace
from embedlane.cli.comparisons import render_comparison
from embedlane.evaluation.report.page import write_report
from embedlane.workspace.comparing import CompareOptions


def main() -> None:
    """Compare, print the tables, and write a report where one is named."""
    with tempfile.TemporaryDirectory() as folder, Workspace.open(folder) as workspace:
        library_index(workspace, "library", "local:all-minilm-l6-v2")
        options = CompareOptions(
            models=["local:all-minilm-l6-v2", "local:hash"], dimensions=[384, 256, 128, 64], queries=QUERIES
        )
        began = time.perf_counter()
        found = workspace.compare("library", options).run()
    render_comparison(found, per_query="--per-query" in sys.argv)
    print(f"\n{time.perf_counter() - began:.1f} s, embedding included")
    for name in (name for name in sys.argv[1:] if name.endswith(".html")):
        write_report(found, Path(name))


if __name__ == "__main__":
    main()
