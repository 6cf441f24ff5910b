"""What a model can't do, said before anything is sent: the refusals, each with its next command."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from embedlane.errors import CapabilityError
from embedlane.models.card import GenerationCard

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from embedlane.models.card import Card, Lane, ModelCard
    from embedlane.models.registry import Registry, RouteLike

_R = TypeVar("_R", bound="RouteLike")


def require_alive(card: Card, today: date) -> None:
    """Check that the model of *card* still answers on *today*.

    Raises:
        CapabilityError: If it was shut down; names its successor.
    """
    if card.lifecycle.retired(today):
        raise CapabilityError(f"{card.id} {_shut_down(card)}.", _successor(card))


def require_lane(card: Card, lane: Lane, registry: Registry[_R], today: date) -> tuple[_R, ...]:
    """The routes that serve the model of *card* in *lane*, at least one.

    Raises:
        CapabilityError: If the service has no such lane for the model, if the model was shut down, or if
            no installed provider serves the lane.
        PluginError: If what is declared about the model is in conflict.
    """
    if lane not in card.lanes:
        raise _no_such_lane(card, lane, registry, today)
    require_alive(card, today)
    routes = registry.routes(card.id, lane)
    if not routes:
        raise _no_provider(card, lane, registry)
    return routes


def require_dimensions(card: ModelCard, size: int | None) -> int:
    """The size of vectors to ask for: *size*, or the native one if None.

    Raises:
        CapabilityError: If the model can't give vectors of that size; names the nearest that it can.
    """
    sizes = card.dimensions
    if size is None:
        return sizes.native
    if sizes.allows(size):
        return size
    nearest = min(max(size, sizes.smallest), sizes.largest)
    advice = [f"Nearest is `--dimensions {nearest}`"]
    if sizes.recommended:
        advice.append(f"recommended are {_listed(sizes.recommended, 'and')}")
    if nearest != sizes.native:
        advice.append(f"{sizes.native} is what it gives when nothing is asked for")
    raise CapabilityError(
        f"{card.id} can't give {size} dimensions; it gives {sizes}.", "; ".join(advice) + "."
    )


def _no_such_lane(card: Card, lane: Lane, registry: Registry[_R], today: date) -> CapabilityError:
    message = f"{card.id} has no {lane} lane, only {_listed(sorted(card.lanes), 'and')}"
    advice = []
    if card.lifecycle.retired(today):
        message += f", and it {_shut_down(card)}"
    else:
        advice.append(f"Run `embedlane embed NAME --lane {min(card.lanes)}`.")
    alternatives = _alternatives(card, lane, registry, today)
    if alternatives:
        verb = "has" if len(alternatives) == 1 else "have"
        advice.append(f"{_listed(alternatives, 'and')} {verb} it.")
    advice.append(f"`embedlane models list --lane {lane}` shows every model that has it.")
    return CapabilityError(f"{message}.", " ".join(advice))


def _alternatives(card: Card, lane: Lane, registry: Registry[_R], today: date) -> list[str]:
    """Models of the same publisher that have the lane and still answer; the successor first."""
    found = [
        str(other.id)
        for other in registry.models()
        if other.id.publisher == card.id.publisher
        and lane in other.lanes
        and not other.lifecycle.retired(today)
    ]
    return sorted(found, key=lambda name: name != card.lifecycle.successor)


def _no_provider(card: Card, lane: Lane, registry: Registry[_R]) -> CapabilityError:
    installs = [f"`{plugin.install}`" for plugin in registry.plugins if plugin.offers(card.id, lane)]
    advice = [f"Run {' or '.join(installs)}." if installs else "`embedlane plugins` shows what is installed."]
    for other in sorted(card.lanes - {lane}):
        providers = sorted({route.provider for route in registry.routes(card.id, other)})
        if providers:
            advice.append(
                f"Or use the {other} lane, which {_listed(providers, 'and')} "
                f"{'serves' if len(providers) == 1 else 'serve'}: `embedlane embed NAME --lane {other}`."
            )
    return CapabilityError(f"No installed provider serves {card.id} in the {lane} lane.", " ".join(advice))


def _shut_down(card: Card) -> str:
    return f"was shut down on {card.lifecycle.retires}"


def _successor(card: Card) -> str:
    if card.lifecycle.successor is None:
        return "`embedlane models list` shows the models that still answer."
    successor = card.lifecycle.successor
    if isinstance(card, GenerationCard):
        return f"Its successor is {successor}: give it as --model, with a card of it in the configuration."
    return (
        f"Its successor is {successor}, another vector space: `embedlane migrate plan NAME --to {successor}` "
        f"for an index that there is, `embedlane index create NAME --model {successor}` for a new one."
    )


def _listed(values: Sequence[object], word: str) -> str:
    texts = [str(value) for value in values]
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} {word} {texts[-1]}"
