"""A local server that speaks the wire formats of embedding providers, with a bill, a clock and faults."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedlane.plugin import hookimpl

if TYPE_CHECKING:
    import click

__all__ = ["embedlane_cli"]


@hookimpl
def embedlane_cli(group: click.Group) -> None:
    """Add ``embedlane emulator``; the server is imported when a command of it runs."""
    from embedlane_emulator.cli import emulator  # noqa: PLC0415 - keeps click out of plugin discovery

    group.add_command(emulator)
