"""The names of processes that hold something in the ledger, and whether one of them is gone."""

from __future__ import annotations

import os
import platform
import uuid


def new_worker() -> str:
    """A name for a run of this process: machine, process, and a part of its own."""
    return f"{platform.node()}/{os.getpid()}/{uuid.uuid4().hex[:8]}"


def is_dead(worker: str) -> bool:
    """Whether *worker* ran on this machine and its process is gone; False where that can't be known."""
    node, process, _run = worker.rsplit("/", 2)
    # On Windows, os.kill would end the process instead of looking for it.
    if node != platform.node() or os.name != "posix":
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False
