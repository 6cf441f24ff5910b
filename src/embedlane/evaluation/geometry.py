"""How vectors lie: sizes cut from larger ones, similarities of pairs, and what two rankings share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def cut(vectors: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """The first *size* numbers of each vector, made unit length again (Kusupati et al., 2022).

    Args:
        vectors: Unit vectors of shape (n, dimensions).
        size: Numbers to keep.
    """
    if size == vectors.shape[1]:
        return vectors
    head = vectors[:, :size]
    lengths = np.linalg.norm(head, axis=1, keepdims=True)
    # A head of zeros has no direction and is similar to nothing.
    unit: NDArray[np.float32] = np.divide(head, lengths, out=np.zeros_like(head), where=lengths > 0)
    return unit


def cross_similarity(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Mean cosine between the vectors of the same texts in two spaces, each cut to the smaller size.

    Near 1 if the spaces were one, near 0 if a vector of one says nothing about the other.

    Args:
        one: Unit vectors of shape (n, dimensions).
        other: Unit vectors of the same texts in the same order.
    """
    size = min(one.shape[1], other.shape[1])
    return float((cut(one, size) * cut(other, size)).sum(axis=1).mean()) if len(one) else 0.0


def overlap(one: Sequence[NDArray[np.intp]], other: Sequence[NDArray[np.intp]]) -> float:
    """The mean part of its first hits that a query has in common in two rankings, from 0 to 1.

    Args:
        one: For each query the positions of its first hits.
        other: The same in the other ranking.
    """
    shares = [
        len(np.intersect1d(mine, theirs)) / max(len(mine), len(theirs))
        for mine, theirs in zip(one, other, strict=True)
        if len(mine) or len(theirs)
    ]
    return float(np.mean(shares)) if shares else 0.0


def random_pairs(queries: int, items: int, pairs: int, seed: int) -> NDArray[np.intp]:
    """Pairs of a query and an item, drawn evenly, of shape (pairs, 2)."""
    random = np.random.default_rng(seed)
    drawn = (random.integers(queries, size=pairs), random.integers(items, size=pairs))
    return np.stack(drawn, axis=1).astype(np.intp)
