"""``embedlane plugins``: what loaded, what is broken and why."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import click

from embedlane.cli.opening import opened
from embedlane.cli.output import emit, json_option
from embedlane.cli.session import Session, pass_session
from embedlane.cli.tables import note, say, table
from embedlane.providers.builtin.routes import ROUTES
from embedlane.workspace.catalogue import CORE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from embedlane.providers.route import Route
    from embedlane.workspace.workspace import Workspace


@click.command(epilog="Example: embedlane plugins")
@json_option
@pass_session
def plugins(session: Session, as_json: bool) -> None:
    """Show the plugins that are installed: what loaded, what is broken and why."""
    with opened(session) as workspace:
        emit(as_json, _view(workspace), _render)


def _view(workspace: Workspace) -> dict[str, Any]:
    declared, found = workspace.declarations, workspace.plugins
    routes, broken = dict(declared.routes), {plugin.name for plugin in declared.broken}
    core = {
        "name": CORE,
        "distribution": CORE,
        "version": version(CORE),
        "hooks": (),
        "routes": _routes(ROUTES),
    }
    return {
        "loaded": [
            core,
            *(
                {
                    "name": plugin.name,
                    "distribution": plugin.distribution,
                    "version": plugin.version,
                    "hooks": plugin.hooks,
                    "routes": _routes(routes.get(plugin.name, ())),
                }
                for plugin in found.loaded
                if plugin.name not in broken
            ),
        ],
        "broken": declared.broken,
        "disabled": found.disabled,
    }


def _routes(routes: Iterable[Route]) -> list[dict[str, Any]]:
    return [{"provider": route.provider, "lane": route.lane, "models": route.models} for route in routes]


def _render(view: dict[str, Any]) -> None:
    rows = [
        (
            plugin["name"],
            f"{plugin['distribution']} {plugin['version']}",
            ", ".join(plugin["hooks"]) or "-",
            ", ".join(dict.fromkeys(f"{route['provider']} ({route['lane']})" for route in plugin["routes"]))
            or "-",
        )
        for plugin in view["loaded"]
    ]
    table(("NAME", "DISTRIBUTION", "HOOKS", "ROUTES"), rows)
    for plugin in view["broken"]:
        say(f"broken: {plugin.name} ({plugin.distribution} {plugin.version}): {plugin.reason}")
    for name in view["disabled"]:
        say(f"disabled: {name}")
    if view["broken"]:
        note("hint: Upgrade or uninstall what is broken, or leave it out with EMBEDLANE_PLUGINS=-NAME.")
