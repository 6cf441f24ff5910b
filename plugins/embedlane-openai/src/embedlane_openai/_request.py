"""What one request for embeddings holds, in either lane."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from embedlane.plugin import CapabilityError, ConfigError, Role, TaskMechanism
from embedlane_openai._settings import Encoding

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from embedlane.plugin import ModelCard, Space
    from embedlane_openai._provider import Provider
    from embedlane_openai._settings import OpenAISettings


@attrs.frozen(kw_only=True)
class Parameters:
    """What goes beside the texts, and what is to be made of the numbers."""

    #: The service's name for the model.
    model: str
    #: How numbers are asked for.
    encoding: Encoding = Encoding.BASE64
    #: Size to ask for; None to get the native one.
    dimensions: int | None = None
    #: Numbers of each vector to keep, from its head; None for all.
    keep: int | None = None
    #: Further parameters by role, for models whose card has task parameters.
    tasks: Mapping[Role, Mapping[str, str]] = attrs.field(factory=dict)

    @classmethod
    def of(cls, provider: Provider, settings: OpenAISettings, card: ModelCard, space: Space) -> Parameters:
        """What *space* asks of the model of *card*.

        Raises:
            CapabilityError: If the wanted size can't be had without asking for it.
            ConfigError: If the card has task parameters and the settings don't say how they are sent.
        """
        smaller = space.dimensions if space.dimensions != card.dimensions.native else None
        if smaller and not settings.send_dimensions and not card.dimensions.matryoshka:
            raise CapabilityError(
                f"{card.id}: without asking the service for {smaller} dimensions they can't be had, for its "
                "card does not say that it is a Matryoshka model.",
                f"Remove send_dimensions from {provider.table}, or use the native size.",
            )
        return cls(
            model=settings.name(card.id),
            encoding=settings.encoding,
            dimensions=smaller if settings.send_dimensions else None,
            keep=None if settings.send_dimensions else smaller,
            tasks=_tasks(provider, settings, card, space),
        )

    def body(self, texts: Sequence[str], role: Role) -> dict[str, Any]:
        """The request for *texts*."""
        return {"model": self.model, "input": list(texts), **self.beside(role)}

    def beside(self, role: Role) -> dict[str, Any]:
        """What stands in the request beside model and texts."""
        body: dict[str, Any] = {"encoding_format": self.encoding.value, **self.tasks.get(role, {})}
        if self.dimensions is not None:
            body["dimensions"] = self.dimensions
        return body


def _tasks(
    provider: Provider, settings: OpenAISettings, card: ModelCard, space: Space
) -> dict[Role, Mapping[str, str]]:
    if space.tasks.mechanism is not TaskMechanism.PARAM:
        return {}
    if settings.task_parameter is None:
        raise ConfigError(
            f"{provider.path('task_parameter')}: it is missing, and {card.id} is told the role of a "
            "text by a parameter.",
            "Name the parameter, such as task_parameter = 'input_type'; OpenAI's API itself has none.",
        )
    return {role: {settings.task_parameter: space.tasks.of(role)} for role in Role}
