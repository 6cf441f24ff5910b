"""What the configuration says of an index, beside what the ledger has: made so, agreed on, or refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedlane.errors import SpaceMismatchError, UsageError
from embedlane.indexes.generations import GenerationBook
from embedlane.indexes.settings import IndexSettings
from embedlane.indexes.states import GenerationState
from embedlane.models.capabilities import require_dimensions
from embedlane.models.space import Space
from embedlane.text.cutting import ChunkRule

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from embedlane.config.settings import Config, IndexConfig
    from embedlane.indexes.binding import IndexRecord
    from embedlane.models.names import ModelId
    from embedlane.models.registry import Registry
    from embedlane.providers.route import Route


def space_of(registry: Registry[Route], model: str | ModelId, dimensions: int | None) -> Space:
    """The space of *model* at *dimensions*, or at its native size.

    Raises:
        UnknownNameError: If there is no such model.
        CapabilityError: If it has no such size.
    """
    card = registry.card(model)
    return Space.of(card, require_dimensions(card, dimensions))


def configured_settings(planned: IndexConfig | None) -> IndexSettings:
    """How the configuration wants the documents of an index to be cut."""
    if planned is None:
        return IndexSettings()
    chunks = ChunkRule(size=planned.chunk_size, overlap=planned.chunk_overlap, unit=planned.chunk_unit)
    return IndexSettings(chunks=chunks, on_too_long=planned.on_too_long)


def space_to_make(
    config: Config,
    registry: Registry[Route],
    name: str,
    model: str | None,
    dimensions: int | None,
    default: Callable[[], ModelId],
) -> Space:
    """The space of an index that is to be made: as asked for, or else as configured, or else the *default*.

    Raises:
        UsageError: If the configuration says that the index is in another space, with both.
        UnknownNameError: If there is no such model.
        CapabilityError: If it has no such size.
    """
    planned = config.indexes.get(name)
    chosen = registry.card(model).id if model else planned.model if planned else default()
    if dimensions is None and planned is not None and planned.model == chosen:
        dimensions = planned.dimensions
    space = space_of(registry, chosen, dimensions)
    if planned is not None and space != (expected := space_of(registry, planned.model, planned.dimensions)):
        raise UsageError(
            f"{config.place} says that index '{name}' is {expected}; asked for is {space}.",
            f"Change [indexes.{name}] there, or leave out --model and --dimensions.",
        )
    return space


def agree(connection: Connection, record: IndexRecord, planned: Space, config: Config) -> str:
    """Compare an index with the space that the configuration says it is in.

    Returns:
        A word to the user where the configuration names the other generation of a migration; empty if all is
        well.

    Raises:
        SpaceMismatchError: If it names any other space.
    """
    serving = record.bound.space
    if planned == serving:
        return ""
    found = GenerationBook(record.id, record.name).all(connection)
    named = next((each for each in reversed(found) if each.bound.space == planned), None)
    write = f"In {config.place} write:\n{configuration(record.name, serving)}"
    if named is None:
        record.require(planned)
    elif named.state is GenerationState.KEPT:
        return f"Index '{record.name}' was migrated from {planned} to {serving}. {write}"
    elif named.state is GenerationState.BUILDING:
        return (
            f"Index '{record.name}' is on its way to {planned}; {serving} answers until "
            f"`embedlane migrate swap {record.name}`."
        )
    elif named.number < record.generation:
        raise SpaceMismatchError(
            f"Index '{record.name}' was migrated, and is in another space now.\n"
            f"{serving.beside(planned, ('index', 'configured'))}\n",
            write,
        )
    record.require(planned)
    return ""


def configuration(name: str, space: Space) -> str:
    """The lines of the configuration that name *space* for an index."""
    return f'[indexes.{name}]\nmodel = "{space.model}"\ndimensions = {space.dimensions}'


def lines_to_write(config: Config, registry: Registry[Route], name: str, space: Space) -> str:
    """What to write into a configuration that names an index in another space than *space*; else empty."""
    planned = config.indexes.get(name)
    if planned is None or space_of(registry, planned.model, planned.dimensions) == space:
        return ""
    return f"In {config.place} write:\n{configuration(name, space)}"
