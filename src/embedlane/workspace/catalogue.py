"""All models and routes there are: the core's, the plugins', and the configuration's."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import attrs

from embedlane.models.card import Lane
from embedlane.models.loading import all_shipped, known_plugins
from embedlane.models.registry import Registry
from embedlane.providers.builtin.routes import ROUTES
from embedlane.workspace.checkup import usable_routes
from embedlane.workspace.kinds import configured_routes

if TYPE_CHECKING:
    from embedlane.config.settings import Config
    from embedlane.models.names import ModelId
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
        place, added = self.config.place, self.config.models
        cards = [
            (CORE, all_shipped()),
            *self.declarations.models,
            *((place, (entry.card,)) for entry in added if not entry.override),
        ]
        overrides = [(place, entry.card) for entry in added if entry.override]
        routes = [
            *((CORE, route) for route in ROUTES),
            *((owner, route) for owner, offered in self.declarations.routes for route in offered),
        ]
        known = {card.id: card for _, group in cards for card in group} | {c.id: c for _, c in overrides}
        of_kinds = configured_routes(self.config, [route for _, route in routes], known)
        routes += [(place, route) for route in of_kinds]
        return Registry.build(cards, routes, overrides=overrides, plugins=known_plugins())

    def default_model(self) -> ModelId:
        """The model of the best installed route that needs no key."""
        local = [
            (route.preference, card.id)
            for card, routes in usable_routes(self.registry)
            for route in routes
            if route.lane is Lane.SYNC and not route.credentials
        ]
        return max(local, key=lambda pair: pair[0])[1]
