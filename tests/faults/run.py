"""Try every fault alone and all pairs, and record what they come to.

``make faults`` runs it and renews docs/reference/faults.md. It ends with 1 if a promise was broken, or if
something else came of a fault than was expected.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from lab.cases import Case, pairs, singles
from lab.lab import Lab
from lab.promises import broken_promises
from lab.record import FILE, Record
from lab.results import Result, result_of
from lab.services import SERVICES

#: A service, and whether a case of it is one of its pairs, with the case.
_Task = tuple[str, bool, Case]
_labs: list[Lab] = []


def _set_up(root: str) -> None:
    _labs.append(Lab(Path(tempfile.mkdtemp(dir=root))))


def _try(task: _Task) -> tuple[_Task, Result, list[str]]:
    service, _, case = task
    trial, plain = _labs[0].run(service, case)
    result = result_of(trial, plain)
    wrong = broken_promises(trial, plain)
    if case.expected not in {None, result.fate}:
        wrong.append(f"{case.expected} was expected, but it is {result.fate}")
    return task, result, wrong


def _tasks(*, with_pairs: bool) -> list[_Task]:
    tasks = [(name, False, case) for name, service in SERVICES.items() for case in singles(service)]
    if with_pairs:
        tasks += [(name, True, case) for name, service in SERVICES.items() for case in pairs(service)]
    return tasks


def main() -> int:
    """Run; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--singles", action="store_true", help="leave the pairs out, and their record as it is"
    )
    with_pairs = not parser.parse_args().singles
    record, tasks, failures, began = Record(), _tasks(with_pairs=with_pairs), 0, time.monotonic()
    if not with_pairs:
        record.pairs = Record.load().pairs
    spawn = multiprocessing.get_context("spawn")
    with (
        tempfile.TemporaryDirectory() as root,
        ProcessPoolExecutor(os.cpu_count(), spawn, _set_up, (root,)) as pool,
    ):
        for (service, is_pair, case), result, wrong in pool.map(_try, tasks, chunksize=4):
            if is_pair:
                record.pairs.setdefault(service, {})[case.fault] = (result.fate, result.most_per_tag)
            else:
                record.singles.setdefault(service, {})[case.name] = result
            failures += bool(wrong)
            for each in wrong:
                sys.stdout.write(f"{service}, {case.name}: {each}\n")
    record.save()
    seconds = time.monotonic() - began
    sys.stdout.write(
        f"{len(tasks)} cases in {seconds:.0f} s, {failures} not as promised or expected; wrote {FILE.name}\n"
    )
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
