"""What faults do to rows: which rows they strike, what becomes of a vector, in which order rows come."""

from __future__ import annotations

import itertools
import random
from typing import TYPE_CHECKING, Any, TypeVar

from embedlane_emulator import jsonio

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from embedlane_emulator.faults import Fault

_T = TypeVar("_T")
_WINDOW = 4096
_SHARE = 0.1
#: Kinds that strike a share of the rows, and every row if no share is given.
_WHOLE = frozenset({"all-errors", "no-keys"})
_ERRORS = frozenset({"error-rows", "all-errors", "error-details"})


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

    def error(self, row: int) -> dict[str, Any] | None:
        """The error that a row gets instead of an answer."""
        for kind in _ERRORS & self._faults.keys():
            if row in self._struck[kind]:
                fault = self._faults[kind]
                error: dict[str, Any] = {
                    "code": fault.code or 13,
                    "message": fault.reason or "Internal error encountered.",
                }
                if kind == "error-details":
                    info = {"@type": "type.googleapis.com/google.rpc.DebugInfo", "detail": "injected"}
                    error["details"] = [info]
                return error
        return None

    def values(self, row: int, vector: Any) -> Any:
        """What becomes of a row's vector; None if it is lost."""
        if self._strikes("malformed-rows", row):
            return None
        if self._strikes("zero", row):
            return [0.0] * len(vector)
        if self._strikes("wrong-dimensions", row):
            return vector[:-1].copy()
        if self._strikes("nan", row):
            # As proto JSON writes a NaN.
            return ["NaN", *vector[1:].tolist()]
        return vector

    def keyed(self, row: int) -> bool:
        """Whether a row keeps its key."""
        return not self._strikes("no-keys", row)

    def line(self, row: int, line: bytes) -> bytes:
        """What becomes of a row's line."""
        return line[: len(line) // 2] if self._strikes("corrupt-lines", row) else line

    def arrange(self, items: Iterable[_T]) -> Iterator[_T]:
        """Leave out, double and shuffle."""
        arranged = itertools.chain.from_iterable((item,) * self._times(row) for row, item in enumerate(items))
        fault = self._faults.get("shuffled-rows")
        return _shuffled(arranged, fault.rng()) if fault else arranged

    def _times(self, row: int) -> int:
        if self._strikes("missing-rows", row):
            return 0
        return 2 if self._strikes("doubled-rows", row) else 1

    def _strikes(self, kind: str, row: int) -> bool:
        return row in self._struck.get(kind, ())


def embedding(values: Any) -> dict[str, Any]:
    """A ContentEmbedding; without values where they were lost."""
    return {} if values is None else {"values": values}


def fragment(values: Any) -> Any:
    """The same, serialised already, so that the thread that does it is not the server's."""
    return jsonio.fragment(jsonio.dump(embedding(values)))


def _struck(fault: Fault, rows: int) -> frozenset[int]:
    share = fault.fraction
    if share is None:
        share = 1.0 if fault.kind in _WHOLE else _SHARE
    count = min(rows, max(1, round(share * rows))) if share > 0 else 0
    return frozenset(fault.rng().sample(range(rows), count))


def _shuffled(items: Iterator[_T], dice: random.Random) -> Iterator[_T]:
    while window := list(itertools.islice(items, _WINDOW)):
        order = list(range(len(window)))
        dice.shuffle(order)
        if order == sorted(order):
            # A shuffle that leaves all as it was would be no fault.
            order.reverse()
        yield from (window[at] for at in order)
