"""All models and routes there are: the core's, the plugins', and the configuration's."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import attrs

from embedlane.models.loading import known_plugins, shipped_cards
from embedlane.models.registry import Registry
from embedlane.providers.builtin.routes import ROUTES

if TYPE_CHECKING:
    from embedlane.config.settings import Config
    from embedlane.plugin.discovery import Declarations, Plugins
    from embedlane.providers.route import Route

#: The owner of what comes with the core.
CORE = "embedlane"


@attrs.frozen
class Catalogue:
    """Asks the plugins once, when something is first looked up."""

    #: All settings.
    config: Config
    #: What discovery found.
    plugins: Plugins

    @cached_property
    def declarations(self) -> Declarations:
        """What the plugins declare, and which of them are broken."""
        return self.plugins.declarations()

    @cached_property
    def registry(self) -> Registry[Route]:
        """All model cards and routes."""
        added = [entry for entry in self.config.models if not entry.override]
        return Registry.build(
            [
                (CORE, shipped_cards()),
                *self.declarations.models,
                *((self.config.place, (entry.card,)) for entry in added),
            ],
            [
                *((CORE, route) for route in ROUTES),
                *((owner, route) for owner, routes in self.declarations.routes for route in routes),
            ],
            overrides=[(self.config.place, entry.card) for entry in self.config.models if entry.override],
            plugins=known_plugins(),
        )
