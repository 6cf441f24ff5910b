"""A process that has done the work once, and then forks a child for each run.

It holds no thread, no connection and no open ledger, so that a child is as good as a new process, at a tenth
of the time: modules are imported, classes are built, settings are read. It reads a JSON line for each run and
answers with the exit status of the child, which it has waited for: nothing of it is left.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import ssl
import sys
import time
import traceback
from functools import cache, partial
from pathlib import Path
from typing import Any

from shared_clock import SharedClock

#: Seconds after which a child ends itself, so that nobody has to watch it.
PATIENCE = 60
#: How often a person would start the same command before calling for help.
_RUNS = 12


def serve(clock: SharedClock) -> None:
    """Answer requests until there are no more."""
    workspaces: dict[str, Any] = {}
    for line in sys.stdin:
        request = json.loads(line)
        place = request["place"]
        if place not in workspaces:
            workspaces[place] = _rehearsed(request, clock)
            status = 0
        else:
            status = _forked(request, workspaces[place])
        sys.stdout.write(f"{status}\n")
        sys.stdout.flush()


def _rehearsed(request: dict[str, Any], clock: SharedClock) -> Any:
    """The workspace that is asked for, closed again after the work was done without any trouble."""
    # Reading the certificates is most of opening a client, and nobody here needs them.
    ssl.create_default_context = cache(ssl.create_default_context)
    workspace = importlib.import_module("embedlane.workspace.workspace").Workspace.open(request["place"])
    workspace.clock = clock.now
    _work(workspace, request["model"])
    importlib.import_module("boundaries")
    gc.collect()
    gc.freeze()
    return workspace


def _forked(request: dict[str, Any], workspace: Any) -> int:
    child = os.fork()
    if not child:
        _be_killed(request, workspace)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def _be_killed(request: dict[str, Any], workspace: Any) -> None:
    """Be the child: work until all is done, or until the boundary to be killed at."""
    status = 1
    try:
        signal.alarm(PATIENCE)
        errors, log = (_appended(request["place"], name) for name in ("errors", "boundaries"))
        os.dup2(errors, 1)
        os.dup2(errors, 2)
        boundaries = sys.modules["boundaries"].Boundaries(log, request["kill_at"])
        boundaries.watch(sys.modules[request["transport"]])
        _work(workspace, request["model"])
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def _appended(place: str, name: str) -> int:
    return os.open(Path(place, name), os.O_WRONLY | os.O_CREAT | os.O_APPEND)


def _work(workspace: Any, model: str) -> None:
    """Run ``embedlane embed --wait``, or ``embedlane generate run``, until nothing is left to do."""
    file = Path(workspace.config.root, "requests.jsonl")
    with workspace:
        for _ in range(_RUNS):
            if _done(workspace, file, model):
                return
        raise AssertionError(f"not done after {_RUNS} runs: {workspace.jobs()}")


def _done(workspace: Any, file: Path, model: str) -> bool:
    """Run it once; whether nothing is left to do."""
    if file.exists():
        work = workspace.generation.enter_file(file, model)
        run = work.wait
    else:
        work = workspace.index("docs")
        run = partial(work.embed, "batch")
    try:
        run()
    except sys.modules["embedlane.errors"].EmbedlaneError:
        traceback.print_exc()
    tally = work.tally()
    with workspace.ledger.read() as connection:
        left = workspace.manager.book.unfinished(connection)
    return not (tally.pending or tally.in_flight or left)


if __name__ == "__main__":
    turned = SharedClock.of(Path(sys.argv[1]))
    # Before anything is imported that keeps it: who sleeps turns the clock.
    time.sleep = turned.sleep
    serve(turned)
