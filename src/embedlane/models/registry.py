"""The registry: every known card and every offered route, and who declared them.

Nothing that is wrong here stops the build: two owners that state different cards under one name, or a
route of a model without a card, are recorded, and refused only when that model is asked for. So one bad
plugin can't break the commands that don't need it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Generic, Protocol, TypeVar, final

import attrs

from embedlane.errors import CapabilityError, UnknownNameError
from embedlane.models.card import Card, GenerationCard, Lane, ModelCard
from embedlane.models.conflicts import Conflict, Orphan
from embedlane.models.known import KnownPlugin
from embedlane.models.names import ModelId


class RouteLike(Protocol):
    """What the registry needs to know of a route."""

    @property
    def provider(self) -> str:
        """The provider's id."""
        ...

    @property
    def models(self) -> tuple[ModelId, ...]:
        """The models it serves."""
        ...

    @property
    def lane(self) -> Lane:
        """The lane it serves them in."""
        ...


_R = TypeVar("_R", bound=RouteLike)
_T = TypeVar("_T")
#: Owner and declaration, for each model.
_Declared = dict[ModelId, list[tuple[str, _T]]]


@final
@attrs.frozen(kw_only=True)
class Registry(Generic[_R]):
    """All cards and routes. Build it with `Registry.build`."""

    _cards: Mapping[ModelId, Card]
    _owners: Mapping[ModelId, tuple[str, ...]]
    _routes: Mapping[ModelId, tuple[_R, ...]]
    #: Declarations that can't both be right, sorted by model.
    conflicts: tuple[Conflict, ...] = ()
    #: Routes of models without a card, sorted by model.
    orphans: tuple[Orphan, ...] = ()
    #: Distributions that could be installed.
    plugins: tuple[KnownPlugin, ...] = ()

    @classmethod
    def build(
        cls,
        groups: Iterable[tuple[str, Iterable[Card]]],
        routes: Iterable[tuple[str, _R]] = (),
        *,
        overrides: Iterable[tuple[str, Card]] = (),
        plugins: Iterable[KnownPlugin] = (),
    ) -> Registry[_R]:
        """Gather what everybody declares.

        Equal cards, or equal routes, of several owners are one. Different ones are a conflict, whoever the
        owners are: the order of installation must not choose a vector space. A card in *overrides* is how
        a user chooses: it takes the place of all other cards of its model.

        Args:
            groups: Owners and their cards.
            routes: Owners and their routes.
            overrides: Owners and cards that a configuration marks with ``override = true``.
            plugins: What the advice of an error may name.
        """
        stated = _by_model((owner, card.id, card) for owner, cards in groups for card in cards)
        stated |= _by_model((owner, card.id, card) for owner, card in overrides)
        offered = _by_model((owner, model, route) for owner, route in routes for model in route.models)
        known = {model: offers for model, offers in offered.items() if model in stated}
        return cls(
            cards=MappingProxyType({model: entries[0][1] for model, entries in stated.items()}),
            owners=MappingProxyType({model: _owners(entries) for model, entries in stated.items()}),
            routes=MappingProxyType({model: _distinct(offers) for model, offers in known.items()}),
            conflicts=(*_card_conflicts(stated), *_route_conflicts(known)),
            orphans=_orphans({model: offers for model, offers in offered.items() if model not in stated}),
            plugins=tuple(plugins),
        )

    def card(self, model: str | ModelId) -> ModelCard:
        """The card of *model*, which embeds.

        Raises:
            UnknownNameError: If there is none; lists near misses, also for a name without its publisher.
            PluginError: If what is declared about the model is in conflict.
            CapabilityError: If it embeds nothing.
        """
        card = self.any_card(model)
        if not isinstance(card, ModelCard):
            raise CapabilityError(
                f"{card.id} generates text; it embeds nothing.",
                f"`embedlane generate run FILE -o OUT --model {card.id}` uses it; "
                "`embedlane models list` shows models that embed.",
            )
        return card

    def generator(self, model: str | ModelId) -> GenerationCard:
        """The card of *model*, which generates text. Raises as `card`."""
        card = self.any_card(model)
        if not isinstance(card, GenerationCard):
            raise CapabilityError(
                f"{card.id} embeds; it generates no text.",
                "`embedlane models list` shows the models that generate, in a table of their own.",
            )
        return card

    def any_card(self, model: str | ModelId) -> Card:
        """The card of *model*, of either kind. Raises UnknownNameError and PluginError as `card`."""
        found = self._find(model)
        self._refuse_conflict(found, of_route=False)
        return self._cards[found]

    def models(self) -> tuple[ModelCard, ...]:
        """All cards of models that embed, sorted by name, but for those in conflict."""
        return tuple(card for card in self._uncontested() if isinstance(card, ModelCard))

    def generators(self) -> tuple[GenerationCard, ...]:
        """All cards of models that generate, sorted by name, but for those in conflict."""
        return tuple(card for card in self._uncontested() if isinstance(card, GenerationCard))

    def _uncontested(self) -> list[Card]:
        contested = {conflict.model for conflict in self.conflicts if not conflict.of_route}
        return [self._cards[model] for model in sorted(self._cards) if model not in contested]

    def owners(self, model: str | ModelId) -> tuple[str, ...]:
        """Who declared the card of *model*, sorted.

        Raises:
            UnknownNameError: If there is none.
        """
        return self._owners[self._find(model)]

    def routes(self, model: str | ModelId, lane: Lane | None = None) -> tuple[_R, ...]:
        """The routes of *model*, in *lane* or in all lanes, sorted by lane and provider.

        Raises:
            UnknownNameError: If there is no such model.
            PluginError: If what is declared about the model is in conflict.
        """
        found = self.any_card(model).id
        self._refuse_conflict(found, of_route=True)
        return tuple(route for route in self._routes.get(found, ()) if lane in (None, route.lane))

    def _find(self, model: str | ModelId) -> ModelId:
        # A name without a colon is a slip worth a near miss, so it isn't left to ModelId.parse.
        found = ModelId.parse(model) if isinstance(model, str) and ":" in model else model
        if isinstance(found, ModelId) and found in self._cards:
            return found
        for orphan in self.orphans:
            if orphan.model == found:
                raise UnknownNameError(
                    f"There is no card of the model {str(found)!r}: {orphan}.",
                    "Write one as a [[models]] table into embedlane.toml, or tell the plugin's author.",
                )
        raise UnknownNameError.among(
            "model", str(model), map(str, self._cards), "`embedlane models list` shows them all."
        )

    def _refuse_conflict(self, model: ModelId, *, of_route: bool) -> None:
        for conflict in self.conflicts:
            if conflict.model == model and conflict.of_route is of_route:
                raise conflict.error()


