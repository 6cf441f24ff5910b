"""The sync lane."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

import attrs

from embedlane.plugin import CapabilityError, Role, TaskMechanism
from embedlane_gemini_legacy._answers import of_body, of_message
from embedlane_gemini_legacy._clients import checked_key, open_client
from embedlane_gemini_legacy._errors import SDK_ERRORS, Translator
from embedlane_gemini_legacy._rest import RawBody
from embedlane_gemini_legacy._sdk import protos, to_task_type
from embedlane_gemini_legacy._settings import PROVIDER, LegacySettings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from embedlane.plugin import ModelCard, OpenContext, RawEmbeddings, Space
    from embedlane_gemini_legacy._sdk import GenerativeServiceClient


@final
@attrs.frozen(kw_only=True, eq=False)
class LegacyEmbedder:
    """A SyncEmbedder around a client of google-generativeai."""

    #: The SDK's client; it holds the key.
    client: GenerativeServiceClient = attrs.field(repr=False)
    #: The model as the service names it, such as ``models/gemini-embedding-001``.
    model: str
    #: The size to ask for; None where the model has only one.
    dimensions: int | None
    #: The task type of each role; empty where the model has none.
    tasks: Mapping[Role, protos.TaskType]
    #: Seconds that a call may take.
    timeout: float
    #: Translates errors.
    errors: Translator

    def embed(self, inputs: Sequence[str], role: Role) -> RawEmbeddings:
        """Embed each text by a request of its own within one call.

        Raises:
            TransientError: If the same call may succeed later.
            RequestRefusedError: If the service finds fault with the texts.
            CapabilityError: If the service does not have the model.
            CredentialError: If the service does not take the key.
            ConfigError: If the address is wrong.
            ResponseError: If the answer can't be read.
        """
        request = self._request(inputs, role)
        try:
            # Without `retry=None` the SDK tries again for up to a minute, whatever the timeout says.
            answer = self.client.batch_embed_contents(request, retry=None, timeout=self.timeout)
            return of_body(answer.content) if isinstance(answer, RawBody) else of_message(answer)
        except SDK_ERRORS as error:
            failure = self.errors.translate(error)
        raise failure

    def close(self) -> None:
        """Close the connections."""
        self.client.transport.close()

    def _request(self, inputs: Sequence[str], role: Role) -> protos.BatchEmbedContentsRequest:
        """What ``genai.embed_content`` sends for *inputs*: texts that share a Content share a vector."""
        task = self.tasks.get(role)
        return protos.BatchEmbedContentsRequest(
            model=self.model,
            requests=[
                protos.EmbedContentRequest(
                    model=self.model,
                    content=protos.Content(parts=[protos.Part(text=text)]),
                    task_type=task,
                    output_dimensionality=self.dimensions,
                )
                for text in inputs
            ],
        )


def open_sync(context: OpenContext) -> LegacyEmbedder:
    """Open the sync lane; nothing is sent.

    Raises:
        ConfigError: If the provider's settings can't be right.
        CredentialError: If there is no key, or it can't be one.
        CapabilityError: If the SDK does not know a task type of the model's card.
    """
    settings = LegacySettings.of(context.settings)
    tasks = _tasks(context.space)
    key = checked_key(context.credential())
    return LegacyEmbedder(
        tasks=tasks,
        client=open_client(settings, key),
        model=f"models/{context.card.id.model}",
        dimensions=_wanted(context.card, context.space),
        timeout=settings.timeout,
        errors=Translator(context.card.id.model, settings, key),
    )


def _wanted(card: ModelCard, space: Space) -> int | None:
    """The size to ask for: always where there is a choice, so that no default of the service decides."""
    choice = card.dimensions.smallest < card.dimensions.largest
    return space.dimensions if choice else None


def _tasks(space: Space) -> dict[Role, protos.TaskType]:
    """The SDK's task type for each role."""
    if space.tasks.mechanism is not TaskMechanism.PARAM:
        return {}
    return {role: _task(space.tasks.of(role), space) for role in Role}


def _task(name: str, space: Space) -> protos.TaskType:
    try:
        return to_task_type(name)
    except KeyError:
        raise CapabilityError(
            f"google-generativeai does not know the task type {name} of {space.model}.",
            f'Install embedlane-gemini, and set [routes."{space.model}"] sync = "gemini" in place of '
            f'"{PROVIDER}".',
        ) from None
