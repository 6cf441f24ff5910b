"""Which installed plugins are wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from embedlane.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable


@attrs.frozen(kw_only=True)
class PluginSelection:
    """A choice among the installed plugins, by the names of their entry points.

    Written as a list of names: ``name`` loads only what is named, ``-name`` leaves that one out. An empty
    list loads none.
    """

    #: Load only these; None for all.
    only: frozenset[str] | None = None
    #: Leave these out.
    without: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, names: Iterable[str], where: str) -> PluginSelection:
        """Read a list of names, each with or without a minus.

        Args:
            names: The list.
            where: The setting it comes from, for the error.

        Raises:
            ConfigError: If both forms are mixed.
        """
        wanted = [name.strip() for name in names if name.strip()]
        without = frozenset(name[1:] for name in wanted if name.startswith("-"))
        only = frozenset(name for name in wanted if not name.startswith("-"))
        if without and only:
            raise ConfigError(
                f"{where} names plugins both with and without a minus: {', '.join(wanted)}.",
                "Use 'a,b' to load only those, or '-a,-b' to load all but those.",
            )
        return cls(without=without) if without else cls(only=only)

    def wants(self, name: str) -> bool:
        """Whether the plugin *name* is to be loaded."""
        return name not in self.without and (self.only is None or name in self.only)
