"""What `embedlane doctor` asks: the key, the service, and whether the model's card is true."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from embedlane.plugin import EmbedlaneError, Lane, Observation
from embedlane_gemini_legacy._clients import checked_key, open_model_client
from embedlane_gemini_legacy._errors import SDK_ERRORS, Translator
from embedlane_gemini_legacy._settings import LegacySettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from embedlane.plugin import ModelCard, OpenContext

#: The methods that a lane stands on, by the names of ``models.get``.
_METHODS = {Lane.SYNC: "embedContent", Lane.BATCH: "asyncBatchEmbedContent"}


def check(context: OpenContext) -> Iterator[Observation]:
    """Ask the service for the model, and compare it with the card. Costs nothing."""
    try:
        settings = LegacySettings.of(context.settings)
        model = _model(context, settings)
    except EmbedlaneError as error:
        yield Observation(level="problem", message=error.message, hint=error.hint)
        return
    yield Observation(
        level="ok", message=f"{settings.base_url} answers over {settings.transport} and takes the key"
    )
    yield from _differences(context.card, model)


def _model(context: OpenContext, settings: LegacySettings) -> Any:
    """What the service says of the model."""
    name = context.card.id.model
    key = checked_key(context.credential())
    client = open_model_client(settings, key)
    try:
        return client.get_model(name=f"models/{name}", retry=None, timeout=settings.timeout)
    except SDK_ERRORS as error:
        failure = Translator(name, settings, key).translate(error)
    finally:
        client.transport.close()
    raise failure


def _differences(card: ModelCard, model: Any) -> Iterator[Observation]:
    """Where card and service differ, or that they agree."""
    hint = "Override the card in the configuration, and tell embedlane's authors."
    found = []
    methods = set(model.supported_generation_methods)
    for lane, method in _METHODS.items():
        if (lane in card.lanes) != (method in methods):
            told = "lists" if method in methods else "does not list"
            has = "has" if lane in card.lanes else "does not have"
            found.append(f"the service {told} {method} for {card.id}, its card {has} the {lane} lane")
    limit = card.limits.tokens_per_input
    if limit is not None and model.input_token_limit != limit:
        found.append(
            f"the service takes {model.input_token_limit} tokens in a text for {card.id}, "
            f"its card says {limit}"
        )
    for message in found:
        yield Observation(level="warning", message=message, hint=hint)
    if not found:
        yield Observation(level="ok", message=f"the card of {card.id} agrees with the service")
