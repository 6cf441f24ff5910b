"""``embedlane search``: find the items nearest to a query."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from embedlane.cli.opening import opened
from embedlane.cli.output import emit, json_option
from embedlane.cli.session import Session, pass_session
from embedlane.cli.tables import note, printable, say, shortened

if TYPE_CHECKING:
    from embedlane.indexes.search import Hit
    from embedlane.vectors.pending import Tally

#: Columns of a snippet: about two lines of a terminal.
_SNIPPET = 160


@click.command(epilog="Example: embedlane search docs \"how do I resume a job\" -k 5 --where 'year>=2020'")
@click.argument("name")
@click.argument("query")
@click.option(
    "-k", "--top", "k", type=click.IntRange(min=1), default=10, show_default=True, help="How many hits."
)
@click.option(
    "--where", multiple=True, metavar="COND", help="Metadata must meet it: key=value, key>=value, …"
)
@json_option
@pass_session
def search(session: Session, name: str, query: str, k: int, where: tuple[str, ...], as_json: bool) -> None:
    """Find the items of an index that are nearest to a query, exactly."""
    with opened(session) as workspace:
        target = workspace.index(name)
        hits, tally = target.search(query, k, where=where), target.tally()
    if tally.stored < tally.wanted:
        _note_gap(name, tally)
    emit(as_json, {"hits": hits}, _render)


def _note_gap(name: str, tally: Tally) -> None:
    note(
        f"warning: only {tally.stored:,} of {tally.wanted:,} contents of '{name}' are embedded; "
        f"`embedlane embed {name}` goes on."
    )


def _render(view: dict[str, Any]) -> None:
    hits: list[Hit] = view["hits"]
    if not hits:
        note("Nothing was found.")
    for rank, hit in enumerate(hits, 1):
        say(f"{rank:>2}  {hit.score:.3f}  {printable(hit.id)}")
        say(f"    {shortened(hit.text, _SNIPPET)}")
