"""Vectors that mean something, without a model: hashed words, in any size, for any number of models.

Each word and its stems are features. A feature touches a few fixed positions of the vector, most of them
early, so that the head of a vector says nearly what the whole says (Matryoshka). The blocks of a vector are
normalised one by one, so the head never depends on the tail and need not be computed with it.

Two models see the same features through two orthogonal octonions, which multiply each eight positions. For
every x, px is orthogonal to qx if p is to q, so one text's vectors from two models have a cosine of zero
but for their different weights of stems: unrelated, at every size that is a multiple of eight, while
inside each model all distances are kept.
"""

from __future__ import annotations

import functools
import re
import zlib
from typing import TYPE_CHECKING

import attrs
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

#: The longest vector.
NATIVE = 3072
#: Ends of the blocks, the positions each feature touches in it, and the block's share of the energy.
_BLOCKS = ((256, 24, 0.87), (768, 12, 0.11), (NATIVE, 12, 0.02))
_BUCKETS = 1 << 16
_CACHE = 200_000
_WORD = re.compile(r"[^\W_]+")
_GROUP = 512

#: The unit no model has: what drifts, drifts towards it.
_AWAY = 7
# The octonions' multiplication: for each line (a, b, c), ab = c, bc = a, ca = b, and ba = -c.
_LINES = ((1, 2, 3), (1, 4, 5), (1, 7, 6), (2, 4, 6), (2, 5, 7), (3, 4, 7), (3, 6, 5))


@attrs.frozen
class Lens:
    """How one model sees features."""

    #: Which of eight octonions, 0 to 6, turns its vectors; two models of one unit share a space.
    unit: int
    #: The weight of stems against whole words.
    stems: float = 0.5
    #: How far it drifted from itself, 0 for not at all.
    drift: float = 0.0
    #: Keeps models of one unit apart: their words are other features.
    salt: str = ""


@attrs.frozen
class Sight:
    """One text to be seen."""

    #: The text.
    text: str
    #: What it is for; moves its vector a little.
    task: str = ""


def embed(sights: Sequence[Sight], lens: Lens, dimensions: int = NATIVE) -> Floats:
    """Vectors of shape (n, dimensions): heads of vectors of length 1.

    The same sight has the same bytes in every company. Beyond the longest vector, one of another salt
    follows, so that the head still says nearly all.
    """
    if dimensions > NATIVE:
        longer = attrs.evolve(lens, salt=f"{lens.salt}+")
        return np.hstack([embed(sights, lens), embed(sights, longer, dimensions - NATIVE)])
    out = np.empty((len(sights), dimensions), np.float32)
    for start in range(0, len(sights), _GROUP):
        group = sights[start : start + _GROUP]
        out[start : start + len(group)] = _embed(group, lens, dimensions)
    return out


def embed_each(
    sights: Sequence[Sight], sizes: Sequence[int], lens: Lens, unit: Callable[[int], bool]
) -> list[Floats]:
    """One vector for each sight, each of its own size.

    Args:
        sights: What is seen.
        sizes: How many numbers each vector has.
        lens: How it is seen.
        unit: Whether vectors of a size come with length 1.
    """
    widest = max(sizes, default=NATIVE)
    found = embed(sights, lens, widest)
    return [_cut(vector, size, unit(size)) for vector, size in zip(found, sizes, strict=True)]


def _cut(vector: Floats, size: int, unit: bool) -> Floats:
    head = np.ascontiguousarray(vector[:size])
    if not unit or size == NATIVE:  # whole vectors have length 1
        return head
    norm = float(np.linalg.norm(head.astype(np.float64)))
    return (head / norm).astype(np.float32) if norm else head


