"""The models of the OpenAI API, and those that a compatible server has beside them."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

import attrs

from embedlane_emulator.openai import errors
from embedlane_emulator.vectors import Lens

if TYPE_CHECKING:
    from embedlane_emulator.openai.settings import OpenAISettings


@attrs.frozen(kw_only=True)
class Model:
    """One model as the service offers it."""

    #: Its name.
    name: str
    #: Its native number of dimensions.
    dimensions: int
    #: What it does with ``dimensions``: ``serve``, ``refuse`` or ``ignore``.
    shortens: str = "serve"
    #: Dollars for a million tokens, sync.
    price: float = 0.0
    #: Dollars for a million tokens, batch.
    batch_price: float = 0.0
    #: When it was released, in seconds since the epoch.
    created: int = 0
    #: Who made it.
    owner: str = "system"
    #: How it sees texts.
    lens: Lens

    def as_json(self) -> dict[str, Any]:
        """As ``models.retrieve`` answers it."""
        return {"id": self.name, "object": "model", "created": self.created, "owned_by": self.owner}


MODELS = (
    Model(
        name="text-embedding-3-small",
        dimensions=1536,
        price=0.02,
        batch_price=0.01,
        created=1_705_948_997,
        lens=Lens(4, 0.6),
    ),
    Model(
        name="text-embedding-3-large",
        dimensions=3072,
        price=0.13,
        batch_price=0.065,
        created=1_705_953_180,
        lens=Lens(5, 0.7),
    ),
    Model(
        name="text-embedding-ada-002",
        dimensions=1536,
        shortens="refuse",
        price=0.10,
        batch_price=0.05,
        created=1_671_217_299,
        owner="openai-internal",
        lens=Lens(6, 0.4),
    ),
)


def available(settings: OpenAISettings) -> list[Model]:
    """The models that are served."""
    others = [_other(name, size, settings.dimensions) for name, size in settings.models.items()]
    return [*others, *(MODELS if settings.own_models else ())]


def find(settings: OpenAISettings, name: str) -> Model:
    """The model of that name, or the first one, where every name is a name of it.

    Raises:
        ApiError: 404 if it is not served.
    """
    found = available(settings)
    for model in found:
        if model.name == name:
            return model
    if found and settings.any_model:
        return found[0]
    raise errors.no_model(name)


def _other(name: str, dimensions: int, shortens: str) -> Model:
    # The salt keeps models apart of which there can be more than turns.
    lens = Lens(zlib.crc32(name.encode()) % 7, salt=name)
    return Model(name=name, dimensions=dimensions, shortens=shortens, owner="emulator", lens=lens)