def _by_model(declared: Iterable[tuple[str, ModelId, _T]]) -> _Declared[_T]:
    gathered: _Declared[_T] = {}
    for owner, model, value in declared:
        gathered.setdefault(model, []).append((owner, value))
    return gathered


def _owners(entries: Iterable[tuple[str, object]]) -> tuple[str, ...]:
    return tuple(sorted({owner for owner, _ in entries}))


def _card_conflicts(stated: _Declared[Card]) -> Iterable[Conflict]:
    for model, entries in sorted(stated.items()):
        if differs := _differences([card for _, card in entries]):
            yield Conflict(model=model, owners=_owners(entries), differs=differs)


def _differences(cards: list[Card]) -> tuple[str, ...]:
    """The fields in which *cards* of one model differ."""
    first, *others = cards
    if any(type(card) is not type(first) for card in others):
        return ("what it does: embed or generate",)
    return tuple(
        field.name
        for field in attrs.fields(type(first))
        if any(getattr(card, field.name) != getattr(first, field.name) for card in others)
    )


def _distinct(offers: Iterable[tuple[str, _R]]) -> tuple[_R, ...]:
    routes: list[_R] = []
    for _, route in offers:
        if route not in routes:
            routes.append(route)
    return tuple(sorted(routes, key=lambda route: (route.lane, route.provider)))


def _route_conflicts(offered: _Declared[_R]) -> Iterable[Conflict]:
    for model, offers in sorted(offered.items()):
        by_name: dict[tuple[str, str], list[tuple[str, _R]]] = {}
        for owner, route in offers:
            by_name.setdefault((route.lane, route.provider), []).append((owner, route))
        for (lane, provider), same in sorted(by_name.items()):
            if len(_distinct(same)) > 1:
                differs = (f"{lane} route of provider {provider}",)
                yield Conflict(model=model, owners=_owners(same), differs=differs, of_route=True)


def _orphans(offered: _Declared[_R]) -> tuple[Orphan, ...]:
    return tuple(
        Orphan(model=model, owner=owner, provider=route.provider, lane=route.lane)
        for model, offers in sorted(offered.items())
        for owner, route in offers
    )
