"""Gemini through both SDKs, over the wire, against the local emulator.

Embeds the docstrings of this machine's standard library at 768 dimensions into one index: one half through
the sync lane of the legacy SDK google-generativeai, the other through the batch lane of the new SDK
google-genai. Prints what the emulator billed for each lane, and what the batch lane saved. The exit status is
1 if a check fails. Needs no key and no network.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

from standard_library import LIBRARY, Checks, corpus

from embedlane import Index, Workspace
from embedlane.vectors.canaries import FIXED, OWN
from embedlane_emulator.emulator import GeminiEmulator

MODEL = "google:gemini-embedding-001"

CONFIG = """
[indexes.stdlib]
model = "{model}"
dimensions = 768
on_too_long = "truncate"

[routes."{model}"]
sync = "gemini-legacy"
batch = "gemini"

[providers.gemini]
base_url = "{url}"
api_key_env = "DEMO_KEY"

[providers.gemini-legacy]
base_url = "{url}"
api_key_env = "DEMO_KEY"
"""

#: Questions that share words with their answers: the emulator's vectors know no synonyms.
QUESTIONS = {
    "dedent: remove common leading whitespace from every line": "textwrap.py::dedent",
    "run a command in a shell and return its output": "subprocess.py::getoutput",
    "list the n most common elements and their counts": "collections/__init__.py::Counter.most_common",
}


def main() -> int:
    """Run all steps and return the exit status."""
    began, checks = time.perf_counter(), Checks()
    os.environ["DEMO_KEY"] = "any-key-will-do"
    with tempfile.TemporaryDirectory(prefix="embedlane-demo-") as folder, GeminiEmulator() as emulator:
        config = Path(folder, "embedlane.toml")
        config.write_text(CONFIG.format(model=MODEL, url=emulator.url))
        with Workspace.open(config) as workspace:
            index = workspace.index("stdlib")
            add(index, checks)
            embed(index, checks)
            bill(emulator, index, checks)
            ask(index, checks)
    print(f"\n{time.perf_counter() - began:.1f} s in all, {checks.failed} checks failed")
    return 1 if checks.failed else 0


def add(index: Index, checks: Checks) -> None:
    """Read the docstrings into the index."""
    report = index.add_paths(corpus(), root=LIBRARY)
    print(f"Index '{index.name}': {index.space}, {report.changes.added} docstrings")
    checks.expect("over 2,000 documents", report.changes.added > 2000)


def embed(index: Index, checks: Checks) -> None:
    """Send one half through each SDK."""
    plan = index.plan()
    for lane in plan.lanes:
        print(f"  plan: {plan.rows} texts in the {lane.lane} lane of {lane.provider} cost ${lane.cost:.4f}")
    half = plan.rows // 2
    for name, limit in (("sync", half), ("batch", None)):
        began = time.perf_counter()
        report = index.embed(name, limit=limit)
        sent = half if limit else plan.rows - half
        speed = sent / (time.perf_counter() - began)
        print(f"  {name} lane through {report.provider}: {sent} texts, {speed:.0f} texts/s")
    checks.expect("every text has a vector", report.complete)


def bill(emulator: GeminiEmulator, index: Index, checks: Checks) -> None:
    """Compare the emulator's bill with one pass over the corpus."""
    print("\nBilled by the emulator")
    sync, batch = emulator.bill.total("sync"), emulator.bill.total("batch")
    for name, total in (("sync", sync), ("batch", batch)):
        print(f"  {name:5} {total.rows:5} texts {total.tokens:8} tokens ${total.dollars:.5f}")
    saved = batch.dollars  # half price: what was paid once more would have been paid in the sync lane
    print(f"  the batch lane saved ${saved:.5f}, half of its sync price")
    tally = index.tally()
    canaries = 2 * (len(FIXED) + OWN)  # one set with each lane
    paid = sync.rows + batch.rows
    checks.expect("each distinct text was paid for once, and the canaries", paid == tally.wanted + canaries)
    checks.expect("one job was created for each tag", set(emulator.bill.creates().values()) == {1})


def ask(index: Index, checks: Checks) -> None:
    """Ask through the legacy SDK for what either lane has embedded."""
    print("\nAsking")
    for question, answer in QUESTIONS.items():
        hits = [hit.id for hit in index.search(question, k=5)]
        checks.expect(f"{question} → {answer}", answer in hits)


if __name__ == "__main__":
    sys.exit(main())
