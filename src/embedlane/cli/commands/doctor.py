"""``embedlane doctor``: what is wrong, or soon will be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from embedlane.cli.opening import opened
from embedlane.cli.output import emit, json_option
from embedlane.cli.session import Session
from embedlane.cli.tables import printable, say
from embedlane.errors import SetupError

if TYPE_CHECKING:
    from embedlane.workspace.reports import Finding


@click.command(epilog="Example: embedlane doctor")
@json_option
@click.pass_context
def doctor(ctx: click.Context, as_json: bool) -> None:
    """Look at plugins, keys, retirements and stuck jobs; exit with 2 if there is a problem."""
    with opened(ctx.ensure_object(Session)) as workspace:
        findings = workspace.doctor()
    emit(as_json, {"findings": findings}, _render)
    if any(finding.level == "problem" for finding in findings):
        ctx.exit(SetupError.exit_status)


def _render(view: dict[str, Any]) -> None:
    findings: list[Finding] = view["findings"]
    for finding in findings:
        say(f"{finding.level:<8} {finding.subject}: {printable(finding.message)}")
        if finding.hint:
            say(f"         {finding.hint}")
