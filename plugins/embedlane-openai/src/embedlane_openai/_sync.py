"""The sync lane."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

import attrs
import numpy as np

from embedlane.plugin import RawEmbeddings, ResponseError
from embedlane_openai._answers import UnreadableError, head, in_order, read_data, tokens_of
from embedlane_openai._loops import LoopClients
from embedlane_openai._request import Parameters
from embedlane_openai._service import attempt_async, open_service, parsed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from embedlane.plugin import OpenContext, Role
    from embedlane_openai._answers import Numbers
    from embedlane_openai._service import Service
    from embedlane_openai._status import Call


@final
@attrs.define(eq=False, repr=False)
class OpenAIEmbedder:
    """A SyncEmbedder over the openai SDK."""

    #: The open service.
    service: Service
    #: What goes beside the texts.
    parameters: Parameters
    #: Clients for event loops.
    loops: LoopClients

    def embed(self, inputs: Sequence[str], role: Role) -> RawEmbeddings:
        """Embed *inputs* in one network call; the role is sent only where the card has a parameter for it."""
        call, request = self._call(inputs), self._request(inputs, role)
        return read_embeddings(
            call,
            self.service.fetch(call, lambda client: client.embeddings.with_raw_response.create(**request)),
            self.parameters,
        )

    async def aembed(self, inputs: Sequence[str], role: Role) -> RawEmbeddings:
        """Do what `embed` does with the SDK's own async client."""
        call, request = self._call(inputs), self._request(inputs, role)
        outcome = await attempt_async(
            await self.loops.client(),
            self.service.translator,
            call,
            lambda client: client.embeddings.with_raw_response.create(**request),
        )
        return read_embeddings(call, outcome.answer(), self.parameters)

    def close(self) -> None:
        """Close all connections."""
        self.loops.close()
        self.service.close()

    def _call(self, inputs: Sequence[str]) -> Call:
        what = "embed a text" if len(inputs) == 1 else f"embed {len(inputs)} texts"
        return self.service.call(what, self.parameters.model)

    def _request(self, inputs: Sequence[str], role: Role) -> dict[str, Any]:
        # In the extra body the SDK does not look at each text, which would take half of its time for a call.
        body = self.parameters.body(inputs, role)
        return {"model": self.parameters.model, "input": "", "extra_body": body}


def open_openai(context: OpenContext) -> OpenAIEmbedder:
    """Open the sync lane of OpenAI's service. Nothing is sent.

    Raises:
        ConfigError: If the provider's settings can't be right.
        CredentialError: If no key is found.
        CapabilityError: If the wanted size can't be had with these settings.
    """
    return _open(context, compatible=False)


def open_compatible(context: OpenContext) -> OpenAIEmbedder:
    """Open the sync lane of a compatible server. Nothing is sent. Raises what `open_openai` does."""
    return _open(context, compatible=True)


def _open(context: OpenContext, *, compatible: bool) -> OpenAIEmbedder:
    service, opener = open_service(context, compatible=compatible)
    parameters = Parameters.of(service.provider, opener.settings, context.card, context.space)
    return OpenAIEmbedder(service, parameters, LoopClients(opener))


def read_embeddings(call: Call, body: bytes, parameters: Parameters) -> RawEmbeddings:
    """What *body* says, in the order of the texts.

    Raises:
        ResponseError: If it holds something else, or not what was asked for.
        TransientError: If it is no JSON at all.
    """
    answer = parsed(call, body)
    try:
        rows = [head(numbers, parameters.keep) for numbers in in_order(read_data(answer))]
    except UnreadableError as error:
        raise ResponseError(f"The answer of {call.provider} to {call} can't be used: {error}.") from None
    _require_size(call, rows, parameters)
    return RawEmbeddings(vectors=_matrix(rows), tokens=tokens_of(answer))


def _require_size(call: Call, rows: list[Numbers], parameters: Parameters) -> None:
    """Say what to set where a service passes over the parameter; the core only sees a wrong size."""
    asked = parameters.dimensions
    wrong = next((len(row) for row in rows if asked is not None and len(row) != asked), None)
    if wrong is not None:
        raise ResponseError(
            f"{call.provider} was asked for {asked} dimensions to {call}, and answered with {wrong}.",
            f"If it does not know the parameter, set send_dimensions = false in {call.provider.table}: then "
            "the heads of its vectors are kept, as far as the model's card allows.",
        )


def _matrix(rows: list[Numbers]) -> Any:
    """*rows* as one array; as they are where their sizes differ, for the core to name the one at fault."""
    return np.stack(rows) if rows and all(len(row) == len(rows[0]) for row in rows) else rows
