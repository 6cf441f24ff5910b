"""The main job, on real text: the docstrings of this machine's Python standard library.

Reads the docstrings, embeds one half through the sync lane and the other through the batch lane into one
index, answers questions, adds the same corpus again, and tries to mix in a second model. Every step checks
what it claims; the exit status is 1 if a check fails. Needs no key and no network.
"""

from __future__ import annotations

import sys
import sysconfig
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from embedlane import EmbedlaneError, IndexSettings, TooLong, Workspace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from embedlane import Index
    from embedlane.jobs.job import Job

MODEL = "local:all-minilm-l6-v2"
LIBRARY = Path(sysconfig.get_path("stdlib"))

#: Large modules of a special trade, left out to keep the demo short.
LEFT_OUT = frozenset(
    {"bdb", "cgi", "doctest", "ftplib", "imaplib", "mailbox", "nntplib", "optparse", "pdb", "pydoc"}
    | {"smtplib", "tarfile", "telnetlib", "turtle", "zipfile"}
)

#: Questions in other words than the documentation's, and ids of which one must be among the first five.
QUESTIONS = {
    "remove leading and trailing whitespace": ("string.py::capwords", "textwrap.py::dedent"),
    "run a command in a subprocess and capture what it prints": (
        "subprocess.py::check_output",
        "subprocess.py::getoutput",
        "subprocess.py::getstatusoutput",
        "subprocess.py::run",
    ),
    "most common elements of a list": ("collections/__init__.py::Counter.most_common", "statistics.py::mode"),
    "make a folder that disappears by itself when I am done": ("tempfile.py::TemporaryDirectory",),
    "show which lines two versions of a file do not share": (
        "difflib.py::context_diff",
        "difflib.py::ndiff",
        "difflib.py::unified_diff",
    ),
    "the middle value when numbers are put in order": (
        "statistics.py::median",
        "statistics.py::median_low",
        "statistics.py::median_high",
    ),
}


class Checks:
    """Counts the checks that fail, and goes on."""

    failed = 0

    def expect(self, what: str, holds: bool) -> None:
        """Print whether *what* holds, and remember if not."""
        print(f"  {'ok  ' if holds else 'FAIL'} {what}")
        self.failed += not holds


def main() -> int:
    """Run all steps and return the exit status."""
    began, checks = time.perf_counter(), Checks()
    with tempfile.TemporaryDirectory(prefix="embedlane-demo-") as folder, Workspace.open(folder) as workspace:
        index = workspace.create_index("stdlib", MODEL, settings=IndexSettings(on_too_long=TooLong.TRUNCATE))
        add(index, checks)
        embed(index, checks)
        ask(index, checks)
        add_again(index, checks)
        mix(workspace, checks)
    print(f"\n{time.perf_counter() - began:.1f} s in all, {checks.failed} checks failed")
    return 1 if checks.failed else 0


def corpus() -> list[Path]:
    """The public modules at the top of the standard library, and `collections`."""
    modules = sorted(path for path in LIBRARY.glob("*.py") if not path.name.startswith("_"))
    return [*(path for path in modules if path.stem not in LEFT_OUT), LIBRARY / "collections"]


def add(index: Index, checks: Checks) -> None:
    """Read the docstrings into the index."""
    print(f"Adding the docstrings of Python {sys.version.split()[0]} to index '{index.name}': {index.space}")
    report = index.add_paths(corpus(), root=LIBRARY)
    added = report.changes.added
    print(f"  {added} docstrings from {report.documents} files, {report.truncated} cut at the limit")
    checks.expect("over 2,000 documents", added > 2000)
    checks.expect("every file could be read", report.complete)


def embed(index: Index, checks: Checks) -> None:
    """Send one half through each lane."""
    plan = index.plan()
    print(f"\nEmbedding {plan.rows} distinct texts with {plan.tokens} tokens ({plan.basis})")
    half = plan.rows // 2
    for lane, limit in (("sync", half), ("batch", None)):
        began = time.perf_counter()
        report = index.embed(lane, limit=limit)
        seconds = time.perf_counter() - began
        sent = half if limit else plan.rows - half
        what = f"{report.sync.requests} requests" if report.sync else ", ".join(story(report.jobs))
        speed = f"{sent} texts, {sent / seconds:.0f} texts/s"
        print(f"  {lane:5} lane, provider {report.provider}: {speed}, {what}")
    checks.expect("every text has a vector", report.complete)
    checks.expect("a second run has nothing to do", index.plan().rows == 0)


def story(jobs: Iterable[Job]) -> Iterator[str]:
    """One phrase for each job."""
    for job in jobs:
        yield f"job {job.id} {job.state} ({job.reason})"


def ask(index: Index, checks: Checks) -> None:
    """Ask questions whose answers are known."""
    print("\nAsking")
    for question, answers in QUESTIONS.items():
        hits = [hit.id for hit in index.search(question, k=5)]
        found = next((hit for hit in hits if hit in answers), None)
        checks.expect(f"{question} → {found or ', '.join(hits)}", found is not None)


def add_again(index: Index, checks: Checks) -> None:
    """Add the same corpus again: nothing may be paid twice."""
    print("\nAdding the same corpus again")
    report = index.add_paths(corpus(), root=LIBRARY)
    changes = report.changes
    print(f"  {changes.unchanged} unchanged, {changes.added} added, {report.tally.pending} to embed")
    checks.expect("nothing is embedded again", report.tally.pending == 0 and changes.added == 0)


def mix(workspace: Workspace, checks: Checks) -> None:
    """Try to open the index with a second model."""
    print("\nOpening the index with a second model")
    refusal = ""
    try:
        workspace.index("stdlib", model="local:hash", dimensions=384)
    except EmbedlaneError as error:
        refusal = str(error)
    print("\n".join(f"  {line}" for line in refusal.splitlines()))
    both = "all-minilm-l6-v2" in refusal and "local:hash" in refusal
    checks.expect("it is refused, with both spaces side by side", both)


if __name__ == "__main__":
    sys.exit(main())
