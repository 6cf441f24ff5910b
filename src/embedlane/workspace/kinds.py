"""Providers that a configuration makes of another's plugin: a second account, or a server of one's own.

``[providers.NAME]`` with ``kind = "other"`` copies the routes of *other* under *NAME*. So any number of
servers that speak one API stand side by side, each with its own address, key and models.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from embedlane.config.providers import common_settings
from embedlane.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from embedlane.config.settings import Config
    from embedlane.models.card import Card
    from embedlane.models.names import ModelId
    from embedlane.providers.route import Route


def configured_routes(
    config: Config, routes: Sequence[Route], cards: Mapping[ModelId, Card]
) -> Iterator[Route]:
    """The routes of all providers' tables that name a kind.

    A route is offered for those of the table's models whose card has its lane; the others could only fail.

    Args:
        config: Holds the tables.
        routes: All routes that plugins declare, those of the kinds among them.
        cards: All cards, for their lanes.

    Raises:
        ConfigError: If a kind does not exist, a name is taken, or a table says nothing of its models.
    """
    declared = {route.provider for route in routes}
    for name in config.providers:
        settings = common_settings(config, name)
        place = f"{config.place}: providers.{name}"
        if not settings.kind:
            if settings.models:
                raise ConfigError(
                    f"{place}.models: only a provider with a kind takes it.",
                    f"Add a kind, such as kind = '{_example(declared)}', or leave it out.",
                )
            continue
        _check_names(place, name, settings.kind, declared)
        for route in routes:
            if route.provider == settings.kind:
                models = _served(settings.models or route.models, route, cards)
                if not (settings.models or route.models):
                    raise ConfigError(
                        f"{place}: it names no models, and its kind '{settings.kind}' has none of its own.",
                        "Name them, such as models = ['acme:my-model'], each with a [[models]] table.",
                    )
                # What the user set up on purpose goes before what a plugin offers to everybody.
                yield attrs.evolve(route, provider=name, models=models, preference=route.preference + 1)


def _served(models: tuple[ModelId, ...], route: Route, cards: Mapping[ModelId, Card]) -> tuple[ModelId, ...]:
    return tuple(model for model in models if model not in cards or route.lane in cards[model].lanes)


def _check_names(place: str, name: str, kind: str, declared: set[str]) -> None:
    if kind not in declared:
        raise ConfigError(
            f"{place}.kind: there is no provider '{kind}'; installed are {', '.join(sorted(declared))}.",
            "Correct it, or install the plugin that has it. `embedlane plugins` shows what is loaded.",
        )
    if name in declared:
        raise ConfigError(
            f"{place}.kind: '{name}' is the name of an installed provider, which is of its own kind.",
            f"Give the table another name, such as [providers.my-{name}], or leave kind out.",
        )


def _example(declared: set[str]) -> str:
    return next(iter(sorted(declared)), "NAME")
