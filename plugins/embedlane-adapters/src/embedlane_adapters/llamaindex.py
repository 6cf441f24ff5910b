"""LlamaIndex: a ``BaseEmbedding``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from embedlane.errors import UsageError
from embedlane_adapters._extras import extra
from embedlane_adapters._source import Source

with extra("llamaindex"):
    from llama_index.core.base.embeddings.base import BaseEmbedding
    from pydantic import Field, PrivateAttr, model_validator

if TYPE_CHECKING:
    from embedlane import Space
    from embedlane_adapters._source import Vectors

#: Texts that LlamaIndex passes on at once: the most it allows, for embedlane cuts them to the model's limits.
_BATCH = 2048


class EmbedlaneEmbedding(BaseEmbedding):
    """Any model of embedlane as LlamaIndex's embedding. May be pickled, copied and written as JSON.

    Raises:
        UnknownNameError: If there is no such model; lists near misses.
        CapabilityError: If the model has no such size.
        SpaceMismatchError: If the model's space has another fingerprint.
        UsageError: If an ``embeddings_cache`` is given.
    """

    model_name: str = Field(frozen=True, description="The model, as publisher:model.")
    dimensions: int | None = Field(
        default=None, frozen=True, description="Size of the vectors; None for the model's native size."
    )
    config: str | None = Field(
        default=None,
        frozen=True,
        description="Folder or file of embedlane's configuration; None for the working directory.",
    )
    fingerprint: str = Field(
        default="", description="Of the vectors' space; a model of another space is refused."
    )
    embed_batch_size: int = Field(default=_BATCH, gt=0, le=_BATCH, description="Texts passed on at once.")
    _source: Source = PrivateAttr()

    @model_validator(mode="after")
    def _find(self) -> Self:
        if self.embeddings_cache is not None:
            raise UsageError(
                "LlamaIndex looks embeddings_cache up by the text alone: a query would get a document's "
                "vector, and a model the vectors of another.",
                "Leave embeddings_cache out; an index of embedlane never pays for a text twice.",
            )
        self._source = Source.find(self.model_name, self.dimensions, self.config, self.fingerprint)
        self.fingerprint = self._source.space.fingerprint
        return self

    @classmethod
    def class_name(cls) -> str:
        """The name that LlamaIndex writes beside the fields."""
        return "EmbedlaneEmbedding"

    @property
    def space(self) -> Space:
        """What all vectors have in common."""
        return self._source.space

    def close(self) -> None:
        """Give back the provider's connections and memory; the next text opens it again."""
        self._source.close()

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._source.query(query)

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._source.documents([text])[0]

    def _get_text_embeddings(self, texts: list[str]) -> Vectors:
        return self._source.documents(texts)

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return await self._source.aquery(query)

    async def _aget_text_embedding(self, text: str) -> list[float]:
        return (await self._source.adocuments([text]))[0]

    async def _aget_text_embeddings(self, texts: list[str]) -> Vectors:
        return await self._source.adocuments(texts)
