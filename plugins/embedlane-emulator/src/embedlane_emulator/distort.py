"""What faults do to rows: which rows they strike, what becomes of a vector, in which order rows come."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from embedlane_emulator.faults import Fault

_T = TypeVar("_T")
_WINDOW = 4096
_SHARE = 0.1
#: Kinds that strike a share of the rows, and every row if no share is given.
_WHOLE = frozenset({"all-errors", "no-keys"})
_ERRORS = ("error-rows", "all-errors", "error-details")


class Distortion:
    """The faults of one job or call, with the rows they strike."""

    def __init__(self, faults: Sequence[Fault], rows: int) -> None:
        self._faults = {fault.kind: fault for fault in faults}
        self._struck = {fault.kind: _struck(fault, rows) for fault in faults}

    @property
    def drift(self) -> float:
        """How far the model drifted, in radians."""
        fault = self._faults.get("drift")
        return fault.angle if fault else 0.0

    def error(self, row: int) -> Fault | None:
        """The fault by which a row gets an error instead of an answer."""
        struck = (kind for kind in _ERRORS if self._strikes(kind, row))
        return next((self._faults[kind] for kind in struck), None)

    def values(self, row: int, vector: NDArray[np.float32]) -> NDArray[np.float32] | None:
        """What becomes of a row's vector; None if it is lost."""
        if self._strikes("malformed-rows", row):
            return None
        if self._strikes("zero", row):
            return np.zeros_like(vector)
        if self._strikes("wrong-dimensions", row):
            return vector[:-1].copy()
        if self._strikes("nan", row):
            vector = vector.copy()
            vector[0] = np.nan
        return vector

    def mute(self, row: int) -> str:
        """Why a row's answer holds nothing: ``blocked`` or ``empty``; empty if it does."""
        kinds = {"blocked-rows": "blocked", "malformed-rows": "empty"}
        return next((why for kind, why in kinds.items() if self._strikes(kind, row)), "")

    def keyed(self, row: int) -> bool:
        """Whether a row keeps its key."""
        return not self._strikes("no-keys", row)

    def line(self, row: int, line: bytes) -> bytes:
        """What becomes of a row's line."""
        return line[: len(line) // 2] if self._strikes("corrupt-lines", row) else line

    def arrange(self, items: Iterable[tuple[int, _T]]) -> Iterator[_T]:
        """Leave out, double and shuffle items that come with their rows."""
        arranged = itertools.chain.from_iterable((item,) * self._times(row) for row, item in items)
        fault = self._faults.get("shuffled-rows")
        return _shuffled(arranged, fault.rng()) if fault else arranged

    def _times(self, row: int) -> int:
        if self._strikes("missing-rows", row):
            return 0
        return 2 if self._strikes("doubled-rows", row) else 1

    def _strikes(self, kind: str, row: int) -> bool:
        return row in self._struck.get(kind, ())


def _struck(fault: Fault, rows: int) -> frozenset[int]:
    share = fault.fraction
    if share is None:
        share = 1.0 if fault.kind in _WHOLE else _SHARE
    count = min(rows, max(1, round(share * rows))) if share > 0 else 0
    return frozenset(fault.rng().sample(range(rows), count))


def _shuffled(items: Iterator[_T], dice: random.Random) -> Iterator[_T]:
    while window := list(itertools.islice(items, _WINDOW)):
        yield from (window[at] for at in shuffled(len(window), dice))


def shuffled(count: int, dice: random.Random) -> list[int]:
    """So many numbers from 0, in another order than that of counting."""
    order = list(range(count))
    dice.shuffle(order)
    if order == sorted(order):
        # A shuffle that leaves all as it was would be none.
        order.reverse()
    return order
