"""The one place that turns what went wrong into words on stderr, JSON on stdout, and an exit status."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING

import click

from embedlane.cli.output import to_json
from embedlane.errors import EmbedlaneError
from embedlane.jobs.states import REMOTE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from embedlane.cli.session import Session

#: Exit status after Ctrl-C: 128 and the number of SIGINT.
INTERRUPTED = 130


@contextlib.contextmanager
def terminable() -> Iterator[None]:
    """Let SIGTERM end the command as Ctrl-C does: nothing is left half done, and what goes on is told."""
    # Only the main thread may; a program that calls the command line from another has its own ways.
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def wants_json(arguments: Sequence[str]) -> bool:
    """Whether ``--json`` was typed, also where the rest can't be understood."""
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return "--json" in options


def failed(error: EmbedlaneError, *, as_json: bool) -> int:
    """Report an error of the library."""
    _report(type(error).__name__, error.message.rstrip(), error.hint, as_json=as_json)
    return error.exit_status


def misused(error: click.ClickException, *, as_json: bool) -> int:
    """Report what click could not understand; for a bare ``embedlane`` show the help."""
    ctx = getattr(error, "ctx", None)
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()
        return error.exit_code
    command = ctx.command_path if ctx is not None else "embedlane"
    hint = f"`{command} --help` shows how it is used."
    _report("UsageError", error.format_message(), hint, as_json=as_json)
    return error.exit_code


def interrupted(session: Session, *, as_json: bool) -> int:
    """Say after Ctrl-C how to go on, and which jobs the providers go on with."""
    hint = " ".join(("Run the same command again to go on; what was done is kept.", *_running(session)))
    _report("Interrupted", "Interrupted.", hint, as_json=as_json)
    return INTERRUPTED


def stopped(session: Session) -> int:
    """Do what `interrupted` does, for a command that has already printed what it did."""
    return interrupted(session, as_json=False)


def unheard() -> int:
    """End quietly when nobody reads stdout any more."""
    # Python flushes stdout at its end, and would complain then.
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1


def complain(message: str, hint: str = "") -> None:
    """Write an error for people to stderr."""
    click.echo(f"error: {message}", err=True)
    if hint:
        click.echo(f"hint: {hint}", err=True)


def _report(kind: str, message: str, hint: str, *, as_json: bool) -> None:
    if as_json:
        click.echo(to_json({"error": {"type": kind, "message": message, "hint": hint}}))
    complain(message, hint)


def _running(session: Session) -> list[str]:
    """A sentence on the jobs that cost money while nobody watches; none if there are none."""
    workspace = session.workspace
    if workspace is None:
        return []
    with contextlib.suppress(EmbedlaneError):
        jobs = [report.job for report in workspace.jobs() if report.job.state in REMOTE]
        workspace.close()
        if jobs:
            names = ", ".join(f"{job.id} ({job.provider})" for job in jobs)
            return [
                f"These jobs go on running at their providers: {names}.",
                "`embedlane work` collects them; `embedlane jobs cancel ID` stops one.",
            ]
    return []
