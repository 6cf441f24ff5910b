"""Timing side by side: each contestant in turn, several rounds, ratios of medians."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping

#: Rounds of each comparison. Contestants take turns, so that a change of the machine's speed hits all.
ROUNDS = 5


def compare(title: str, unit: str, amount: float, contestants: Mapping[str, Callable[[], object]]) -> None:
    """Time *contestants*, each doing *amount* of *unit*, and print rates and ratios to the first.

    Args:
        title: What is measured.
        unit: What *amount* counts.
        amount: How much one call does.
        contestants: Name and deed; the first is embedlane.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(ROUNDS):
        for name, deed in contestants.items():
            began = time.perf_counter()
            deed()
            seconds[name].append(time.perf_counter() - began)
    report(title, unit, amount, seconds)


def report(title: str, unit: str, amount: float, seconds: Mapping[str, list[float]]) -> None:
    """Print rates and ratios to the first of what was measured, as `compare` does.

    Args:
        title: What was measured.
        unit: What *amount* counts.
        amount: How much one call did.
        seconds: Name and durations; the first is embedlane.
    """
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    first = next(iter(medians.values()))
    print(f"\n{title}")
    for name, median in medians.items():
        spread = f"{min(seconds[name]) * 1000:.1f} to {max(seconds[name]) * 1000:.1f} ms"
        print(
            f"  {name:42} {amount / median:>12,.0f} {unit}/s   {median * 1000:9.1f} ms ({spread})"
            f"   embedlane takes {first / median:.2f} times as long"
        )


def process(*arguments: str) -> Callable[[], object]:
    """A deed that runs this Python with *arguments*, and fails if that fails."""
    return lambda: subprocess.run([sys.executable, *arguments], check=True, capture_output=True)


def peak_megabytes(code: str, *arguments: str) -> float:
    """Peak memory of a process that runs *code*, in MB."""
    report = "\nimport resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    done = subprocess.run(
        [sys.executable, "-c", code + report, *arguments], check=True, capture_output=True, text=True
    )
    return int(done.stdout.splitlines()[-1]) / 1024
