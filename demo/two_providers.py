"""Two providers in one workspace, over the wire, against the local emulators.

Embeds the docstrings of this machine's standard library twice: into an index of OpenAI's
text-embedding-3-small at 512 dimensions, one half through each lane, and into an index of Gemini's
gemini-embedding-001 at 768, through the batch lane. Prints what both services billed, and how each index
refuses the other's model. The exit status is 1 if a check fails. Needs no key and no network.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

from standard_library import LIBRARY, Checks, corpus

from embedlane import Workspace
from embedlane.errors import EmbedlaneError
from embedlane.vectors.canaries import FIXED, OWN
from embedlane_emulator.emulator import GeminiEmulator, OpenAIEmulator

CONFIG = """
[indexes.openai]
model = "openai:text-embedding-3-small"
dimensions = 512
on_too_long = "truncate"

[indexes.gemini]
model = "google:gemini-embedding-001"
dimensions = 768
on_too_long = "truncate"

[routes."google:gemini-embedding-001"]
sync = "gemini"

[providers.openai]
base_url = "{openai}"
api_key_env = "DEMO_KEY"

[providers.gemini]
base_url = "{gemini}"
api_key_env = "DEMO_KEY"
"""

#: Questions that share words with their answers: the emulators' vectors know no synonyms.
QUESTIONS = {
    "dedent: remove common leading whitespace from every line": "textwrap.py::dedent",
    "list the n most common elements and their counts": "collections/__init__.py::Counter.most_common",
}


def main() -> int:
    """Run all steps and return the exit status."""
    began, checks = time.perf_counter(), Checks()
    os.environ["DEMO_KEY"] = "any-key-will-do"
    with (
        tempfile.TemporaryDirectory(prefix="embedlane-demo-") as folder,
        OpenAIEmulator() as openai,
        GeminiEmulator() as gemini,
    ):
        config = Path(folder, "embedlane.toml")
        config.write_text(CONFIG.format(openai=openai.base_url, gemini=gemini.url))
        with Workspace.open(config) as workspace:
            for name in ("openai", "gemini"):
                report = workspace.index(name).add_paths(corpus(), root=LIBRARY)
                print(f"Index '{name}': {workspace.index(name).space}, {report.changes.added} docstrings")
            embed(workspace, checks)
            bill(workspace, {"openai": openai, "gemini": gemini}, checks)
            refuse(workspace, checks)
            ask(workspace, checks)
    print(f"\n{time.perf_counter() - began:.1f} s in all, {checks.failed} checks failed")
    return 1 if checks.failed else 0


def embed(workspace: Workspace, checks: Checks) -> None:
    """Fill one index through both lanes, the other through its batch lane."""
    openai, gemini = workspace.index("openai"), workspace.index("gemini")
    half = openai.plan().rows // 2
    for index, lane, limit in ((openai, "sync", half), (openai, "batch", None), (gemini, "batch", None)):
        before, began = index.tally().stored, time.perf_counter()
        report = index.embed(lane, limit=limit)
        rows = report.tally.stored - before
        speed = rows / (time.perf_counter() - began)
        print(f"  {index.name}: {rows} texts in the {lane} lane of {report.provider}, {speed:.0f} texts/s")
    checks.expect("every text has both vectors", not openai.tally().pending and not gemini.tally().pending)


def bill(workspace: Workspace, emulators: dict[str, GeminiEmulator | OpenAIEmulator], checks: Checks) -> None:
    """Compare what both services billed with one pass over the corpus each."""
    print("\nBilled by the emulators")
    for name, emulator in emulators.items():
        total = emulator.bill.total()
        for lane in ("sync", "batch"):
            part = emulator.bill.total(lane)
            print(f"  {name:7} {lane:5} {part.rows:5} texts {part.tokens:8} tokens ${part.dollars:.5f}")
        wanted = workspace.index(name).tally().wanted
        lanes = sum(emulator.bill.total(lane).rows > 0 for lane in ("sync", "batch"))
        canaries = lanes * (len(FIXED) + OWN)
        checks.expect(f"{name}: each text was paid for once, and canaries", total.rows == wanted + canaries)
        checks.expect(f"{name}: one job for each tag", set(emulator.bill.creates().values()) == {1})


def refuse(workspace: Workspace, checks: Checks) -> None:
    """Ask each index for the other's model."""
    print("\nRefused")
    for name, model in (
        ("openai", "google:gemini-embedding-001"),
        ("gemini", "openai:text-embedding-3-small"),
    ):
        try:
            workspace.index(name, model=model)
        except EmbedlaneError as error:
            print("  " + str(error).replace("\n", "\n  "))
            checks.expect(f"{name} refuses {model}", model in str(error))
        else:
            checks.expect(f"{name} refuses {model}", False)


def ask(workspace: Workspace, checks: Checks) -> None:
    """Put the questions to both."""
    print("\nAsking")
    for name in ("openai", "gemini"):
        for question, answer in QUESTIONS.items():
            hits = [hit.id for hit in workspace.index(name).search(question, k=5)]
            checks.expect(f"{name}: {question} → {answer}", answer in hits)


if __name__ == "__main__":
    sys.exit(main())
