"""What is wrong with the declarations of plugins and configuration, kept until somebody needs them."""

from __future__ import annotations

import attrs

from embedlane.errors import PluginError
from embedlane.models.card import Lane
from embedlane.models.names import ModelId


@attrs.frozen(kw_only=True)
class Conflict:
    """Declarations that can't both be right."""

    #: The model they are about.
    model: ModelId
    #: Who made them, sorted; a single name for an owner that contradicts itself.
    owners: tuple[str, ...]
    #: What differs: fields of the card, or the route, such as ``sync route of provider acme``.
    differs: tuple[str, ...]
    #: Whether it is about a route; the card can still be asked for then.
    of_route: bool = False

    def __str__(self) -> str:
        """Such as ``acme:x is declared differently by a and b (price)``."""
        who = f"by {' and by '.join(self.owners)}" if len(self.owners) > 1 else f"twice by {self.owners[0]}"
        return f"{self.model} is declared differently {who} ({', '.join(self.differs)})"

    def error(self) -> PluginError:
        """The refusal of whatever needs the declaration."""
        choose = (
            "" if self.of_route else ", or write the whole card into embedlane.toml with `override = true`"
        )
        return PluginError(
            f"{self}.", f"Uninstall one of them{choose}; `embedlane plugins` shows what is installed."
        )


@attrs.frozen(kw_only=True)
class Orphan:
    """A route of a model that has no card; it can't be used."""

    #: The model without a card.
    model: ModelId
    #: Who declared the route.
    owner: str
    #: The route's provider.
    provider: str
    #: The route's lane.
    lane: Lane

    def __str__(self) -> str:
        """Such as ``the sync route of provider acme (from x) serves acme:y, which has no card``."""
        route = f"the {self.lane} route of provider {self.provider} (from {self.owner})"
        return f"{route} serves {self.model}, which has no card"
