"""What `embedlane doctor` asks of this provider."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedlane.plugin import CapabilityError, CredentialError, EmbedlaneError, Lane, Observation
from embedlane_gemini._service import open_service, parsed
from embedlane_gemini._status import Call

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from embedlane.plugin import ModelCard, OpenContext
    from embedlane_gemini._service import Service

#: The method behind each lane, as `models.get` names it. Of the sync lane it names the single form only.
_METHODS = {Lane.SYNC: "embedContent", Lane.BATCH: "asyncBatchEmbedContent"}


def check(context: OpenContext) -> Iterator[Observation]:
    """Check the key, reach the service, and compare the model's card with what the service says of it.

    Nothing is embedded, and nothing is billed.
    """
    try:
        service, _ = open_service(context)
    except EmbedlaneError as error:
        yield _problem(error.message, error.hint)
        return
    try:
        yield from _asked(service, context.card)
    finally:
        service.close()


def _asked(service: Service, card: ModelCard) -> Iterator[Observation]:
    call = Call("describe the model", card.id.model)
    try:
        body = service.fetch(call, lambda client: client.models.get(model=service.model))
        model = parsed(call, body)
    except CredentialError as error:
        yield _problem(f"the key is not taken: {error.message}", error.hint)
        return
    except EmbedlaneError as error:
        if isinstance(error, CapabilityError) or getattr(error, "code", "") == "NOT_FOUND":
            yield _ok("the key is taken")
            yield _problem(
                f"the service does not have {card.id.model}",
                "`embedlane models list` shows others.",
            )
            return
        yield _problem(f"the service can't be reached: {error.message}", error.hint)
        return
    yield _ok("the key is taken, and the service answers")
    differences = [*_lanes(model, card), *_limit(model, card)]
    yield from differences or [_ok(f"the service says of {card.id.model} what its card says")]


def _lanes(model: Mapping[str, object], card: ModelCard) -> Iterator[Observation]:
    methods = model.get("supportedGenerationMethods")
    supported = methods if isinstance(methods, list) else []
    for lane, method in _METHODS.items():
        if lane in card.lanes and method not in supported:
            yield _problem(
                f"{card.id.model}: the card has a {lane} lane, but the service does not list {method}",
                "Use the other lane, and report it: the card may be out of date.",
            )
        if lane not in card.lanes and method in supported:
            yield _warning(
                f"{card.id.model}: the service lists {method}, but the card has no {lane} lane",
                "The card may be out of date: upgrade embedlane.",
            )


def _limit(model: Mapping[str, object], card: ModelCard) -> Iterator[Observation]:
    told, known = model.get("inputTokenLimit"), card.limits.tokens_per_input
    if isinstance(told, int) and known is not None and told != known:
        found = _problem if told < known else _warning
        yield found(
            f"{card.id.model}: the service takes {told} tokens in a text, the card says {known}",
            "The card may be out of date: upgrade embedlane.",
        )


def _ok(message: str) -> Observation:
    return Observation(level="ok", message=message)


def _warning(message: str, hint: str) -> Observation:
    return Observation(level="warning", message=message, hint=hint)


def _problem(message: str, hint: str) -> Observation:
    return Observation(level="problem", message=message, hint=hint)
