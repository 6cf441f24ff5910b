"""Text for people: tables, amounts, times. Rich is imported when a table is printed, not before."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.table import Table

#: Columns of a line that nobody's terminal bounds: nothing is cut or wrapped in a pipe.
_UNBOUNDED = 100_000


def say(text: str) -> None:
    """Print one line of an answer."""
    click.echo(text)


def note(text: str) -> None:
    """Tell something beside the answer, on stderr."""
    click.echo(text, err=True)


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table; ids are folded on a narrow terminal, never cut."""
    from rich.console import Console  # noqa: PLC0415 - takes longer than most commands

    cells = grid(headings, rows)
    width = None if sys.stdout.isatty() else _UNBOUNDED
    console = Console(width=width, markup=False, highlight=False, emoji=False)
    if sys.stdout.isatty():
        console.print(cells)
        return
    with console.capture() as capture:
        console.print(cells)
    # Cells are padded; a pipe wants lines that end where their text does.
    click.echo("\n".join(line.rstrip() for line in capture.get().splitlines()))


def grid(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """A table for rich to print."""
    from rich.table import Table  # noqa: PLC0415 - takes longer than most commands
    from rich.text import Text  # noqa: PLC0415

    made = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        made.add_column(heading, overflow="fold")
    for row in rows:
        # Never as markup: a provider's words may hold brackets.
        made.add_row(*(Text(printable(str(cell))) for cell in row))
    return made


def pairs(rows: Iterable[tuple[str, object]]) -> None:
    """Print names and values, aligned."""
    known = list(rows)
    width = max(len(name) for name, _ in known)
    for name, value in known:
        click.echo(f"{name:<{width}}  {printable(str(value))}".rstrip())


def printable(text: str) -> str:
    """*text* on one line and without control codes, which a corpus may hold and a terminal would obey."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def shortened(text: str, width: int) -> str:
    """The head of *text* on one line, its runs of blanks made one."""
    line = printable(" ".join(text.split()))
    return line if len(line) <= width else f"{line[: width - 1].rstrip()}…"


def dollars(amount: float | None) -> str:
    """Such as ``$1.50``, ``free`` or ``unknown``."""
    if amount is None:
        return "unknown"
    if amount == 0:
        return "free"
    return f"${amount:.2f}" if amount >= 0.01 else f"${amount:.2g}"


def moment(seconds: float | None) -> str:
    """A time of the ledger in UTC, such as ``2026-11-21 08:15:00 UTC``."""
    if seconds is None:
        return ""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def span(time: timedelta | None) -> str:
    """A rough length of time, such as ``3 min`` or ``unknown``."""
    if time is None:
        return "unknown"
    seconds = time.total_seconds()
    for unit, length in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 1.5 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 1 else "under 1 s"


def counted(number: int, noun: str) -> str:
    """Such as ``1 file`` or ``1,200 files``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
