"""Options that take several values in a row: ``--models A B`` beside click's ``--models A --models B``."""

from __future__ import annotations

import click


class SpreadingCommand(click.Command):
    """A command whose options that may be given several times also take several values at once.

    All that follows such an option, up to the next option, is its value; arguments therefore stand before it.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Give each value in a row an option of its own."""
        names = {
            name
            for parameter in self.params
            if isinstance(parameter, click.Option) and parameter.multiple
            for name in parameter.opts
        }
        return super().parse_args(ctx, spread(args, names))


def spread(args: list[str], names: set[str]) -> list[str]:
    """*args* with each of *names* repeated before each of the values in a row that follow it."""
    spread_out: list[str] = []
    name = ""
    for number, word in enumerate(args):
        if word == "--":
            return spread_out + args[number:]
        if word.startswith("-"):
            name = word if word in names else ""
        elif name and spread_out[-1] != name:
            spread_out.append(name)
        spread_out.append(word)
    return spread_out
