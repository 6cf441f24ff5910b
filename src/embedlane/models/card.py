"""The model card: what is known of a model, as frozen data.

Code asks the card; it never asks for a provider's name, and it never tries a call to see what happens.
"""

from __future__ import annotations

from datetime import date, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

import attrs

from embedlane.models.names import ModelId

if TYPE_CHECKING:
    from collections.abc import Iterable


# Not `tuple` itself as a converter: mypy can't tell what a generic class makes of its argument.
def _numbers(values: Iterable[int]) -> tuple[int, ...]:
    return tuple(values)


def _texts(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(values)


class Lane(StrEnum):
    """A way to have texts embedded."""

    #: The answer comes with the call.
    SYNC = "sync"
    #: The answer comes within hours, cheaper.
    BATCH = "batch"


class Role(StrEnum):
    """What a text is for; many models embed the two differently."""

    DOCUMENT = "document"
    QUERY = "query"


class TaskMechanism(StrEnum):
    """How a model is told the role of a text."""

    #: A parameter of the request; the card's two values are what is sent.
    PARAM = "param"
    #: A text around the text; the card's two values are templates with ``{text}``.
    PREFIX = "prefix"
    #: The model has no roles.
    NONE = "none"


class Normalisation(StrEnum):
    """Which vectors arrive with unit length; the core makes all others so."""

    #: All of them; the core checks it.
    ALWAYS = "always"
    #: Only those of the native size; smaller ones are normalised by the core.
    NATIVE_ONLY = "native-only"
    #: None can be relied on; all are normalised by the core.
    NEVER = "never"


class MultiInput(StrEnum):
    """What a model makes of several inputs in one request."""

    #: One vector for each input.
    LIST = "list"
    #: One vector for all of them, unless the plugin wraps each input by itself.
    AGGREGATE = "aggregate"


_OPTIONAL_POSITIVE = attrs.validators.optional(attrs.validators.gt(0))
_OPTIONAL_PRICE = attrs.validators.optional(attrs.validators.ge(0))


@attrs.frozen(kw_only=True)
class Dimensions:
    """The sizes a model's vectors can have."""

    #: The size when nothing is asked for.
    native: int = attrs.field(validator=attrs.validators.gt(0))
    #: The smallest size of a Matryoshka model; equal to `native` when there is no choice.
    smallest: int = attrs.field(default=attrs.Factory(lambda self: self.native, takes_self=True))
    #: The largest size; beyond `native` only for models of any size.
    largest: int = attrs.field(default=attrs.Factory(lambda self: self.native, takes_self=True))
    #: Sizes that the publisher recommends.
    recommended: tuple[int, ...] = attrs.field(default=(), converter=_numbers)
    #: Whether the head of a vector is a good smaller vector.
    matryoshka: bool = False

    @smallest.validator
    def _check_smallest(self, _attribute: attrs.Attribute[int], smallest: int) -> None:
        if not 0 < smallest <= self.native:
            raise ValueError(f"smallest size {smallest} is not between 1 and the native size {self.native}")

    @largest.validator
    def _check_largest(self, _attribute: attrs.Attribute[int], largest: int) -> None:
        if largest < self.native:
            raise ValueError(f"largest size {largest} is below the native size {self.native}")

    @recommended.validator
    def _check_recommended(
        self, _attribute: attrs.Attribute[tuple[int, ...]], sizes: tuple[int, ...]
    ) -> None:
        for size in sizes:
            if not self.allows(size):
                raise ValueError(f"recommended size {size} is not one of {self}")

    def allows(self, size: int) -> bool:
        """Whether vectors of *size* numbers can be asked for."""
        return self.smallest <= size <= self.largest

    def __str__(self) -> str:
        """Such as ``768`` or ``128 to 3072``."""
        if self.smallest == self.largest:
            return str(self.native)
        return f"{self.smallest} to {self.largest}"


@attrs.frozen(kw_only=True)
class InputLimits:
    """What one request may hold; None where no limit is known."""

    #: Tokens in one input.
    tokens_per_input: int | None = attrs.field(default=None, validator=_OPTIONAL_POSITIVE)
    #: Inputs in one request.
    inputs_per_request: int | None = attrs.field(default=None, validator=_OPTIONAL_POSITIVE)
    #: Tokens in one request, over all inputs.
    tokens_per_request: int | None = attrs.field(default=None, validator=_OPTIONAL_POSITIVE)


@attrs.frozen(kw_only=True)
class TaskScheme:
    """How the role of a text reaches the model. Part of the space, for it changes the vector."""

    #: The way it is told.
    mechanism: TaskMechanism = attrs.field(default=TaskMechanism.NONE, converter=TaskMechanism)
    #: Parameter value or template for documents.
    document: str = attrs.field(default="")
    #: Parameter value or template for queries.
    query: str = attrs.field(default="")

    @document.validator
    @query.validator
    def _check_value(self, attribute: attrs.Attribute[str], value: str) -> None:
        if self.mechanism is TaskMechanism.PREFIX and value.count("{text}") != 1:
            raise ValueError(f"the {attribute.name} template {value!r} must hold {{text}} once")
        if self.mechanism is TaskMechanism.PARAM and not value:
            raise ValueError(f"the parameter value for a {attribute.name} is missing")
        # A value that is never sent would change the fingerprint, but no vector.
        if self.mechanism is TaskMechanism.NONE and value:
            raise ValueError(f"the {attribute.name} value {value!r} needs the mechanism 'param' or 'prefix'")

    def of(self, role: Role) -> str:
        """Parameter value or template for *role*."""
        return self.document if role is Role.DOCUMENT else self.query

    def render(self, text: str, role: Role) -> str:
        """The exact text to send: *text* inside the template, where the mechanism is a prefix."""
        if self.mechanism is TaskMechanism.PREFIX:
            return self.of(role).replace("{text}", text)
        return text


@attrs.frozen(kw_only=True)
class Price:
    """US dollars for one million tokens."""

    #: In the sync lane; None where it is not known.
    sync: float | None = attrs.field(default=None, validator=_OPTIONAL_PRICE)
    #: In the batch lane; None where it is not known.
    batch: float | None = attrs.field(default=None, validator=_OPTIONAL_PRICE)

    def of(self, lane: Lane) -> float | None:
        """Dollars for a million tokens in *lane*, or None."""
        return self.sync if lane is Lane.SYNC else self.batch

    def cost(self, lane: Lane, tokens: int) -> float | None:
        """Dollars for *tokens* tokens in *lane*, or None where the price is not known."""
        price = self.of(lane)
        return None if price is None else price * tokens / 1_000_000


@attrs.frozen(kw_only=True)
class Lifecycle:
    """When a model came and when it goes; None where it is not announced."""

    #: Day of release.
    released: date | None = None
    #: First day on which it may no longer answer.
    retires: date | None = None
    #: The model that its publisher recommends instead, as publisher:model.
    successor: str | None = None

    def retired(self, today: date) -> bool:
        """Whether the model may no longer answer on *today*."""
        return self.retires is not None and self.retires <= today

    def retires_within(self, today: date, days: int) -> bool:
        """Whether the model still answers on *today* but may not *days* days later."""
        return (
            self.retires is not None
            and not self.retired(today)
            and self.retires <= today + timedelta(days=days)
        )


@attrs.frozen(kw_only=True)
class Source:
    """Where facts of a card were read, and when."""

    #: The fields of the card that it vouches for, such as ``dimensions`` or ``price.batch``.
    facts: tuple[str, ...] = attrs.field(converter=_texts)
    #: The page, file or measurement.
    source: str
    #: The day on which it was read.
    read: date


def _model_id(value: ModelId | str) -> ModelId:
    return ModelId.parse(value) if isinstance(value, str) else value


def _lanes(values: Iterable[str]) -> frozenset[Lane]:
    # Through Lane, so that a plain "sync" in place of a list is refused, not taken letter by letter.
    return frozenset(Lane(value) for value in values)


def _sources(values: Iterable[Source]) -> tuple[Source, ...]:
    return tuple(values)


@attrs.frozen(kw_only=True)
class Card:
    """What a card of any kind says of a model; see `ModelCard` and `GenerationCard`."""

    #: Its name.
    id: ModelId = attrs.field(converter=_model_id)
    #: One line for people.
    summary: str = ""
    #: The lanes that the service offers for it.
    lanes: frozenset[Lane] = attrs.field(converter=_lanes, validator=attrs.validators.min_len(1))
    #: Limits of a request.
    limits: InputLimits = InputLimits()
    #: What its input costs.
    price: Price = Price()
    #: When it came and goes.
    lifecycle: Lifecycle = Lifecycle()
    #: Characters of English prose that make one token, for estimates.
    characters_per_token: float = attrs.field(default=4.0, validator=attrs.validators.gt(0))
    #: Where each fact was read.
    sources: tuple[Source, ...] = attrs.field(default=(), converter=_sources)

    def estimate_tokens(self, characters: int, texts: int = 1) -> int:
        """Tokens of *texts* texts with *characters* characters together, rounded up."""
        return max(texts, -int(-characters // self.characters_per_token))


@attrs.frozen(kw_only=True)
class ModelCard(Card):
    """All that embedlane knows of one model that embeds."""

    #: Changes whenever the publisher changes the vectors under the same name.
    revision: str = "1"
    #: Sizes of its vectors.
    dimensions: Dimensions
    #: How it learns the role of a text.
    tasks: TaskScheme = TaskScheme()
    #: Which vectors arrive with unit length.
    normalisation: Normalisation = attrs.field(default=Normalisation.NEVER, converter=Normalisation)
    #: What it makes of several inputs.
    multi_input: MultiInput = attrs.field(default=MultiInput.LIST, converter=MultiInput)

    def arrives_normalised(self, size: int) -> bool:
        """Whether vectors of *size* numbers come with unit length from the provider."""
        if self.normalisation is Normalisation.NATIVE_ONLY:
            return size == self.dimensions.native
        return self.normalisation is Normalisation.ALWAYS


@attrs.frozen(kw_only=True)
class GenerationCard(Card):
    """All that embedlane knows of one model that generates text. Only its batch lane is used."""

    #: What its output costs, thoughts included.
    output_price: Price = Price()
    #: Tokens in one answer; None where no limit is known.
    output_tokens: int | None = attrs.field(default=None, validator=_OPTIONAL_POSITIVE)

    def cost(self, lane: Lane, tokens: int, output_tokens: int) -> float | None:
        """Dollars for so many tokens in and out, or None where a price is not known."""
        asked, said = self.price.cost(lane, tokens), self.output_price.cost(lane, output_tokens)
        return None if asked is None or said is None else asked + said
