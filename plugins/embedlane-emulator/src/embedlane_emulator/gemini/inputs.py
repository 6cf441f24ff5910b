"""From an EmbedContentRequest to what is embedded: text, task, size, tokens."""

from __future__ import annotations

import hashlib
import re
from functools import partial
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from embedlane_emulator.gemini import errors
from embedlane_emulator.tokens import count_tokens, cut_text
from embedlane_emulator.vectors import Sight, embed_each

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from embedlane_emulator.gemini.models import Model
    from embedlane_emulator.gemini.settings import GeminiSettings

_MEDIA_TOKENS = 258

# gemini-embedding-2 reads its task from the text.
_TASKED = re.compile(r"\Atask: (?P<task>[a-z ]+) \| query: (?P<text>.*)\Z", re.DOTALL)
_TITLED = re.compile(r"\Atitle: (?P<title>.*?) \| text: (?P<text>.*)\Z", re.DOTALL)


@attrs.frozen(kw_only=True)
class Input:
    """One thing to embed."""

    #: What the model sees.
    sight: Sight
    #: The size that was asked for, or the native one.
    dimensions: int
    #: What is paid for.
    tokens: int


def read(request: dict[str, Any], model: Model, settings: GeminiSettings) -> Input:
    """Judge a parsed request.

    Raises:
        ApiError: 400 with the service's reason.
    """
    _same_model(request.get("model", ""), model)
    merged = {**request, **request.get("embedContentConfig", {})}
    dimensions = _dimensions(merged.get("outputDimensionality", 0), model, settings)
    text, tokens = _text(request.get("content"), model)
    most = model.tokens
    if tokens > most:
        if settings.long_inputs == "reject":
            raise errors.invalid(f"Input has {tokens} tokens, which exceeds the limit of {most} tokens.")
        text, tokens = cut_text(text, most), most
    return Input(sight=_sight(text, merged, model), dimensions=dimensions, tokens=tokens)


def _same_model(named: str, model: Model) -> None:
    if named and named.removeprefix("models/") != model.name:
        raise errors.invalid(
            f"* EmbedContentRequest.model: model must be the same as in the URL: models/{model.name}\n"
        )


def _dimensions(asked: int, model: Model, settings: GeminiSettings) -> int:
    if not asked or not model.flexible:
        return model.dimensions
    if not settings.min_dimensions <= asked <= model.dimensions:
        raise errors.invalid(
            f"* EmbedContentRequest.output_dimensionality: output_dimensionality must be between "
            f"{settings.min_dimensions} and {model.dimensions}, but got {asked}\n"
        )
    return asked


def _text(content: dict[str, Any] | None, model: Model) -> tuple[str, int]:
    parts = (content or {}).get("parts") or []
    if not parts:
        raise errors.invalid("* EmbedContentRequest.content: contents is not specified\n")
    texts, media = [], 0
    for part in parts:
        if "text" in part:
            texts.append(part["text"])
        elif model.multimodal and ("inlineData" in part or "fileData" in part):
            texts.append(_digest(part))
            media += 1
        else:
            raise errors.invalid("* EmbedContentRequest.content: this model takes parts of text only\n")
    text = "\n".join(texts)
    if not text.strip():
        raise errors.invalid("The text content is empty.")
    written = sum(len(part.get("text", "")) for part in parts)
    return text, max(1, count_tokens(written) + media * _MEDIA_TOKENS)


def _digest(part: dict[str, Any]) -> str:
    """A few words that stand for an image or a sound: equal media are equal, others unrelated."""
    return hashlib.sha256(repr(sorted(part.items())).encode()).hexdigest()[:24]


def _sight(text: str, config: dict[str, Any], model: Model) -> Sight:
    if model.tasks:
        task = config.get("taskType", "")
        title = config.get("title", "")
        return Sight(f"{title}\n{text}" if title else text, "" if task.startswith("TASK_TYPE") else task)
    tasked, titled = _TASKED.match(text), _TITLED.match(text)
    if tasked:
        return Sight(tasked["text"], tasked["task"])
    if titled:
        title = "" if titled["title"] == "none" else titled["title"]
        return Sight(f"{title}\n{titled['text']}", "document")
    return Sight(text)


def vectors(inputs: Sequence[Input], model: Model, drift: float = 0.0) -> list[NDArray[np.float32]]:
    """One vector for each input, each of its own size."""
    lens = attrs.evolve(model.lens, drift=drift) if drift else model.lens
    sights = [item.sight for item in inputs]
    return embed_each(sights, [item.dimensions for item in inputs], lens, partial(_is_unit, model))


def _is_unit(model: Model, dimensions: int) -> bool:
    return model.normalised or dimensions == model.dimensions


def embedding(values: NDArray[np.float32] | None) -> dict[str, Any]:
    """A ContentEmbedding; without values where they were lost."""
    if values is None:
        return {}
    if not np.isnan(values[0]):
        return {"values": values}
    # As proto JSON writes a NaN.
    return {"values": ["NaN", *values[1:].tolist()]}
