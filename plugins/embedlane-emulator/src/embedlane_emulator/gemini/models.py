"""The models of the Gemini API: what they take, how they behave, when they retire, what they cost."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import attrs

from embedlane_emulator.gemini import errors
from embedlane_emulator.vectors import NATIVE, Lens

if TYPE_CHECKING:
    from embedlane_emulator.core import Core
    from embedlane_emulator.gemini.settings import GeminiSettings

_EMBED = ("embedContent",)
_EMBED_BATCH = ("embedContent", "countTextTokens", "countTokens", "asyncBatchEmbedContent")
_GENERATE = ("generateContent", "countTokens", "createCachedContent", "batchGenerateContent")
#: Operations that a method of `Model.methods` stands for, and the name in the refusal.
_METHOD = {
    "models.embedContent": "embedContent",
    "models.batchEmbedContents": "embedContent",
    "models.asyncBatchEmbedContent": "asyncBatchEmbedContent",
    "models.batchGenerateContent": "batchGenerateContent",
}


@attrs.frozen(kw_only=True)
class Model:
    """One model as the service offers it."""

    #: Its name, without ``models/``.
    name: str
    #: The name people read.
    title: str
    #: Its version.
    version: str = "001"
    #: The methods it supports.
    methods: tuple[str, ...] = _EMBED_BATCH
    #: The most tokens of one input.
    tokens: int = 2048
    #: The most tokens of an answer.
    output_tokens: int = 1
    #: Its native number of dimensions; no other can be asked for if `flexible` is False.
    dimensions: int = NATIVE
    #: Whether ``outputDimensionality`` works.
    flexible: bool = True
    #: Whether shorter vectors come with length 1.
    normalised: bool = False
    #: Whether ``taskType`` changes the vector.
    tasks: bool = True
    #: Whether inputs other than text are taken.
    multimodal: bool = False
    #: The day from which it is gone.
    retired: dt.date | None = None
    #: Dollars for a million tokens, sync.
    price: float = 0.0
    #: Dollars for a million tokens, batch.
    batch_price: float = 0.0
    #: Dollars for a million tokens of answers, sync.
    output_price: float = 0.0
    #: Dollars for a million tokens of answers, batch.
    batch_output_price: float = 0.0
    #: How it sees texts.
    lens: Lens = Lens(0)

    def as_json(self) -> dict[str, Any]:
        """As ``models.get`` answers it."""
        return {
            "name": f"models/{self.name}",
            "version": self.version,
            "displayName": self.title,
            "description": "Obtain a distributed representation of a text."
            if "embedContent" in self.methods
            else "A deterministic stand-in for a generative model.",
            "inputTokenLimit": self.tokens,
            "outputTokenLimit": self.output_tokens,
            "supportedGenerationMethods": list(self.methods),
        }


def _old(name: str, day: tuple[int, int, int], unit: int, dimensions: int = 768) -> Model:
    return Model(
        name=name,
        title=name.replace("-", " ").title(),
        methods=_EMBED,
        dimensions=dimensions,
        flexible=name != "embedding-gecko-001",
        retired=dt.date(*day),
        lens=Lens(unit, 0.45),
    )


def _generative(name: str, price: float, output_price: float) -> Model:
    return Model(
        name=name,
        title=name.replace("-", " ").title(),
        methods=_GENERATE,
        tokens=1_048_576,
        output_tokens=65_536,
        price=price,
        batch_price=price / 2,
        output_price=output_price,
        batch_output_price=output_price / 2,
    )


_TWO = Model(
    name="gemini-embedding-2",
    title="Gemini Embedding 2",
    version="2",
    tokens=8192,
    normalised=True,
    tasks=False,
    multimodal=True,
    price=0.20,
    batch_price=0.10,
    lens=Lens(1, 0.7),
)
MODELS = (
    Model(name="gemini-embedding-001", title="Gemini Embedding 001", price=0.15, batch_price=0.075),
    _TWO,
    attrs.evolve(
        _TWO,
        name="gemini-embedding-2-preview",
        title="Gemini Embedding 2 Preview",
        retired=dt.date(2026, 8, 10),
        lens=Lens(2, 0.65),
    ),
    _old("text-embedding-004", (2026, 1, 14), 3),
    _old("embedding-001", (2025, 10, 30), 4),
    _old("embedding-gecko-001", (2025, 10, 30), 5),
    _old("gemini-embedding-exp-03-07", (2025, 10, 30), 6, NATIVE),
    _old("gemini-embedding-exp", (2025, 10, 30), 6, NATIVE),
    _generative("gemini-2.5-flash", 0.30, 2.50),
    _generative("gemini-2.5-flash-lite", 0.10, 0.40),
    _generative("gemini-2.5-pro", 1.25, 10.0),
)
_BY_NAME = {model.name: model for model in MODELS}


def available(core: Core[GeminiSettings]) -> list[Model]:
    """The models of today, by the clock."""
    return [model for model in MODELS if _alive(model, core)]


def supporting(core: Core[GeminiSettings], name: str, operation: str, version: str) -> Model:
    """The model of that name, if it is there and has the operation's method.

    Raises:
        ApiError: 404 otherwise, or the 400 some report for a model that can't batch, if so set.
    """
    name = name.removeprefix("models/")
    model, method = _BY_NAME.get(name), _METHOD[operation]
    if model and method not in model.methods and core.settings.unsupported_method == "400":
        raise errors.invalid(f"Model does not support {method}")
    if model is None or not _alive(model, core) or method not in model.methods:
        raise errors.no_model(name, version, method)
    return model


def find(core: Core[GeminiSettings], name: str, version: str) -> Model:
    """The model of that name.

    Raises:
        ApiError: 404 if it is unknown or retired.
    """
    model = _BY_NAME.get(name)
    if model is None or not _alive(model, core):
        raise errors.ApiError(404, f"Model is not found: models/{name} for api version {version}")
    return model


def named(name: str) -> Model:
    """The model of that name, retired or not."""
    return _BY_NAME[name]


def _alive(model: Model, core: Core[GeminiSettings]) -> bool:
    if model.retired is None or core.settings.keep_retired:
        return True
    return core.clock.now() < dt.datetime.combine(model.retired, dt.time(), dt.UTC).timestamp()
