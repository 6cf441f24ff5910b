"""``embedlane index export`` and ``import``: take vectors out, and bring in what is already paid for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from embedlane.cli.opening import opened
from embedlane.cli.output import emit, json_option, quiet_option
from embedlane.cli.progress import progress
from embedlane.cli.session import Session, pass_session
from embedlane.cli.tables import counted, dollars, note, printable, say
from embedlane.errors import IncompleteError, UsageError
from embedlane.workspace.importing import import_index
from embedlane.workspace.transfers import SAMPLE, ImportOptions

if TYPE_CHECKING:
    from embedlane.workspace.transfers import ExportReport, ImportReport, SampleReport


@click.command("export", epilog="Example: embedlane index export docs docs.parquet")
@click.argument("name")
@click.argument("out")
@quiet_option
@json_option
@pass_session
def export_vectors(session: Session, name: str, out: str, quiet: bool, as_json: bool) -> None:
    """Write items, vectors and their space to OUT: .parquet, .jsonl, .jsonl.gz or .npz."""
    with opened(session) as workspace:
        index = workspace.index(name)
        with progress("exporting", index.count(), hidden=quiet or as_json) as advance:
            report = index.export(out, on_progress=advance)
    emit(as_json, report, lambda value: _render_export(name, value))


@click.command("import", epilog="Example: embedlane index import docs docs.parquet")
@click.argument("name")
@click.argument("files", nargs=-1, required=True, metavar="FILE…")
@click.option("--model", metavar="ID", help="The model of the vectors; default: as the file declares.")
@click.option("--dimensions", type=click.IntRange(min=1), help="Their size; default: as they are.")
@click.option("--id-field", metavar="FIELD", default="id", show_default=True, help="The field of the id.")
@click.option("--text-field", metavar="FIELD", default="text", show_default=True, help="That of the text.")
@click.option(
    "--vector-field", metavar="FIELD", default="vector", show_default=True, help="That of the vector."
)
@click.option("--sample", type=click.IntRange(min=1), help=f"Rows to embed again; default: {SAMPLE}.")
@click.option("--no-check", is_flag=True, help="Compare nothing: take the vectors on their word.")
@quiet_option
@json_option
@click.pass_context
def import_vectors(
    ctx: click.Context,
    /,
    *,
    name: str,
    files: tuple[str, ...],
    sample: int | None,
    no_check: bool,
    quiet: bool,
    as_json: bool,
    **read_as: Any,
) -> None:
    """Bring in items with vectors that are paid for; a sample is embedded again and compared first."""
    if no_check and sample is not None:
        raise UsageError("--no-check compares nothing, so --sample has no meaning.", "Leave one out.")
    options = ImportOptions(**read_as, sample=0 if no_check else sample or SAMPLE)
    with (
        opened(ctx.ensure_object(Session)) as workspace,
        progress("importing", None, hidden=quiet or as_json) as advance,
    ):
        report = import_index(workspace, name, list(map(Path, files)), options, on_progress=advance)
    _note_check(report)
    _note_bad(report)
    emit(as_json, report, _render_import)
    if not report.complete:
        ctx.exit(IncompleteError.exit_status)


def _render_export(name: str, report: ExportReport) -> None:
    size = f"{report.size / 1e6:,.1f} MB" if report.size >= 1e5 else f"{report.size:,} bytes"
    say(f"{counted(report.items, 'item')} written to {printable(str(report.path))}, {size}.")
    if report.pending:
        note(f"{counted(report.pending, 'item')} without a vector; `embedlane embed {name}` gives them one.")


def _note_check(report: ImportReport) -> None:
    if report.unchecked:
        note("warning: no vector was compared with a new one, as asked; `index show` remembers it.")
    elif report.check is None:
        note("Nothing was compared: no vector is new.")
    else:
        note(_told(report.check))


def _told(check: SampleReport) -> str:
    cost = f", {dollars(check.cost)}" if check.cost is not None else ""
    return (
        f"{counted(len(check.cosines), 'text')} embedded again through {check.provider} "
        f"({counted(check.tokens, 'token')}{cost}): lowest cosine {check.lowest:.4f}."
    )


def _note_bad(report: ImportReport) -> None:
    for row in report.bad_rows:
        note(f"error: not taken: {printable(str(row))}")
    if report.bad > len(report.bad_rows):
        note(f"error: not taken: {report.bad - len(report.bad_rows):,} more")


def _render_import(report: ImportReport) -> None:
    changes = report.changes
    say(
        f"{counted(report.rows, 'row')}: {counted(changes.added, 'item')} added, "
        f"{changes.updated:,} updated, {changes.unchanged:,} unchanged; "
        f"{counted(report.stored, 'vector')} stored."
    )
    if report.without:
        note(f"{counted(report.without, 'row')} came without a vector.")
    if report.tally.pending:
        note(f"{report.tally.pending:,} pending; `embedlane plan {report.index}` says what they cost.")
