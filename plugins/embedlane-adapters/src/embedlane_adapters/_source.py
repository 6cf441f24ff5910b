"""Where the vectors of an adapter come from."""

from __future__ import annotations

import asyncio
import threading
import weakref
from typing import TYPE_CHECKING, Any, Self, final

import attrs

import embedlane  # the root imports its names when they are used: llm loads this module when it starts
from embedlane.errors import SpaceMismatchError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from embedlane import Embedder, Space, Workspace

#: Lists of Python's own floats, which is what most libraries pass on.
Vectors = list[list[float]]


@final
@attrs.define(kw_only=True, eq=False)
class Source:
    """A model at one size, with its routes and settings from embedlane's configuration.

    The provider is opened when it is first needed, and again if it is needed after `close`. Few libraries
    tell an embedder of its end, so it is closed with the source or the process, too. May be used from
    several threads, copied and pickled; a copy opens the provider for itself.
    """

    #: The model, as publisher:model.
    model: str
    #: Size of the vectors; None for the model's native size.
    dimensions: int | None
    #: The folder or file of the configuration; None for the working directory.
    config: str | None
    #: What all its vectors have in common.
    space: Space
    _workspace: Workspace
    _embedder: Embedder | None = attrs.field(default=None, init=False)
    _end: Callable[[], object] = attrs.field(default=lambda: None, init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False)

    @classmethod
    def find(
        cls,
        model: str,
        dimensions: int | None = None,
        config: str | Path | None = None,
        fingerprint: str = "",
    ) -> Self:
        """Look *model* up; imports no SDK and asks for no key.

        Args:
            model: The model, as publisher:model.
            dimensions: Size of the vectors; None for the model's native size.
            config: A folder, whose configuration is looked for in it and above it, or a configuration file;
                None for the working directory.
            fingerprint: Of the space that vectors elsewhere are in; empty for any.

        Raises:
            ConfigError: If the configuration is malformed.
            UnknownNameError: If there is no such model; lists near misses.
            CapabilityError: If the model has no such size.
            SpaceMismatchError: If the model's space has another fingerprint.
        """
        workspace = embedlane.Workspace.open(config)
        card = workspace.registry.card(model)
        if dimensions is not None and not card.dimensions.allows(dimensions):
            workspace.embedder(model, dimensions)  # raises the core's refusal, which names the nearest size
        space = embedlane.Space.of(card, dimensions)
        if fingerprint and fingerprint != space.fingerprint:
            raise SpaceMismatchError(
                f"The vectors are in the space {fingerprint}, but {space} is another.",
                "Name the model and size that they were made with. If those are right, the model's card has "
                "changed since: embed again, or install the release that made them.",
            )
        place = None if config is None else str(config)
        return cls(model=model, dimensions=dimensions, config=place, space=space, workspace=workspace)

    def open(self) -> Embedder:
        """Open the provider, unless it is open.

        Raises:
            CapabilityError: If no installed provider serves the model's sync lane.
            MissingDependencyError: If the provider's SDK is not installed.
            CredentialError: If there is no key for it.
        """
        with self._lock:
            if self._embedder is None:
                self._embedder = self._workspace.embedder(self.model, self.dimensions)
                self._end = weakref.finalize(self, self._embedder.close)
            return self._embedder

    async def aopen(self) -> Embedder:
        """Do what `open` does, without blocking the event loop while an SDK is imported."""
        if self._embedder is not None:
            return self._embedder
        return await asyncio.to_thread(self.open)

    def documents(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors of documents, in their order."""
        vectors: Vectors = self.open().embed_documents(texts).tolist()
        return vectors

    def query(self, text: str) -> list[float]:
        """The unit vector of a query."""
        vector: list[float] = self.open().embed_query(text).tolist()
        return vector

    async def adocuments(self, texts: Sequence[str]) -> Vectors:
        """Do what `documents` does, without blocking the event loop."""
        vectors: Vectors = (await (await self.aopen()).aembed_documents(texts)).tolist()
        return vectors

    async def aquery(self, text: str) -> list[float]:
        """Do what `query` does, without blocking the event loop."""
        vector: list[float] = (await (await self.aopen()).aembed_query(text)).tolist()
        return vector

    def close(self) -> None:
        """Give back the provider's connections and memory."""
        with self._lock:
            self._embedder = None
            self._end()  # which does nothing the second time

    def __reduce__(self) -> tuple[Any, ...]:
        """What a copy is found by; with the fingerprint, so that it is refused where the space is another."""
        return Source.find, (self.model, self.dimensions, self.config, self.space.fingerprint)
