"""``make fuzz``: kill the batch lane at many points, and say what was seen."""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).with_name("kit")))

from places import workplace
from points import points
from runs import Runner
from summary import Summary
from verdict import Judge

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from runs import Point

#: Points that a process does before it says so.
_BATCH = 25
_judge: Judge


def main() -> int:
    """Do what the command line says; 1 if a promise was broken."""
    asked = _arguments()
    with workplace() as root:
        (root / "0").mkdir()
        with Runner.start(root / "0") as runner:
            judge = Judge(runner)
            wanted = points(asked.seed, judge.length)
            if asked.point is not None:
                return _again(judge, asked, next(itertools.islice(wanted, asked.point, None)))
            return _all(asked, list(itertools.islice(wanted, asked.points)), root)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--points", type=int, default=10_000)
    parser.add_argument("--point", type=int, help="do this point again, and nothing else")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    return parser.parse_args()


def _again(judge: Judge, asked: argparse.Namespace, point: Point) -> int:
    _say(f"seed {asked.seed}, point {asked.point}: {point}")
    try:
        report = judge.judge(point)
    except AssertionError as error:
        _say(error)
        return 1
    _say("\n\n".join(f"{tag}\n{story}" for tag, story in report.remains.stories.items()))
    return 0


def _all(asked: argparse.Namespace, wanted: list[Point], root: Path) -> int:
    started, total, broken = time.monotonic(), Summary(), 0
    _say(f"seed {asked.seed}, {asked.points:,} points of {asked.processes} processes")
    with ProcessPoolExecutor(
        asked.processes, multiprocessing.get_context("spawn"), initializer=_start, initargs=(root,)
    ) as pool:
        for summary, errors in pool.map(_do, _batches(enumerate(wanted))):
            total += summary
            for number, error in errors:
                broken += 1
                _say(f"BROKEN, again with: make fuzz SEED={asked.seed} POINT={number}\n{error}")
            if total.points % 1000 < _BATCH:
                _say(f"{total.points:,} points, {time.monotonic() - started:.0f} s")
    seconds = time.monotonic() - started
    _say(f"\nseed {asked.seed}, {seconds:.0f} s, {seconds / asked.points:.3f} s for a point")
    _say(total)
    _say(f"{broken:,} points broke a promise")
    return 1 if broken else 0


def _say(text: object) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _batches(wanted: Iterator[tuple[int, Point]]) -> Iterator[Sequence[tuple[int, Point]]]:
    while batch := list(itertools.islice(wanted, _BATCH)):
        yield batch


def _start(root: Path) -> None:
    """Be a process of the pool. What it starts ends with it: its end closes their input."""
    global _judge  # noqa: PLW0603 -- a process of a pool has no other place to keep something
    place = root / str(os.getpid())
    place.mkdir()
    _judge = Judge(Runner.start(place))


def _do(batch: Sequence[tuple[int, Point]]) -> tuple[Summary, list[tuple[int, str]]]:
    summary, errors = Summary(), []
    for number, point in batch:
        try:
            summary.add(_judge.judge(point))
        except AssertionError as error:
            errors.append((number, str(error)))
    return summary, errors


if __name__ == "__main__":
    sys.exit(main())
