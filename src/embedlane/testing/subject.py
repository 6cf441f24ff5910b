"""What a suite is told of the plugin under test."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING, Any, Protocol, Self

import attrs

from embedlane.errors import UsageError
from embedlane.models.card import Card, Lane, ModelCard
from embedlane.models.loading import all_shipped
from embedlane.models.names import ModelId
from embedlane.providers.route import Route

if TYPE_CHECKING:
    from collections.abc import Sequence

#: A secret that is easy to search for; the suites look for it wherever a plugin writes something.
SECRET = "kit-secret-never-to-be-seen"  # noqa: S105 -- it opens nothing


class Faults(Protocol):
    """Makes a service misbehave."""

    def add(self, kind: str, /, *, fraction: float = ..., reason: str = ..., state: str = ...) -> object:
        """Let *kind* befall the jobs that are created from now on.

        Args:
            kind: One of the kinds of `Service`.
            fraction: Share of the rows that it strikes.
            reason: What the service says of it.
            state: The word for a state that nobody knows.

        Raises:
            ValueError: If the service has no such fault; what needs it is skipped.
        """
        ...


class Clock(Protocol):
    """The clock of a service."""

    def advance(self, seconds: float, /) -> None:
        """Turn it forward."""
        ...


class Service(Protocol):
    """A service that does what a test wants; the emulators of embedlane-emulator are such.

    Its jobs end at once, unless a fault says otherwise. The faults are ``shuffled-rows``, ``doubled-rows``,
    ``missing-rows``, ``error-rows`` and ``corrupt-lines`` in the results; ``cancelled`` (with a fraction of
    the rows), ``expired``, ``failed`` and ``unknown-state`` for how a job ends; ``stuck`` for one that does
    not end.
    """

    @property
    def faults(self) -> Faults:
        """What goes wrong."""
        ...

    @property
    def clock(self) -> Clock:
        """By which jobs expire."""
        ...


def _read_only(settings: Mapping[str, object]) -> Mapping[str, object]:
    return MappingProxyType(dict(settings))


@attrs.frozen(kw_only=True)
class Subject:
    """A model, served by a plugin: what the suites of both lanes test."""

    #: The model's claims.
    card: ModelCard
    #: The route to it in the sync lane.
    sync: Route | None = None
    #: The route to it in the batch lane.
    batch: Route | None = None
    #: Size of the vectors to ask for, where a rule does not ask for several; None for the native size.
    dimensions: int | None = None
    #: The provider's table of the configuration.
    settings: Mapping[str, object] = attrs.field(factory=dict, converter=_read_only)
    #: The secret that the service takes.
    secret: str = attrs.field(default=SECRET, repr=False)
    #: The setting that holds the base URL of the service. Where `settings` has it, the suites put a relay
    #: between the plugin and the service, to count requests and to break connections.
    address: str = "base_url"
    #: The service, if the test has power over it.
    service: Service | None = None

    @classmethod
    def of(
        cls, plugin: ModuleType, model: str, *, provider: str = "", card: ModelCard | None = None, **more: Any
    ) -> Self:
        """Find the routes and the card of a model among what a plugin declares.

        Args:
            plugin: The entry module.
            model: Such as ``acme:embed-1``.
            provider: Which of the plugin's providers, if it has several for the model.
            card: The card, if neither the plugin nor the core declares it.
            more: The other fields.

        Raises:
            UsageError: If there is no card, no route, or more than one provider.
        """
        name = ModelId.parse(model)
        offered = [
            route
            for route in declared(plugin, "embedlane_routes")
            if provider in ("", route.provider) and (name in route.models or not route.models)
        ]
        providers = {route.provider for route in offered}
        if len(providers) != 1:
            raise UsageError(
                f"{plugin.__name__} has {len(providers)} providers of {model}.",
                f"Name one with provider=…: {', '.join(sorted(providers))}." if providers else "",
            )
        lanes = {str(route.lane): attrs.evolve(route, models=(name,)) for route in offered}
        return cls(card=card or _card(plugin, name), **lanes, **more)

    def route(self, lane: Lane) -> Route:
        """The route in *lane*.

        Raises:
            UsageError: If there is none.
        """
        route = self.sync if lane is Lane.SYNC else self.batch
        if route is None:
            raise UsageError(
                f"The subject has no route for {self.card.id} in the {lane} lane.",
                "Declare one in embedlane_routes, or leave the suite of that lane out.",
            )
        return route

    @property
    def url(self) -> str:
        """The base URL of the service; empty for a plugin without a network."""
        value = self.settings.get(self.address)
        return value if isinstance(value, str) else ""


@attrs.frozen(kw_only=True)
class Translation:
    """How a plugin turns exceptions of its SDK into errors of the core."""

    #: Modules whose exceptions may come up: the SDK's own and its transport's.
    modules: Sequence[ModuleType]
    #: Gives the core's error for an exception of the SDK, or raises it.
    translate: Callable[[Exception], Exception]
    #: Makes an exception of a class whose constructor wants more than a message; None for the others.
    make: Callable[[type[Exception]], Exception | None] = lambda _kind: None


@functools.cache
def core_cards() -> tuple[Card, ...]:
    """The cards of the core. Kept, because reading them takes longer than most tests."""
    return all_shipped()


def declared(plugin: object, hook: str) -> Sequence[Any]:
    """What *plugin* returns from *hook*; nothing if it does not implement it."""
    function = getattr(plugin, hook, None)
    return () if function is None else tuple(function())


def _card(plugin: ModuleType, name: ModelId) -> ModelCard:
    cards: dict[ModelId, ModelCard] = {
        card.id: card
        for card in (*core_cards(), *declared(plugin, "embedlane_models"))
        if isinstance(card, ModelCard)
    }
    if name not in cards:
        raise UsageError(
            f"There is no card of {name}.",
            f"Declare it in embedlane_models of {plugin.__name__}, or give card=….",
        )
    return cards[name]
