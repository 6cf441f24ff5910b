"""The names of processes that hold something in the ledger, and whether one of them is gone."""

from __future__ import annotations

import os
import platform
import uuid
from pathlib import Path


def this_machine() -> str:
    """A name for where a process's number means this process.

    The names of machines repeat, as those of containers and of virtual machines that were copied do. Linux
    also says which boot of which kernel this is, and among whose processes numbers are counted.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        counted = Path("/proc/self/ns/pid").readlink()
    except OSError:
        return platform.node()
    return f"{platform.node()} {boot} {counted}"


def new_worker() -> str:
    """A name for a run of this process: machine, process, and a part of its own."""
    return f"{this_machine()}/{os.getpid()}/{uuid.uuid4().hex[:8]}"


def is_dead(worker: str) -> bool:
    """Whether *worker* ran on this machine and its process is gone; False where that can't be known."""
    machine, process, _run = worker.rsplit("/", 2)
    # On Windows, os.kill would end the process instead of looking for it.
    if machine != this_machine() or os.name != "posix":
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False
