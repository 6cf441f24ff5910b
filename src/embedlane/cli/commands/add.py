"""``embedlane add``: read, cut and enter documents."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from embedlane.cli.opening import opened
from embedlane.cli.output import emit, json_option, quiet_option
from embedlane.cli.progress import progress
from embedlane.cli.session import Session
from embedlane.cli.tables import counted, note, printable, say
from embedlane.errors import IncompleteError, UsageError
from embedlane.text.reading import JSONL_SUFFIXES

if TYPE_CHECKING:
    from embedlane.workspace.reports import AddReport


@click.command(epilog="Example: embedlane add docs notes/ --prune")
@click.argument("name")
@click.argument("paths", nargs=-1, required=True, metavar="PATH…")
@click.option("--jsonl", is_flag=True, help="Read JSON Lines: an item for each line.")
@click.option("--id-field", metavar="FIELD", help="With --jsonl: the field of the id; default: id.")
@click.option("--text-field", metavar="FIELD", help="With --jsonl: the field of the text; default: text.")
@click.option("--root", metavar="DIR", help="Ids are relative to it; default: the configuration's folder.")
@click.option("--prune", is_flag=True, help="Remove items below PATH that are no longer there.")
@quiet_option
@json_option
@click.pass_context
def add(
    ctx: click.Context,
    *,
    name: str,
    paths: tuple[str, ...],
    jsonl: bool,
    id_field: str | None,
    text_field: str | None,
    root: str | None,
    prune: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Read files, directories or standard input (-), cut them, and enter the pieces into an index."""
    session = ctx.ensure_object(Session)
    fields = _fields(id_field, text_field, jsonl=jsonl)
    with opened(session) as workspace:
        target = workspace.index(name)
        with progress("adding", None, hidden=quiet or as_json) as advance:
            options: dict[str, Any] = {
                **fields,
                "root": Path(root).absolute() if root is not None else None,
                "stdin": sys.stdin.buffer,
                "prune": prune,
                "on_progress": advance,
            }
            report = (target.add_jsonl if jsonl else target.add_paths)(paths, **options)
    _note_losses(report)
    _note_jsonl(paths, jsonl=jsonl)
    emit(as_json, report, lambda value: _render(name, value))
    if not report.complete:
        ctx.exit(IncompleteError.exit_status)


def _fields(id_field: str | None, text_field: str | None, *, jsonl: bool) -> dict[str, str]:
    given = {"id_field": id_field, "text_field": text_field}
    chosen = {key: value for key, value in given.items() if value is not None}
    if chosen and not jsonl:
        option = f"--{next(iter(chosen)).replace('_', '-')}"
        raise UsageError(f"{option} says something about JSON Lines only.", "Add --jsonl, or leave it out.")
    return chosen


def _note_losses(report: AddReport) -> None:
    """Name what was not taken, or not whole."""
    losses = (
        ("error: unreadable", report.unreadable, report.unreadable_places),
        ("error: too long", report.refused, report.refused_items),
        ("warning: cut at the limit", report.truncated, report.truncated_items),
    )
    for label, count, known in losses:
        for place in known:
            note(f"{label}: {printable(str(place))}")
        if count > len(known):
            note(f"{label}: {count - len(known):,} more")
    if report.refused:
        note("hint: An index made with --on-too-long truncate or chunk takes long texts.")


def _note_jsonl(paths: tuple[str, ...], *, jsonl: bool) -> None:
    named = [path for path in paths if Path(path).suffix.lower() in JSONL_SUFFIXES]
    if named and not jsonl:
        note(f"warning: {printable(named[0])} was read as plain text; --jsonl makes an item of each line.")


def _render(name: str, report: AddReport) -> None:
    changes = report.changes
    say(
        f"{counted(report.documents, 'document')}: {counted(changes.added, 'item')} added, "
        f"{changes.updated:,} updated, {changes.unchanged:,} unchanged, {changes.removed:,} removed; "
        f"{report.tally.pending:,} pending."
    )
    if report.tally.pending:
        note(f"hint: `embedlane plan {name}` says what it costs, `embedlane embed {name}` does it.")
