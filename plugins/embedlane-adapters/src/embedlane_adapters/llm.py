"""llm: every model of embedlane that an installed provider embeds with at once.

llm imports this module, its plugin, whenever it starts; embedlane is looked into when a model is asked for.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING

import click
import llm
from llm.models import EmbeddingModel

import embedlane
from embedlane.errors import EmbedlaneError
from embedlane_adapters._source import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


class EmbedlaneModel(EmbeddingModel):
    """A model of embedlane at one size. Queries are embedded as documents: llm does not tell them apart."""

    def __init__(self, model: str, dimensions: int | None = None) -> None:
        """Take its name; it is looked up, and its provider opened, when the first text is embedded.

        Args:
            model: The model, as publisher:model.
            dimensions: Size of the vectors; None for the model's native size.
        """
        self.model = model
        self.dimensions = dimensions
        #: The short name: ``publisher:model``, and the size if it is not the native one.
        self.alias = model if dimensions is None else f"{model}@{dimensions}"
        self.model_id = f"embedlane/{self.alias}"

    @cached_property
    def source(self) -> Source:
        """Where its vectors come from."""
        return Source.find(self.model, self.dimensions)

    def embed_batch(
        self,
        items: Iterable[str | bytes],
        *,
        key: str | None = None,  # noqa: ARG002 - llm passes it
    ) -> Iterator[list[float]]:
        """Embed documents, in as many requests as the model's limits ask for.

        Args:
            items: The texts.
            key: Not used: keys are embedlane's, from the environment or a plugin.

        Raises:
            EmbedlaneError: What went wrong, and what to do next.
            ClickException: The same, on llm's command line.
        """
        try:
            yield from self.source.documents([str(item) for item in items])
        except EmbedlaneError as error:
            if click.get_current_context(silent=True) is None:
                raise
            raise click.ClickException(str(error)) from error


@llm.hookimpl
def register_embedding_models(register: Callable[..., None]) -> None:
    """Tell llm of all models, by what the configuration of the working directory says.

    A malformed configuration is reported, but it doesn't take away the models of llm's other plugins.
    """
    try:
        models = list(_models())
    except EmbedlaneError as error:
        click.echo(f"embedlane: {error}", err=True)
        return
    for model in models:
        register(model, aliases=(model.alias,))


def _models() -> Iterator[EmbedlaneModel]:
    """Each model with a sync route, at its native size, recommended sizes and those of configured indexes."""
    with embedlane.Workspace.open() as workspace:
        registry, indexes = workspace.registry, workspace.config.indexes.values()
    today = datetime.now(UTC).date()
    contested = {conflict.model for conflict in registry.conflicts}
    for card in registry.models():
        if card.id in contested or card.lifecycle.retired(today):
            continue
        if registry.routes(card.id, embedlane.Lane.SYNC):
            sizes = {index.dimensions or 0 for index in indexes if index.model == card.id}
            sizes |= {*card.dimensions.recommended}
            for size in (None, *sorted(sizes - {0, card.dimensions.native})):
                yield EmbedlaneModel(str(card.id), size)