def _embed(sights: Sequence[Sight], lens: Lens, dimensions: int) -> Floats:
    ends = [end for end, _, _ in _BLOCKS]
    blocks = next(i for i, end in enumerate(ends) if end >= dimensions) + 1
    touched = sum(count for _, count, _ in _BLOCKS[:blocks])
    width = ends[blocks - 1]
    features, weights, rows = _features(sights, lens)
    positions, signs = _tables()
    places = positions[features, :touched] + (rows * width)[:, None]
    amounts = signs[features, :touched] * weights[:, None]
    flat = np.bincount(places.ravel(), amounts.ravel(), len(sights) * width)
    sums = np.asarray(flat, np.float64).reshape(len(sights), width)
    _normalise(sums, blocks)
    turned = _turn(sums, lens.unit)
    if lens.drift:
        turned = turned * np.cos(lens.drift) + _turn(sums, _AWAY) * np.sin(lens.drift)
    return turned[:, :dimensions].astype(np.float32)


def _normalise(sums: NDArray[np.float64], blocks: int) -> None:
    start = 0
    for end, _, share in _BLOCKS[:blocks]:
        block = sums[:, start:end]
        norms = np.sqrt(np.einsum("ij,ij->i", block, block))
        norms[norms == 0] = 1
        block *= (np.sqrt(share) / norms)[:, None]
        start = end


def _features(
    sights: Sequence[Sight], lens: Lens
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    features: list[int] = []
    weights: list[float] = []
    counts: list[int] = []
    for sight in sights:
        before = len(features)
        total = 0.0
        for word in _WORD.findall(sight.text.lower()) or [sight.text]:
            ids, weight = _word(word, lens.salt)
            total += weight
            features += ids
            weights += (weight, weight * lens.stems, weight * lens.stems)
        features.append(_hash(f"{lens.salt}t", sight.task))
        weights.append(0.35 * total**0.5)
        counts.append(len(features) - before)
    rows = np.repeat(np.arange(len(sights)), counts)
    return np.array(features), np.array(weights), rows


@functools.lru_cache(maxsize=_CACHE)
def _word(word: str, salt: str) -> tuple[tuple[int, int, int], float]:
    # Short words are mostly grammar; a length rule stands in for inverse document frequency.
    weight = 0.15 if len(word) <= 2 else 0.4 if len(word) == 3 else 1.0
    stem = f"{salt}s"
    return (_hash(f"{salt}w", word), _hash(stem, word[:4]), _hash(stem, word[:6] + "_")), weight


def _hash(kind: str, text: str) -> int:
    return zlib.crc32(f"{kind}:{text}".encode("utf-8", "surrogatepass")) % _BUCKETS


@functools.cache
def _tables() -> tuple[NDArray[np.int64], Floats]:
    random = np.random.Generator(np.random.PCG64(20260901))
    columns, start = [], 0
    for end, count, _ in _BLOCKS:
        # One position in each of `count` strata: no feature touches a position twice.
        edges = np.linspace(start, end, count + 1).astype(np.int64)
        columns.append(random.integers(edges[:-1], edges[1:], (_BUCKETS, count)))
        start = end
    positions = np.concatenate(columns, axis=1)
    signs = random.integers(0, 2, positions.shape).astype(np.float32) * 2 - 1
    return positions, signs


@functools.cache
def _turns() -> NDArray[np.float64]:
    """Eight matrices of shape (8, 8): multiplication from the left by eight orthonormal octonions.

    The octonions are rows of a Hadamard matrix rather than the units themselves, so that they also mix
    what few words leave sparse.
    """
    left = np.zeros((8, 8, 8))
    for i in range(8):
        left[0, i, i] = left[i, i, 0] = 1
        if i:
            left[i, 0, i] = -1
    for line in _LINES:
        for a, b, c in (line, line[1:] + line[:1], line[2:] + line[:2]):
            left[a, c, b], left[b, c, a] = 1, -1
    pair = np.array([[1.0, 1.0], [1.0, -1.0]])
    hadamard = np.kron(np.kron(pair, pair), pair) / np.sqrt(8)
    turns: NDArray[np.float64] = np.einsum("ij,jkl->ikl", hadamard, left)
    return turns


def _turn(vectors: NDArray[np.float64], unit: int) -> NDArray[np.float64]:
    eights = vectors.reshape(-1, 8)
    # Not a matrix product: BLAS may sum in another order for another number of rows.
    turned: NDArray[np.float64] = np.einsum("ij,kj->ik", eights, _turns()[unit])
    return turned.reshape(vectors.shape)
