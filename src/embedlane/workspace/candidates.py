"""Which spaces are compared, and which of them have to be embedded: a size that can be cut costs nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from embedlane.errors import CapabilityError, EmbedlaneError
from embedlane.models.card import Lane
from embedlane.models.space import Space

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from embedlane.models.card import ModelCard
    from embedlane.workspace.lanes import Lanes


@attrs.frozen(kw_only=True)
class Choice:
    """A candidate."""

    #: Its space; where it is only cut for the comparison, what its space would be.
    space: Space
    #: The space whose vectors are embedded and cut to this one's size.
    base: Space
    #: Whether it is the index's own space.
    current: bool = False
    #: Whether an index can have it.
    usable: bool = True

    @property
    def name(self) -> str:
        """Such as ``acme:embed @ 256``."""
        return f"{self.space.model} @ {self.space.dimensions}"

    @property
    def cut_from(self) -> int | None:
        """The size that is cut; None if nothing is."""
        return None if self.base == self.space else self.base.dimensions


def choose(
    current: Space,
    models: Sequence[str],
    dimensions: Sequence[int],
    lanes: Lanes,
    complete: Callable[[Space], bool],
    stored: Sequence[Space],
) -> tuple[list[Choice], list[str]]:
    """Choose the candidates: the index's own space first, then each model at each size.

    Args:
        current: The index's space.
        models: The models; none for the index's own.
        dimensions: The sizes; none for each model's native size.
        lanes: Knows cards and routes.
        complete: Whether all vectors that are needed are stored in a space.
        stored: Spaces that the ledger knows.

    Returns:
        The candidates, and what to know of them.

    Raises:
        UnknownNameError: If there is no such model.
        CapabilityError: If a model can't embed queries here, or there is nothing to compare.
    """
    notes: list[str] = []
    wanted: dict[Space, bool] = {}
    if _can_query(current, lanes, notes):
        wanted[current] = True
    for model in models or [str(current.model)]:
        card = lanes.registry.card(model)
        lanes.route(card, Lane.SYNC)
        for size, usable in _sizes(card, dimensions, notes):
            space = attrs.evolve(Space.of(card), dimensions=size)
            wanted.setdefault(space, usable)
    if len(wanted) < 2:
        only = ", ".join(f"{space.model} @ {space.dimensions}" for space in wanted)
        raise CapabilityError(
            f"There is nothing to compare: {only} is the only candidate.",
            "Name another model with --models, or sizes with --dimensions.",
        )
    choices = []
    for space, usable in wanted.items():
        base = _base(space, usable, list(wanted), lanes.registry.card(space.model), complete, stored)
        choices.append(Choice(space=space, base=base, current=space == current, usable=usable))
    return choices, notes


def _can_query(space: Space, lanes: Lanes, notes: list[str]) -> bool:
    """Whether queries can be embedded in the index's own space."""
    try:
        card = lanes.registry.card(space.model)
        lanes.route(card, Lane.SYNC)
    except EmbedlaneError as error:
        notes.append(f"The index's own model is left out, for no query can be embedded: {error.message}")
        return False
    if Space.of(card, space.dimensions) != space:
        notes.append(f"The index's own space is left out: {card.id} describes another one today.")
        return False
    return True


def _sizes(card: ModelCard, dimensions: Sequence[int], notes: list[str]) -> list[tuple[int, bool]]:
    """The sizes to compare *card* at, each with whether the model gives it."""
    sizes = card.dimensions
    found = {size: sizes.allows(size) for size in dimensions if size <= sizes.largest}
    too_large = [str(size) for size in dimensions if size > sizes.largest]
    if too_large:
        notes.append(f"{card.id} can't give {', '.join(too_large)} dimensions, its most is {sizes.largest}.")
    if too_large or not found:
        found.setdefault(sizes.native, True)
    untrained = sorted((size for size, allowed in found.items() if not allowed), reverse=True)
    if untrained:
        found.setdefault(sizes.native, True)
        notes.append(
            f"{card.id} was not trained for {_listed(untrained)} dimensions: its vectors were cut all the "
            "same, to see what is lost. No index can have these sizes."
        )
    return sorted(found.items(), reverse=True)


def _base(
    space: Space,
    usable: bool,
    wanted: Sequence[Space],
    card: ModelCard,
    complete: Callable[[Space], bool],
    stored: Sequence[Space],
) -> Space:
    """The space to embed for *space*: itself, or a larger one of a model whose vectors can be cut."""
    if usable and (complete(space) or not card.dimensions.matryoshka):
        return space
    larger = [other for other in (*wanted, *stored) if _can_be_cut(other, space, card)]
    free = [other for other in larger if complete(other)]
    if free:
        return min(free, key=lambda other: other.dimensions)
    asked = [other for other in wanted if other in larger]
    return max([space, *asked], key=lambda other: other.dimensions)


def _can_be_cut(larger: Space, space: Space, card: ModelCard) -> bool:
    same = attrs.evolve(larger, dimensions=space.dimensions) == space
    return same and larger.dimensions > space.dimensions and card.dimensions.allows(larger.dimensions)


def _listed(sizes: Sequence[int]) -> str:
    texts = [str(size) for size in sizes]
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"
