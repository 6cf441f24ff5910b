"""What an index remembers about how its documents are cut."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import attrs

from embedlane.text.cutting import ChunkRule, TooLong, Unit


@attrs.frozen(kw_only=True)
class IndexSettings:
    """How documents become items. Kept with the index, so that adding again gives the same items."""

    #: How running text is cut into chunks.
    chunks: ChunkRule = ChunkRule()
    #: What happens to an input over the model's token limit.
    on_too_long: TooLong = TooLong.ERROR

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote."""
        chunks = ChunkRule(
            size=values["chunk_size"], overlap=values["chunk_overlap"], unit=Unit(values["chunk_unit"])
        )
        return cls(chunks=chunks, on_too_long=TooLong(values["on_too_long"]))

    def to_json(self) -> dict[str, Any]:
        """The settings as JSON values, under the names that the configuration uses."""
        return {
            "chunk_size": self.chunks.size,
            "chunk_overlap": self.chunks.overlap,
            "chunk_unit": self.chunks.unit.value,
            "on_too_long": self.on_too_long.value,
        }
