"""``embedlane plan``: what embedding would cost, before a cent is spent."""

from __future__ import annotations

import click

from embedlane.cli.opening import opened
from embedlane.cli.output import emit, json_option
from embedlane.cli.planning import say_lanes
from embedlane.cli.session import Session, pass_session


@click.command(epilog="Example: embedlane plan docs")
@click.argument("name")
@json_option
@pass_session
def plan(session: Session, name: str, as_json: bool) -> None:
    """Say what embedding the pending contents would cost in each lane; nothing is sent."""
    with opened(session) as workspace:
        emit(as_json, workspace.index(name).plan(), say_lanes)
