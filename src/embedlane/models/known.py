"""What could be installed: the distributions that serve models, so that an error can name them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from embedlane.models.card import Lane

if TYPE_CHECKING:
    from embedlane.models.names import ModelId


@attrs.frozen(kw_only=True)
class KnownPlugin:
    """A distribution that serves models, installed or not."""

    #: Its name, as pip knows it.
    distribution: str
    #: The models it serves: a publisher, or a whole model id.
    serves: str
    #: The lanes it serves them in.
    lanes: frozenset[Lane] = attrs.field(converter=frozenset)

    def offers(self, model: ModelId, lane: Lane) -> bool:
        """Whether it serves *model* in *lane*."""
        return lane in self.lanes and self.serves in (model.publisher, str(model))

    @property
    def install(self) -> str:
        """The command that installs it."""
        return f"pip install {self.distribution}"
