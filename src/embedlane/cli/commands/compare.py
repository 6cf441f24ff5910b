"""``embedlane compare``: which model, which size, measured on the index's own texts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from embedlane.cli.commands.jobs import note_change
from embedlane.cli.comparisons import note_cost, render_comparison, render_plan
from embedlane.cli.opening import opened
from embedlane.cli.output import emit, json_option, quiet_option
from embedlane.cli.progress import progress
from embedlane.cli.session import Session, pass_session
from embedlane.cli.spreading import SpreadingCommand
from embedlane.cli.tables import note
from embedlane.evaluation.report.page import require_report, write_report
from embedlane.models.card import Lane
from embedlane.workspace.comparing import CompareOptions

if TYPE_CHECKING:
    from embedlane.evaluation.comparison import Comparison
    from embedlane.workspace.comparing import Comparing

_EXISTING = click.Path(dir_okay=False, path_type=Path)


@click.command(
    cls=SpreadingCommand,
    epilog="Example: embedlane compare docs --models local:a local:b --queries q.jsonl --report out.html",
)
@click.argument("name")
@click.option("--models", multiple=True, metavar="MODEL…", help="Models beside the index's own.")
@click.option("--dimensions", multiple=True, type=int, metavar="N…", help="Sizes; else each native size.")
@click.option(
    "--queries", type=_EXISTING, metavar="FILE", help="Queries with relevance; else derived from the texts."
)
@click.option("--qrels", type=_EXISTING, metavar="FILE", help="TREC judgments for FILE of id, tab, text.")
@click.option("--sample", type=click.IntRange(min=1), metavar="N", help="Rank N items instead of all.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of all chance.")
@click.option(
    "-k", "--top", "k", type=click.IntRange(min=1), default=10, show_default=True, help="Hits that count."
)
@click.option(
    "--lane",
    type=click.Choice(list(map(str, Lane))),
    default="sync",
    show_default=True,
    help="Embed now, or cheaper and later.",
)
@click.option("--budget", type=float, metavar="DOLLARS", help="Refuse if the plan is above it.")
@click.option("--plan", "only_plan", is_flag=True, help="Say what it would cost; send nothing.")
@click.option("--per-query", is_flag=True, help="Show each query's best hit.")
@click.option("--report", type=_EXISTING, metavar="FILE", help="Write a page with plots (embedlane[report]).")
@quiet_option
@json_option
@pass_session
def compare(
    session: Session,
    /,
    name: str,
    only_plan: bool,
    per_query: bool,
    report: Path | None,
    quiet: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Compare models and sizes on the texts of an index, and say whether to switch."""
    if report is not None:
        require_report(report)
    with opened(session) as workspace:
        comparing = workspace.compare(name, CompareOptions(**options))
        if only_plan:
            emit(as_json, comparing.plan(), render_plan)
            return
        found = _run(comparing, quiet=quiet or as_json)
    if report is not None:
        write_report(found, report)
        note(f"Wrote {report}.")
    emit(as_json, found, lambda it: render_comparison(it, per_query=per_query))


def _run(comparing: Comparing, *, quiet: bool) -> Comparison:
    total = sum(embed.rows for embed in comparing.plan().embeds)
    with progress("embedding", total, hidden=quiet or not total) as advance:
        return comparing.run(
            on_plan=_silent if quiet else note_cost,
            on_progress=advance,
            on_change=_silent if quiet else note_change,
        )


def _silent(_told: object) -> None:
    return
