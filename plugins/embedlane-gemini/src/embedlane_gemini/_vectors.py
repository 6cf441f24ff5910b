"""From responses to vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

import attrs
import numpy as np
import simdjson

from embedlane.plugin import Malformed, Vector

if TYPE_CHECKING:
    from embedlane.plugin import Refusal


@final
@attrs.frozen
class VectorReader:
    """Reads the answers of jobs that embed."""

    _parser: simdjson.Parser = attrs.field(factory=simdjson.Parser, init=False)

    def quick(self, line: bytes) -> Vector | None:
        """The vector of a line that holds one, as almost all do; None for one that wants a closer look.

        simdjson hands the numbers out as one buffer, where others make an object of each. It would also
        flatten lists of lists.
        """
        if line.count(b"[") != 1:
            return None
        try:
            piece: Any = self._parser.parse(line)
            response = piece["response"]
            values = np.frombuffer(response["embedding"]["values"].as_buffer(of_type="d"))
            return Vector(piece["key"], values, _count(response)) if piece["key"] and len(values) else None
        except (AttributeError, LookupError, RuntimeError, TypeError, ValueError):
            return None

    def answer(self, key: str, response: dict[str, Any], place: str) -> Vector | Refusal | Malformed | None:
        """The vector of *response*; None if it holds none."""
        embedding = response.get("embedding")
        values = embedding.get("values") if isinstance(embedding, dict) else None
        if not isinstance(values, list) or not values:
            return None
        try:
            numbers = np.fromiter(values, dtype=np.float64, count=len(values))
        except (TypeError, ValueError, OverflowError):
            return Malformed(f"{place} (row {key}) holds something other than numbers")
        return Vector(key, numbers, _count(response))


def _count(response: Any) -> int | None:
    """Tokens billed for the row: a text in 2025's answers, in usageMetadata since."""
    value = response.get("tokenCount")
    try:
        if value is None:
            value = response["usageMetadata"]["promptTokenCount"]
        return int(value)
    except (KeyError, OverflowError, TypeError, ValueError):
        return None
