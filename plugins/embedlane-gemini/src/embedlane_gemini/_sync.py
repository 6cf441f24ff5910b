"""The sync lane."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any, final

import attrs
import numpy as np
from google.genai import types

from embedlane.plugin import RawEmbeddings, ResponseError, Role, TaskMechanism
from embedlane_gemini._loops import LoopClients
from embedlane_gemini._service import answered, attempt_async, open_service, parsed
from embedlane_gemini._status import Call

if TYPE_CHECKING:
    from collections.abc import Sequence

    from embedlane.plugin import ModelCard, OpenContext, Space
    from embedlane_gemini._service import Service

#: Stands where the SDK wants contents; what is sent is in `extra_body`.
_PLACEHOLDER = types.Content(parts=[types.Part(text="-")])


@attrs.frozen
class Parameters:
    """What goes beside each text: one `EmbedContentRequest`, but for its content."""

    #: Such as ``models/gemini-embedding-2``.
    model: str
    #: Size to ask for; None for models of one size.
    dimensions: int | None
    #: Task types of documents and queries; None for models that take none.
    tasks: tuple[str, str] | None

    @classmethod
    def of(cls, card: ModelCard, space: Space) -> Parameters:
        """What *space* asks of the model of *card*."""
        sizes = card.dimensions
        by_parameter = space.tasks.mechanism is TaskMechanism.PARAM
        return cls(
            model=f"models/{card.id.model}",
            dimensions=None if sizes.smallest == sizes.largest else space.dimensions,
            tasks=(space.tasks.document, space.tasks.query) if by_parameter else None,
        )

    def task(self, role: Role) -> str | None:
        """The task type for *role*; None if none is sent."""
        return None if self.tasks is None else self.tasks[role is Role.QUERY]

    def request(self, text: str, role: Role) -> dict[str, Any]:
        """The request for *text* in the names of the wire; one content holds one text, always."""
        request: dict[str, Any] = {"model": self.model, "content": {"parts": [{"text": text}]}}
        task = self.task(role)
        if task is not None:
            request["taskType"] = task
        if self.dimensions is not None:
            request["outputDimensionality"] = self.dimensions
        return request


@final
@attrs.define(eq=False, repr=False)
class GeminiEmbedder:
    """A SyncEmbedder over google-genai."""

    #: The open service.
    service: Service
    #: What goes beside each text.
    parameters: Parameters
    #: Clients for event loops.
    loops: LoopClients

    def embed(self, inputs: Sequence[str], role: Role) -> RawEmbeddings:
        """Embed *inputs* in one network call; without task types in models that take none."""
        call, config = self._call(inputs), self._config(inputs, role)
        body = self.service.fetch(
            call,
            lambda client: client.models.embed_content(
                model=self.parameters.model, contents=_PLACEHOLDER, config=config
            ),
        )
        return _embeddings(call, body)

    async def aembed(self, inputs: Sequence[str], role: Role) -> RawEmbeddings:
        """Do what `embed` does with the SDK's own async client."""
        call, config = self._call(inputs), self._config(inputs, role)
        client = await self.loops.client()
        outcome = await attempt_async(
            client,
            self.service.translator,
            call,
            lambda client: client.aio.models.embed_content(
                model=self.parameters.model, contents=_PLACEHOLDER, config=config
            ),
        )
        return _embeddings(call, answered(call, outcome))

    def close(self) -> None:
        """Close all connections."""
        self.loops.close()
        self.service.close()

    def _call(self, inputs: Sequence[str]) -> Call:
        what = "embed a text" if len(inputs) == 1 else f"embed {len(inputs)} texts"
        return Call(what, self.parameters.model.removeprefix("models/"))

    def _config(self, inputs: Sequence[str], role: Role) -> types.EmbedContentConfig:
        requests = [self.parameters.request(text, role) for text in inputs]
        return types.EmbedContentConfig(http_options=types.HttpOptions(extra_body={"requests": requests}))


def open_sync(context: OpenContext) -> GeminiEmbedder:
    """Open the sync lane. Nothing is sent.

    Raises:
        ConfigError: If the provider's settings can't be right.
        CredentialError: If no key is found.
    """
    service, opener = open_service(context)
    return GeminiEmbedder(service, Parameters.of(context.card, context.space), LoopClients(opener))


def _embeddings(call: Call, body: bytes) -> RawEmbeddings:
    answer: dict[str, Any] = parsed(call, body)
    found = answer.get("embeddings")
    rows = [_values(item) for item in found] if isinstance(found, list) else []
    if not rows or any(row is None for row in rows):
        raise ResponseError(f"Gemini's answer to {call} holds no vectors where they belong.")
    usage = answer.get("usageMetadata")
    tokens = usage.get("promptTokenCount") if isinstance(usage, dict) else None
    return RawEmbeddings(vectors=_matrix(rows), tokens=tokens if isinstance(tokens, int) else None)


def _values(item: object) -> list[float] | None:
    values = item.get("values") if isinstance(item, dict) else None
    return values if isinstance(values, list) else None


def _matrix(rows: list[Any]) -> Any:
    """*rows* as one array, in the precision of the core's checks; as they are where that can't be."""
    size = len(rows[0])
    if all(len(row) == size for row in rows):
        try:
            flat = np.fromiter(chain.from_iterable(rows), dtype=np.float64, count=size * len(rows))
        except (TypeError, ValueError):
            return rows
        return flat.reshape(len(rows), size)
    return rows
