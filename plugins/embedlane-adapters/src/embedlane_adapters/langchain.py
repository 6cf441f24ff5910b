"""LangChain: an ``Embeddings``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedlane_adapters._extras import extra
from embedlane_adapters._source import Source

with extra("langchain"):
    from langchain_core.embeddings import Embeddings

if TYPE_CHECKING:
    from pathlib import Path

    from embedlane import Space
    from embedlane_adapters._source import Vectors


class EmbedlaneEmbeddings(Embeddings):
    """Any model of embedlane as LangChain's embeddings. May be pickled, and used from several threads."""

    def __init__(
        self,
        model: str,
        *,
        dimensions: int | None = None,
        config: str | Path | None = None,
        fingerprint: str = "",
    ) -> None:
        """Look the model up; its provider is opened when the first text is embedded.

        Args:
            model: The model, as publisher:model.
            dimensions: Size of the vectors; None for the model's native size.
            config: A folder, whose configuration is looked for in it and above it, or a configuration file;
                None for the working directory.
            fingerprint: Of the space of a store's vectors; a model of another space is refused.

        Raises:
            UnknownNameError: If there is no such model; lists near misses.
            CapabilityError: If the model has no such size.
            SpaceMismatchError: If the model's space has another fingerprint.
        """
        self._source = Source.find(model, dimensions, config, fingerprint)

    @property
    def space(self) -> Space:
        """What all vectors have in common; name caches and record managers by its fingerprint."""
        return self._source.space

    def embed_documents(self, texts: list[str]) -> Vectors:
        """Embed documents, in as many requests as the model's limits ask for."""
        return self._source.documents(texts)

    def embed_query(self, text: str) -> list[float]:
        """Embed a query, as the model wants queries to be embedded."""
        return self._source.query(text)

    async def aembed_documents(self, texts: list[str]) -> Vectors:
        """Do what `embed_documents` does, without blocking the event loop."""
        return await self._source.adocuments(texts)

    async def aembed_query(self, text: str) -> list[float]:
        """Do what `embed_query` does, without blocking the event loop."""
        return await self._source.aquery(text)

    def close(self) -> None:
        """Give back the provider's connections and memory; the next text opens it again."""
        self._source.close()

    def __repr__(self) -> str:
        return f"EmbedlaneEmbeddings({self.space})"
