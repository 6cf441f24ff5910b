"""Models that retire: said in time, to whoever opens an index of theirs."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from embedlane.errors import CapabilityError, PluginError, UnknownNameError

if TYPE_CHECKING:
    from datetime import date

    from embedlane.indexes.binding import IndexRecord
    from embedlane.models.card import ModelCard
    from embedlane.models.registry import Registry
    from embedlane.models.space import Space
    from embedlane.providers.embedder import Embedder
    from embedlane.providers.route import Route
    from embedlane.workspace.lanes import Lanes

#: Days before a retirement in which it is worth a warning.
WARNING_DAYS = 180


def retirement(name: str, card: ModelCard, today: date) -> str:
    """What to know of the retirement of an index's model; empty if it is far off, or not announced.

    Args:
        name: The index.
        card: Its model.
        today: The day, in UTC.
    """
    until, life = card.lifecycle.retires, card.lifecycle
    if life.retired(today):
        return f"{card.id}, the model of index '{name}', was shut down on {until}."
    if life.retires_within(today, WARNING_DAYS):
        return f"{card.id}, the model of index '{name}', may be shut down from {until} on."
    return ""


def way_out(name: str, card: ModelCard) -> str:
    """The command that plans the move of an index to the successor of its model."""
    successor = card.lifecycle.successor
    if successor is None:
        return f"`embedlane migrate plan {name} --to MODEL` plans the move to another model."
    return f"`embedlane migrate plan {name} --to {successor}` plans the move to its successor."


def retirement_notice(record: IndexRecord, registry: Registry[Route], today: date) -> str:
    """What to say to whoever opens an index whose model retires; empty if there is nothing to say."""
    with contextlib.suppress(UnknownNameError, PluginError):
        card = registry.card(record.bound.space.model)
        if said := retirement(record.name, card, today):
            return f"{said} {way_out(record.name, card)}"
    return ""


def queries_of(lanes: Lanes, name: str, space: Space) -> Embedder:
    """What embeds queries of the index *name*, in *space*.

    Raises:
        CapabilityError: If nothing does; where the model was shut down, says what that means.
    """
    try:
        return lanes.queries(space)
    except CapabilityError as error:
        card = lanes.registry.card(space.model)
        if not card.lifecycle.retired(lanes.today()):
            raise
        words = retirement(name, card, lanes.today())
        raise CapabilityError(
            f"{words} Its vectors are here, but nothing that is installed can embed a query for them.",
            way_out(name, card),
        ) from error
