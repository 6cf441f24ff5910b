"""What the configuration says of an index before there is one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedlane.errors import UsageError
from embedlane.indexes.settings import IndexSettings
from embedlane.text.cutting import ChunkRule

if TYPE_CHECKING:
    from pathlib import Path

    from embedlane.config.settings import IndexConfig
    from embedlane.models.space import Space


def settings_of(planned: IndexConfig | None) -> IndexSettings:
    """How an index cuts its documents, as the configuration has it."""
    if planned is None:
        return IndexSettings()
    chunks = ChunkRule(size=planned.chunk_size, overlap=planned.chunk_overlap, unit=planned.chunk_unit)
    return IndexSettings(chunks=chunks, on_too_long=planned.on_too_long)


def require_agreement(name: str, asked: Space, expected: Space, place: Path | str | None) -> None:
    """Refuse to make an index in another space than the configuration, which is at *place*, expects.

    Raises:
        UsageError: With both spaces.
    """
    if asked != expected:
        raise UsageError(
            f"{place} says that index '{name}' is {expected}; asked for is {asked}.",
            f"Change [indexes.{name}] there, or leave out --model and --dimensions.",
        )
