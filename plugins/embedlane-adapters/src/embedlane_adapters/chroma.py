"""Chroma: an ``EmbeddingFunction`` that refuses a collection of another space.

Chroma compares nothing but the names of a collection's function and of the one that it is opened with. So the
name of each function holds the fingerprint of its space, and Chroma's own check refuses every other. It looks
a stored name up in a table, to which a function is added when it is made.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Literal, cast

from embedlane import Space
from embedlane.errors import LedgerError, SpaceMismatchError, UsageError
from embedlane_adapters._extras import extra
from embedlane_adapters._source import Source

with extra("chroma"):
    from chromadb.api.types import Documents, EmbeddingFunction, Embeddings
    from chromadb.utils.embedding_functions import known_embedding_functions

if TYPE_CHECKING:
    from pathlib import Path

    from chromadb.api import ClientAPI
    from chromadb.api.models.Collection import Collection

_FAMILY = "embedlane"
#: The functions of this process by the fingerprint of their space. Chroma makes the function of a collection
#: anew for each call, from what is stored of it; the provider should not be opened as often.
_made: dict[str, EmbedlaneEmbeddingFunction] = {}


class EmbedlaneEmbeddingFunction(EmbeddingFunction[Documents]):
    """Any model of embedlane as Chroma's embedding function. May be used from several threads."""

    def __init__(
        self, model: str, *, dimensions: int | None = None, config: str | Path | None = None
    ) -> None:
        """Look the model up; its provider is opened when the first text is embedded.

        Args:
            model: The model, as publisher:model.
            dimensions: Size of the vectors; None for the model's native size.
            config: A folder, whose configuration is looked for in it and above it, or a configuration file;
                None for the working directory. It is not stored in a collection.

        Raises:
            UnknownNameError, CapabilityError: If there is no such model, or it has no such size.
        """
        self._source = Source.find(model, dimensions, config)
        space = self.space
        name = f"{_FAMILY}/{space.model}@{space.dimensions}/{space.fingerprint}"
        # Chroma asks the class for a name when it adds it to its table, and the object everywhere else.
        vars(self)["name"] = partial(str, name)
        known_embedding_functions[name] = type(self)
        _made[space.fingerprint] = self

    @staticmethod
    def name() -> str:
        """The name of the class; each function's own name ends in the fingerprint of its space."""
        return _FAMILY

    @property
    def space(self) -> Space:
        """What all vectors have in common."""
        return self._source.space

    def __call__(self, input: Documents) -> Embeddings:  # noqa: A002 - Chroma's name, which it checks
        """Embed documents."""
        return list(self._source.open().embed_documents(input))

    def embed_query(self, input: Documents) -> Embeddings:  # noqa: A002 - Chroma's name, which it passes
        """Embed queries, as the model wants queries to be embedded."""
        embedder = self._source.open()
        return [embedder.embed_query(text) for text in input]

    def get_config(self) -> dict[str, Any]:
        """What Chroma stores with a collection: the space and its fingerprint."""
        return {"space": self.space.canonical, "fingerprint": self.space.fingerprint}

    @staticmethod
    def build_from_config(config: dict[str, Any]) -> EmbedlaneEmbeddingFunction:
        """Make the function of a collection.

        Raises:
            SpaceMismatchError: If the model's space is another by now; shows both side by side.
        """
        stored = _stored_space(config)
        made = _made.get(stored.fingerprint)
        if made is None:
            made = EmbedlaneEmbeddingFunction(str(stored.model), dimensions=stored.dimensions)
        _require(stored, made.space)
        return made

    def validate_config_update(self, old_config: dict[str, Any], new_config: dict[str, Any]) -> None:
        """Refuse to give a collection the function of another space, with both side by side."""
        _require(_stored_space(old_config), _stored_space(new_config))

    @staticmethod
    def validate_config(config: dict[str, Any]) -> None:
        """Refuse what `get_config` never gives."""
        _stored_space(config)

    def default_space(self) -> Literal["cosine"]:
        """Chroma's measure of distance: the cosine, as all vectors have unit length."""
        return "cosine"

    def close(self) -> None:
        """Give back the provider's connections and memory; the next text opens it again."""
        self._source.close()


def open_collection(client: ClientAPI, name: str) -> Collection:
    """Open a collection with the model that it was made with, in a process that need not know which.

    Raises:
        UsageError: If it was not made with a function of embedlane.
        SpaceMismatchError: If the model's space is another by now; shows both side by side.
    """
    stored = client.get_collection(name).configuration_json.get("embedding_function") or {}
    if not str(stored.get("name", "")).startswith(f"{_FAMILY}/"):
        raise UsageError(
            f"The collection '{name}' was not made with a function of embedlane.",
            "Open it with the function that it was made with.",
        )
    function = EmbedlaneEmbeddingFunction.build_from_config(stored["config"])
    # Not even Chroma's own functions for texts fit its type, which is for texts and images.
    return client.get_collection(name, embedding_function=cast("Any", function))


def _stored_space(config: dict[str, Any]) -> Space:
    try:
        return Space.parse(config["space"])
    except (KeyError, LedgerError) as error:
        raise UsageError(
            f"{config} is not what this release of embedlane stores with a collection.",
            "Update embedlane, or make a new collection.",
        ) from error


def _require(stored: Space, other: Space) -> None:
    if stored != other:
        raise SpaceMismatchError(
            f"The collection holds vectors of another space.\n{stored.beside(other)}",
            "Name its own model and size, or make a new collection for the other.",
        )
