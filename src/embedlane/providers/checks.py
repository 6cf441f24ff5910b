"""The core's own checks on everything a provider returns.

A provider is never trusted: one vector per input, the asked-for size, finite numbers, a length above zero,
unit length where the card promises it, and row keys as a bijection. What breaks a check is not stored.
"""

from __future__ import annotations

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
        if len(raw.vectors) != inputs:
            raise self._violation(
                None,
                f"returned {len(raw.vectors)} vectors for {inputs} texts",
                "one vector for each text",
            )
        for row, vector in enumerate(raw.vectors):
            if len(vector) != self.space.dimensions:
                raise self._size_violation(row, vector)
        return self._units(self._matrix(raw.vectors), None)

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
        if len(vector) != self.space.dimensions:
            raise self._size_violation(key, vector)
        unit: NDArray[np.float32] = self._units(self._matrix([vector]), key)[0]
        return unit

    def _matrix(self, vectors: Sequence[RawVector] | NDArray[np.floating]) -> NDArray[np.float64]:
        try:
            return np.asarray(vectors, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise self._violation(
                None, f"returned something other than numbers ({error})", "numbers"
            ) from error

    def _units(self, matrix: NDArray[np.float64], key: str | None) -> NDArray[np.float32]:
        finite = np.isfinite(matrix).all(axis=1)
        if not finite.all():
            raise self._violation(key or int(np.argmin(finite)), "holds NaN or infinity", "finite numbers")
        lengths = np.linalg.norm(matrix, axis=1)
        if not lengths.all():
            raise self._violation(
                key or int(np.argmin(lengths)), "has length zero", "a vector with a direction"
            )
        if self.card.arrives_normalised(self.space.dimensions):
            off = np.abs(lengths - 1.0)
            if off.max(initial=0.0) > UNIT_TOLERANCE:
                worst = int(np.argmax(off))
                raise self._violation(
                    key or worst,
                    f"has length {lengths[worst]:.4f}",
                    f"unit length, as its card promises at {self.space.dimensions} dimensions",
                )
        units: NDArray[np.float32] = (matrix / lengths[:, None]).astype(np.float32)
        return units

    def _size_violation(self, row: int | str, vector: RawVector) -> ResponseError:
        return self._violation(
            row, f"has {len(vector)} numbers", f"{self.space.dimensions}, the index's size"
        )

    def _violation(self, row: int | str | None, found: str, expected: str) -> ResponseError:
        place = "" if row is None else f" row {row}"
        return ResponseError(
            f"Provider {self.provider}, model {self.card.id}:{place} {found}; expected {expected}.",
            "Nothing of that answer was stored. If it happens again, the model has changed or the plugin is "
            "wrong: see `embedlane plugins` and report it to the plugin's author.",
        )
