"""Haystack: a component for documents and one for queries."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from embedlane_adapters._extras import extra
from embedlane_adapters._source import Source

with extra("haystack"):
    from haystack import Document, component, default_from_dict, default_to_dict

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from embedlane import Space
    from embedlane_adapters._source import Vectors


class _Embedder:
    """What both components share: the model, warming up, closing, and being written as a dictionary."""

    def __init__(
        self,
        model: str,
        *,
        dimensions: int | None = None,
        config: str | Path | None = None,
        fingerprint: str = "",
    ) -> None:
        """Look the model up; its provider is opened by `warm_up`, or when the first text is embedded.

        Args:
            model: The model, as publisher:model.
            dimensions: Size of the vectors; None for the model's native size.
            config: A folder, whose configuration is looked for in it and above it, or a configuration file;
                None for the working directory.
            fingerprint: Of the space of a store's vectors; a model of another space is refused.

        Raises:
            UnknownNameError, CapabilityError: If there is no such model, or it has no such size.
            SpaceMismatchError: If the model's space has another fingerprint.
        """
        self._source = Source.find(model, dimensions, config, fingerprint)
        self._meta = {
            "model": str(self.space.model),
            "dimensions": self.space.dimensions,
            "fingerprint": self.space.fingerprint,
        }
        self._parameters = {**self._meta, "dimensions": dimensions, "config": self._source.config}

    @property
    def space(self) -> Space:
        """What all vectors have in common."""
        return self._source.space

    def warm_up(self) -> None:
        """Open the provider."""
        self._source.open()

    async def warm_up_async(self) -> None:
        """Do what `warm_up` does, without blocking the event loop."""
        await self._source.aopen()

    def close(self) -> None:
        """Give back the provider's connections and memory; `warm_up` opens it again."""
        self._source.close()

    def to_dict(self) -> dict[str, Any]:
        """Write the component, with the fingerprint: it can only be read where the space is the same."""
        return default_to_dict(self, **self._parameters)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Read what `to_dict` wrote."""
        return default_from_dict(cls, data)


@component
class EmbedlaneTextEmbedder(_Embedder):
    """Any model of embedlane as Haystack's embedder of queries."""

    @component.output_types(embedding=list[float], meta=dict[str, Any])
    def run(self, text: str) -> dict[str, Any]:
        """Embed a query; gives its ``embedding``, and in ``meta`` the model and the space."""
        return {"embedding": self._source.query(text), "meta": self._meta}

    @component.output_types(embedding=list[float], meta=dict[str, Any])
    async def run_async(self, text: str) -> dict[str, Any]:
        """Do what `run` does, without blocking the event loop."""
        return {"embedding": await self._source.aquery(text), "meta": self._meta}


@component
class EmbedlaneDocumentEmbedder(_Embedder):
    """Any model of embedlane as Haystack's embedder of documents."""

    def __init__(
        self,
        model: str,
        *,
        dimensions: int | None = None,
        config: str | Path | None = None,
        fingerprint: str = "",
        meta_fields_to_embed: Sequence[str] = (),
        embedding_separator: str = "\n",
    ) -> None:
        """Look the model up, as `EmbedlaneTextEmbedder` does.

        The fields *meta_fields_to_embed*, of documents that have them, are put before the text, with
        *embedding_separator* between them.
        """
        # Not by super(): `component` puts another class in the place of this one.
        _Embedder.__init__(self, model, dimensions=dimensions, config=config, fingerprint=fingerprint)
        self.meta_fields_to_embed = list(meta_fields_to_embed)
        self.embedding_separator = embedding_separator
        self._parameters |= {
            "meta_fields_to_embed": self.meta_fields_to_embed,
            "embedding_separator": embedding_separator,
        }

    @component.output_types(documents=list[Document], meta=dict[str, Any])
    def run(self, documents: list[Document]) -> dict[str, Any]:
        """Embed documents; gives copies with embeddings, and in ``meta`` the model and the space."""
        return self._answer(documents, self._source.documents(self._texts(documents)))

    @component.output_types(documents=list[Document], meta=dict[str, Any])
    async def run_async(self, documents: list[Document]) -> dict[str, Any]:
        """Do what `run` does, without blocking the event loop."""
        return self._answer(documents, await self._source.adocuments(self._texts(documents)))

    def _texts(self, documents: list[Document]) -> list[str]:
        return [self.embedding_separator.join(self._parts(document)) for document in documents]

    def _parts(self, document: Document) -> list[str]:
        values = (document.meta.get(field) for field in self.meta_fields_to_embed)
        return [*(str(value) for value in values if value is not None), document.content or ""]

    def _answer(self, documents: list[Document], vectors: Vectors) -> dict[str, Any]:
        pairs = zip(documents, vectors, strict=True)
        embedded = [replace(document, embedding=vector) for document, vector in pairs]
        return {"documents": embedded, "meta": self._meta}
