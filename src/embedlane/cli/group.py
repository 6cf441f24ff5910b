"""The groups of the command line: commands are imported when they are called, plugins asked when needed.

Theory of operation. The table of our own commands holds a sentence for each, so that ``--help`` imports none
of them. A name that is not in the table, and the group's ``--help``, load the plugins and call their
`embedlane_cli` hook; a hook that fails is a warning, for the other commands still work.
"""

from __future__ import annotations

import difflib
import os
import pkgutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from embedlane.config.files import find_config, read_table
from embedlane.errors import EmbedlaneError
from embedlane.plugin.discovery import Plugin, Plugins, discover
from embedlane.plugin.selection import PluginSelection

if TYPE_CHECKING:
    from collections.abc import Mapping

_HOOK = "embedlane_cli"


class LazyGroup(click.Group):
    """A group whose own commands stand in a table, beside those of plugins."""

    def __init__(self, *args: Any, table: Mapping[str, tuple[str, str]], **kwargs: Any) -> None:
        """Make the group.

        Args:
            args: As for `click.Group`.
            table: For each name the import string of the command and its sentence for ``--help``.
            kwargs: As for `click.Group`.
        """
        super().__init__(*args, **kwargs)
        self._table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Our own names in the order of the table, then those of plugins."""
        return [*self._table, *sorted(set(self._of_plugins(ctx)) - set(self._table))]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name; ours first, so that no plugin can take its place."""
        if cmd_name in self._table:
            command = pkgutil.resolve_name(self._table[cmd_name][0])
            assert isinstance(command, click.Command)
            return command
        return self.commands.get(cmd_name) or self._of_plugins(ctx).get(cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; of an unknown name, name the near misses."""
        if not ctx.resilient_parsing and self.get_command(ctx, args[0]) is None:
            close = difflib.get_close_matches(args[0], self.list_commands(ctx), n=3)
            advice = f" Did you mean {', '.join(map(repr, close))}?" if close else ""
            ctx.fail(f"There is no command {args[0]!r}.{advice}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands; the sentences of ours come from the table."""
        names = self.list_commands(ctx)
        with formatter.section("Commands"):
            formatter.write_dl([(name, self._sentence(ctx, name, formatter.width)) for name in names])

    def _sentence(self, ctx: click.Context, name: str, width: int) -> str:
        if name in self._table:
            return self._table[name][1]
        return self._of_plugins(ctx)[name].get_short_help_str(width)

    def _of_plugins(self, ctx: click.Context) -> Mapping[str, click.Command]:
        """The commands that plugins add; asked for once in a run."""
        if _HOOK not in ctx.meta:
            group = click.Group(self.name)
            try:
                self._ask_wanted(ctx, group)
            except EmbedlaneError as error:
                # The command that is about to run may be the one that mends it.
                click.echo(f"warning: plugins could not add their commands: {error}", err=True)
            ctx.meta[_HOOK] = group.commands
        commands: Mapping[str, click.Command] = ctx.meta[_HOOK]
        return commands

    def _ask_wanted(self, ctx: click.Context, group: click.Group) -> None:
        plugins = discover(_from_environment())
        adding = [plugin for plugin in plugins.loaded if _HOOK in plugin.hooks]
        if not adding:
            return
        wanted = _from_configuration(ctx)
        for plugin in adding:
            if wanted is None or wanted.wants(plugin.name):
                self._ask(plugin, plugins, group)

    def _ask(self, plugin: Plugin, plugins: Plugins, group: click.Group) -> None:
        others = [other.module for other in plugins.loaded if other is not plugin]
        try:
            plugins.manager.subset_hook_caller(_HOOK, others)(group=group)
        except Exception as error:
            click.echo(
                f"warning: plugin {plugin.name} ({plugin.distribution} {plugin.version}) could not add its "
                f"commands: {type(error).__name__}: {error}",
                err=True,
            )


class ListingGroup(click.Group):
    """A group that does ``list`` when no command of it is named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put ``list`` in front of options, or of nothing."""
        if not args or (args[0].startswith("-") and args[0] not in ctx.help_option_names):
            args = ["list", *args]
        return super().parse_args(ctx, args)


def _from_environment() -> PluginSelection | None:
    """What EMBEDLANE_PLUGINS says: enough to know whether some plugin has commands at all."""
    names = os.environ.get("EMBEDLANE_PLUGINS")
    return None if names is None else PluginSelection.parse(names.split(","), "EMBEDLANE_PLUGINS")


def _from_configuration(ctx: click.Context) -> PluginSelection | None:
    """What the configuration says. Only its table is read: judging all of it would slow ``--help`` down."""
    named = ctx.params.get("config_file") or os.environ.get("EMBEDLANE_CONFIG")
    file = Path(named) if named else find_config(Path.cwd())
    names = read_table(file).get("plugins") if file else None
    if "EMBEDLANE_PLUGINS" in os.environ or not isinstance(names, list):
        return None
    return PluginSelection.parse(map(str, names), str(file))
