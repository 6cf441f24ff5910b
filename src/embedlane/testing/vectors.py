"""Looking at vectors: whether they are some, and whether they are the same."""

from __future__ import annotations

from collections.abc import Sized
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from embedlane.providers.values import RawEmbeddings

#: How far two numbers of the same text's unit vectors may lie apart: what services round away.
TOLERANCE = 1e-4


def count(raw: RawEmbeddings) -> int:
    """Number of vectors; -1 if that can't be said."""
    return len(raw.vectors) if isinstance(raw.vectors, Sized) else -1


def sizes(raw: RawEmbeddings) -> list[int]:
    """Size of each vector; -1 for what has none."""
    return [len(vector) if isinstance(vector, Sized) else -1 for vector in raw.vectors]


def trouble(vector: Any) -> str:
    """Why *vector* can't be used; empty if it can."""
    try:
        numbers = np.asarray(vector)
    except (TypeError, ValueError):
        return "is no list of numbers"
    if numbers.dtype.kind not in "fiu" or numbers.ndim != 1:
        return f"holds {numbers.dtype} in {numbers.ndim} dimensions"
    if not np.isfinite(numbers).all():
        return "holds NaN or infinity"
    return "" if numbers.any() else "has length zero"


def units(vectors: Sequence[Any] | NDArray[np.floating]) -> NDArray[np.float64]:
    """*vectors* as an (n, d) array of unit vectors."""
    matrix = np.asarray(vectors, dtype=np.float64)
    lengths: NDArray[np.float64] = np.linalg.norm(matrix, axis=1, keepdims=True)
    return matrix / lengths


def same(one: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    """Whether two arrays of unit vectors are equal, but for rounding."""
    return one.shape == other.shape and bool(np.abs(one - other).max(initial=0.0) <= TOLERANCE)


def lookalikes(vectors: NDArray[np.float64]) -> tuple[int, int] | None:
    """The first two rows that are equal, but for rounding; None if all differ."""
    for one in range(len(vectors)):
        for other in range(one + 1, len(vectors)):
            if same(vectors[one : one + 1], vectors[other : other + 1]):
                return one, other
    return None
