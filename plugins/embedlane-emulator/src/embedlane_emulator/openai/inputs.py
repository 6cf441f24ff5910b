"""From the body of a request for embeddings to what is embedded: texts, size, tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from embedlane_emulator.openai import errors, models
from embedlane_emulator.tokens import count_tokens, cut_text
from embedlane_emulator.vectors import Sight, embed_each

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from embedlane_emulator.openai.models import Model
    from embedlane_emulator.openai.settings import OpenAISettings

_PARAMETERS = frozenset({"input", "model", "dimensions", "encoding_format", "user"})


@attrs.frozen(kw_only=True)
class Asked:
    """One request, judged."""

    #: The model that answers.
    model: Model
    #: What it sees, one for each vector.
    sights: tuple[Sight, ...]
    #: Numbers in a vector.
    dimensions: int
    #: Whether vectors are written as base64.
    base64: bool
    #: What is paid for.
    tokens: int


def read(body: Any, settings: OpenAISettings) -> Asked:
    """Judge a request's body.

    Raises:
        ApiError: 400 or 404 with the service's reason.
    """
    if not isinstance(body, dict):
        raise errors.invalid("The body of the request must be a JSON object.")
    unknown = sorted(body.keys() - _PARAMETERS)
    if unknown and settings.strict:
        raise errors.invalid(f"Unrecognized request argument supplied: {', '.join(unknown)}")
    model = models.find(settings, _model(body))
    base64 = _base64(body, settings)
    dimensions = _dimensions(body, model, settings)
    if not isinstance(body.get("user", ""), str):
        raise errors.wrong_type("user", "a string", body["user"])
    inputs = _inputs(body, settings)
    counted = [_limited(item, settings) for item in inputs]
    total = sum(count for _, count in counted)
    if settings.request_tokens and total > settings.request_tokens:
        kind = "max_tokens_per_request"
        message = f"Requested {total} tokens, max {settings.request_tokens} tokens per request"
        raise errors.ApiError(settings.limit_status, message, kind=kind, code=kind)
    sights = tuple(sight for sight, _ in counted)
    return Asked(model=model, sights=sights, dimensions=dimensions, base64=base64, tokens=total)


def _model(body: dict[str, Any]) -> str:
    name = body.get("model")
    if name is None:
        raise errors.invalid("you must provide a model parameter")
    if not isinstance(name, str):
        raise errors.wrong_type("model", "a string", name)
    return name


def _base64(body: dict[str, Any], settings: OpenAISettings) -> bool:
    wanted = body.get("encoding_format", "float")
    if wanted not in ("float", "base64") or (wanted == "base64" and settings.base64 == "refuse"):
        supported = "['float']" if settings.base64 == "refuse" else "['float', 'base64']"
        raise errors.invalid(
            f"Invalid value for 'encoding_format' = {wanted}. Supported values: {supported}.",
            "encoding_format",
        )
    return bool(wanted == "base64" and settings.base64 == "serve")


def _dimensions(body: dict[str, Any], model: Model, settings: OpenAISettings) -> int:
    asked = body.get("dimensions", model.dimensions)
    if "dimensions" not in body or model.shortens == "ignore":
        return model.dimensions
    if model.shortens == "refuse":
        raise errors.invalid("This model does not support specifying dimensions.")
    if isinstance(asked, bool) or not isinstance(asked, int):
        raise errors.wrong_type("dimensions", "an integer", asked)
    least, most = settings.min_dimensions, model.dimensions
    if not least <= asked <= most:
        bound = f"less than or equal to {most}" if asked > most else f"greater than or equal to {least}"
        raise errors.invalid(f"Invalid value for 'dimensions' = {asked}. Must be {bound}.", "dimensions")
    return asked


def _inputs(body: dict[str, Any], settings: OpenAISettings) -> list[Any]:
    """The inputs one by one, each a text or a list of tokens."""
    if "input" not in body:
        raise errors.missing("input")
    items = split(body["input"])
    if items is None or not all(items):
        raise errors.bad_input()
    if settings.max_inputs and len(items) > settings.max_inputs:
        message = (
            f"Invalid 'input': array too long. Expected an array with maximum length {settings.max_inputs}, "
            f"but got an array with length {len(items)} instead."
        )
        raise errors.ApiError(settings.limit_status, message, param="input", code="array_above_max_length")
    return items


def split(value: Any) -> list[Any] | None:
    """The texts and token lists that an ``input`` holds; None if it has none of its four forms."""
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list) or not value:
        return None
    if _are_tokens(value):
        return [value]
    texts = all(isinstance(item, str) for item in value)
    return value if texts or all(_are_tokens(item) for item in value) else None


def _are_tokens(value: Any) -> bool:
    return isinstance(value, list) and all(type(token) is int and token >= 0 for token in value)


def count(item: Any) -> int:
    """Tokens of a text or of a token list."""
    return count_tokens(len(item)) if isinstance(item, str) else len(item)


def _limited(item: Any, settings: OpenAISettings) -> tuple[Sight, int]:
    number, most = count(item), settings.input_tokens
    if number > most:
        if settings.long_inputs == "reject":
            message = (
                f"This model's maximum context length is {most} tokens, however you requested {number} "
                f"tokens ({number} in your prompt; 0 for the completion). Please reduce your prompt; or "
                "completion length."
            )
            raise errors.ApiError(settings.limit_status, message)
        item, number = cut_text(item, most) if isinstance(item, str) else item[:most], most
    # Nobody here knows the words that tokens stand for: a token is a word of its own.
    return Sight(item if isinstance(item, str) else " ".join(map(str, item))), number


def vectors(asked: Sequence[Asked], drift: float = 0.0) -> list[list[NDArray[np.float32]]]:
    """The vectors of each request, all of one model and of length 1."""
    if not asked:
        return []
    lens = attrs.evolve(asked[0].model.lens, drift=drift)
    sights = [sight for item in asked for sight in item.sights]
    sizes = [item.dimensions for item in asked for _ in item.sights]
    found = iter(embed_each(sights, sizes, lens, lambda _: True))
    return [[next(found) for _ in item.sights] for item in asked]
