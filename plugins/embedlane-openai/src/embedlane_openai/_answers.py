"""Reading the vectors of an answer, in either lane and in either encoding."""

from __future__ import annotations

from binascii import a2b_base64
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    #: One vector: float32 as it was sent, or float64 from digits.
    Numbers: TypeAlias = NDArray[np.floating]


class UnreadableError(Exception):
    """An answer holds something else where vectors belong; says what and where."""


def read_data(answer: object) -> list[tuple[int, Numbers]]:
    """The vectors in an answer, each with the index of its text.

    Args:
        answer: What stands in the body of an answer, or in a line of an output file.

    Raises:
        UnreadableError: If any part of it is no vector.
    """
    data = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(data, list):
        raise UnreadableError("it holds no list of vectors")
    return [_item(position, item) for position, item in enumerate(data)]


def in_order(found: Sequence[tuple[int, Numbers]]) -> list[Numbers]:
    """The vectors of *found*, sorted by their index.

    Raises:
        UnreadableError: If two have the same index, or one of a text that was not sent is among them.
    """
    places: list[Numbers | None] = [None] * len(found)
    for index, numbers in found:
        if not 0 <= index < len(places) or places[index] is not None:
            raise UnreadableError(f"of its {len(places)} vectors one more has the index {index}")
        places[index] = numbers
    return [numbers for numbers in places if numbers is not None]


def _item(position: int, item: Any) -> tuple[int, Numbers]:
    if not isinstance(item, dict):
        raise UnreadableError(f"its vector {position} is no object")
    index = item.get("index", position)
    if isinstance(index, bool) or not isinstance(index, int):
        raise UnreadableError(f"its vector {position} has the index {index!r:.40}")
    return index, _numbers(position, item.get("embedding"))


def _numbers(position: int, value: object) -> Numbers:
    """Four bytes for each number in base64, lowest byte first; or a list of numbers."""
    try:
        if isinstance(value, str):
            return np.frombuffer(a2b_base64(value, strict_mode=True), dtype="<f4")
        found = np.asarray(value)
    except (ValueError, TypeError):
        found = np.empty(())
    # Texts of digits, truth values and nulls are arrays, too, but of other kinds.
    if found.ndim == 1 and found.dtype.kind in "fiu":
        return found
    raise UnreadableError(f"its vector {position} is neither numbers nor base64 of them: {value!r:.40}")


def head(numbers: Numbers, keep: int | None) -> Numbers:
    """The first *keep* of *numbers*, with unit length again; all of them for None, or if there are fewer."""
    if keep is None or len(numbers) <= keep:
        return numbers
    kept = numbers[:keep].astype(np.float64)
    length = np.linalg.norm(kept)
    return kept / length if length > 0 else kept


def tokens_of(answer: dict[str, Any]) -> int | None:
    """Tokens that the service says it billed."""
    usage = answer.get("usage")
    found = usage.get("prompt_tokens", usage.get("total_tokens")) if isinstance(usage, dict) else None
    return found if isinstance(found, int) and not isinstance(found, bool) else None
