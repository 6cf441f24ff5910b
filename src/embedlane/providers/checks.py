"""The core's own checks on everything a provider returns.

A provider is never trusted: one vector per input, the asked-for size, finite numbers, a length above zero,
unit length where the card promises it, and row keys as a bijection. What breaks a check is not stored.
"""

from __future__ import annotations

from collections.abc import Sized
from typing import TYPE_CHECKING

import attrs
import numpy as np

from embedlane.errors import ResponseError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from embedlane.models.card import ModelCard
    from embedlane.models.space import Space
    from embedlane.providers.values import RawEmbeddings, RawVector

#: How far from 1 the length of a vector may be that is promised to be normalised: some services round
#: their numbers to three or four digits.
UNIT_TOLERANCE = 1e-2
#: Squared lengths from here to its inverse are exact enough without scaling.
_SMALLEST = 1e-200


@attrs.frozen
class Checker:
    """Checks and normalises what one provider returns for one space."""

    #: The provider's id, for errors.
    provider: str
    #: The model's claims.
    card: ModelCard
    #: The space that vectors are for.
    space: Space

    def call(self, raw: RawEmbeddings, inputs: int) -> NDArray[np.float32]:
        """Check the answer to one call.

        Args:
            raw: What the embedder returned.
            inputs: Number of texts that were sent.

        Returns:
            An (inputs, dimensions) array of unit vectors.

        Raises:
            ResponseError: At the first violation, with its row; nothing of the call is to be stored.
        """
        count = _length(raw.vectors)
        if count != inputs:
            found = f"{type(raw.vectors).__name__}" if count is None else f"{count} vectors"
            raise self._violation(None, f"returned {found} for {inputs} texts", "one vector for each text")
        for row, vector in enumerate(raw.vectors):
            self._require_size(row, vector)
        return self._units(self._matrix(raw.vectors, None), None)

    def row(self, key: str, vector: RawVector) -> NDArray[np.float32]:
        """Check one row's vector of a batch job.

        Args:
            key: The row's key, for the error.
            vector: Its numbers.

        Returns:
            A unit vector of shape (dimensions,).

        Raises:
            ResponseError: If it is no vector of this space.
        """
        self._require_size(key, vector)
        unit: NDArray[np.float32] = self._units(self._matrix([vector], key), key)[0]
        return unit

    def _require_size(self, row: int | str, vector: RawVector) -> None:
        size = _length(vector)
        if size != self.space.dimensions:
            found = f"is no vector but {vector!r:.40}" if size is None else f"has {size} numbers"
            raise self._violation(row, found, f"{self.space.dimensions}, the index's size")

    def _matrix(
        self, vectors: Sequence[RawVector] | NDArray[np.floating], key: str | None
    ) -> NDArray[np.float64]:
        """The numbers of *vectors*, whose sizes are right, as a matrix."""
        matrix = _numbers(vectors)
        if matrix is None or matrix.ndim != 2:
            bad = (row for row, vector in enumerate(vectors) if not _is_vector(vector))
            row = next(bad, None) if key is None else key
            raise self._violation(row, "holds something other than numbers", "numbers")
        return matrix

    def _units(self, matrix: NDArray[np.float64], key: str | None) -> NDArray[np.float32]:
        # One pass is enough where no square leaves the range of a float: NaN and infinity do, too.
        with np.errstate(over="ignore", invalid="ignore"):
            squares = np.einsum("ij,ij->i", matrix, matrix)
        ordinary = (squares > _SMALLEST) & (squares < 1 / _SMALLEST)
        if not ordinary.all():
            matrix, squares, peaks = self._scaled(matrix, key)
        else:
            peaks = np.ones(len(matrix))
        lengths = np.sqrt(squares)
        if self.card.arrives_normalised(self.space.dimensions):
            self._require_unit(lengths, peaks, key)
        units = np.empty(matrix.shape, dtype=np.float32)
        np.divide(matrix, lengths[:, None], out=units, casting="same_kind")
        return units

    def _scaled(
        self, matrix: NDArray[np.float64], key: str | None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Rows divided by their largest number, their squared lengths then, and those numbers."""
        finite = np.isfinite(matrix).all(axis=1)
        if not finite.all():
            row = int(np.argmin(finite)) if key is None else key
            raise self._violation(row, "holds NaN or infinity", "finite numbers")
        peaks = np.abs(matrix).max(axis=1)
        if not peaks.all():
            row = int(np.argmin(peaks)) if key is None else key
            raise self._violation(row, "has length zero", "a vector with a direction")
        scaled = matrix / peaks[:, None]
        return scaled, np.einsum("ij,ij->i", scaled, scaled), peaks

    def _require_unit(self, scaled: NDArray[np.float64], peaks: NDArray[np.float64], key: str | None) -> None:
        with np.errstate(over="ignore"):
            lengths = scaled * peaks
        off = np.abs(lengths - 1.0)
        worst = int(np.argmax(off))
        if off[worst] > UNIT_TOLERANCE:
            raise self._violation(
                worst if key is None else key,
                f"has length {lengths[worst]:.4g}",
                f"unit length, as its card promises at {self.space.dimensions} dimensions",
            )

    def _violation(self, row: int | str | None, found: str, expected: str) -> ResponseError:
        place = "" if row is None else f" row {row}"
        return ResponseError(
            f"Provider {self.provider}, model {self.card.id}:{place} {found}; expected {expected}.",
            "Nothing of that answer was stored. If it happens again, the model has changed or the plugin is "
            "wrong: see `embedlane plugins` and report it to the plugin's author.",
        )


def _length(values: object) -> int | None:
    """Number of elements; None for what has no length, such as a null in the answer."""
    return len(values) if isinstance(values, Sized) else None


def _is_vector(values: object) -> bool:
    numbers = _numbers(values)
    return numbers is not None and numbers.ndim == 1


def _numbers(values: object) -> NDArray[np.float64] | None:
    """*values* as an array; None if they are ragged or no real numbers, such as digits in a text."""
    try:
        found = np.asarray(values)
    except (TypeError, ValueError, OverflowError):
        return None
    return found.astype(np.float64, copy=False) if found.dtype.kind in "fiu" else None
