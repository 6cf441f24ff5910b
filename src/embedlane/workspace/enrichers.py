"""Which enricher a name means, and which model is asked where nobody says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedlane.errors import CapabilityError, PluginError, UnknownNameError
from embedlane.models.card import Lane
from embedlane.text.enrichers import BUILTIN, Enricher

if TYPE_CHECKING:
    from collections.abc import Iterable

    from embedlane.models.card import GenerationCard
    from embedlane.plugin.discovery import Declarations
    from embedlane.workspace.lanes import Lanes

#: The owner of what comes with the core.
_CORE = "embedlane"
_BY = " by "


def enrichers(declarations: Declarations) -> list[tuple[str, Enricher]]:
    """All enrichers with their owners, the core's first."""
    ours = [(_CORE, each) for each in BUILTIN]
    return ours + [(owner, each) for owner, group in declarations.enrichers for each in group]


def find_enricher(declarations: Declarations, name: str) -> Enricher:
    """The enricher *name*.

    Raises:
        UnknownNameError: If there is none; lists near misses.
        PluginError: If there are several.
    """
    known = enrichers(declarations)
    found = [(owner, each) for owner, each in known if each.name == name]
    if not found:
        names = sorted({each.name for _, each in known})
        raise UnknownNameError.among("enricher", name, names, f"Known are: {', '.join(names)}.")
    if len(found) > 1:
        owners = ", ".join(sorted(owner for owner, _ in found))
        raise PluginError(
            f"The enricher '{name}' is declared by several: {owners}.",
            "Leave one of the plugins out with EMBEDLANE_PLUGINS=-NAME, or tell its author.",
        )
    return found[0][1]


def variant_name(enricher: Enricher, card: GenerationCard) -> str:
    """What the ledger calls what *enricher* makes with a model, such as ``context by acme:talk-1``."""
    return f"{enricher.name}{_BY}{card.id}"


def choose_generator(
    lanes: Lanes, enricher: Enricher, model: str | None, variants: Iterable[str]
) -> GenerationCard:
    """The model that is asked: the given one, the one that was asked before, or the cheapest.

    Args:
        lanes: Knows models and routes.
        enricher: What it is asked with.
        model: The model, as publisher:model; None to choose.
        variants: What the index has already.

    Raises:
        UnknownNameError: If there is no such model.
        CapabilityError: If it generates nothing, is retired, or no installed provider serves it, or any.
    """
    before = [each.partition(_BY)[2] for each in variants if each.partition(_BY)[0] == enricher.name]
    if model is not None or before:
        card = lanes.registry.generator(model or before[0])
        lanes.route(card, Lane.BATCH)
        return card
    usable = [card for card in lanes.registry.generators() if _serves(lanes, card)]
    if not usable:
        raise CapabilityError(
            "No model that generates is installed.",
            "`embedlane models list` shows models that generate, and what to install.",
        )
    return min(usable, key=lambda card: (_price(card), str(card.id)))


def _serves(lanes: Lanes, card: GenerationCard) -> bool:
    try:
        lanes.route(card, Lane.BATCH)
    except CapabilityError:
        return False
    return True


def _price(card: GenerationCard) -> float:
    found = card.cost(Lane.BATCH, 1_000_000, 1_000_000)
    return float("inf") if found is None else found
