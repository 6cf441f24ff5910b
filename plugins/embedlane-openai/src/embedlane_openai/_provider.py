"""Which provider a route was opened for: OpenAI's service, or a server that speaks its API."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from embedlane.plugin import OpenContext


@attrs.frozen
class Provider:
    """A provider's name, for paths of settings and for messages."""

    #: Its id, which is its table in the configuration.
    id: str
    #: Whether it is a server of somebody's own: no key has to be there, and an address has to.
    compatible: bool = False

    @classmethod
    def of(cls, context: OpenContext, *, compatible: bool) -> Provider:
        """The provider that *context* is for."""
        return cls(context.provider, compatible)

    def __str__(self) -> str:
        """What messages call it."""
        return f"'{self.id}'" if self.compatible else "OpenAI"

    @property
    def table(self) -> str:
        """Its table, such as ``[providers.openai]``."""
        return f"[providers.{self.id}]"

    def path(self, key: str) -> str:
        """Where *key* stands in the configuration, such as ``providers.openai.timeout``."""
        return f"providers.{self.id}.{key}"
