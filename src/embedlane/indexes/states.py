"""The life of a generation, as a table. Pure: no clock, no database.

An index name points to one generation, the serving one; a generation is bound to its space for life. Beside
the serving one there is one at most, which is being built or is kept to go back to: so there is one migration
of an index at a time. A swap moves two generations in one transaction, and a rollback is its exact inverse.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from embedlane.errors import RefusedError


class GenerationState(StrEnum):
    """Where a generation stands."""

    #: Its vectors are being made; nobody reads it.
    BUILDING = "building"
    #: It answers queries.
    SERVING = "serving"
    #: It served before the swap, and can again.
    KEPT = "kept"
    #: Final: it is gone; what it was is remembered.
    DROPPED = "dropped"


class GenerationEvent(StrEnum):
    """What can happen to a generation."""

    #: Readers are switched to it for the first time.
    SWAP_IN = "swap in"
    #: Readers are switched to the next one.
    SWAP_OUT = "swap out"
    #: The swap is taken back: it serves again.
    ROLL_BACK_IN = "roll back in"
    #: The swap is taken back: it is being built again.
    ROLL_BACK_OUT = "roll back out"
    #: The migration is given up.
    ABORT = "abort"
    #: The migration is over.
    FINISH = "finish"


_S, _E = GenerationState, GenerationEvent

#: For each state, what can happen in it and where that leads. The final state has an empty row.
TRANSITIONS: Mapping[GenerationState, Mapping[GenerationEvent, GenerationState]] = MappingProxyType(
    {
        _S.BUILDING: {_E.SWAP_IN: _S.SERVING, _E.ABORT: _S.DROPPED},
        _S.SERVING: {_E.SWAP_OUT: _S.KEPT, _E.ROLL_BACK_OUT: _S.BUILDING},
        _S.KEPT: {_E.ROLL_BACK_IN: _S.SERVING, _E.FINISH: _S.DROPPED},
        _S.DROPPED: {},
    }
)


def next_state(state: GenerationState, event: GenerationEvent) -> GenerationState:
    """Where *event* leads from *state*.

    Raises:
        RefusedError: If it can't happen there; the message lists what can.
    """
    row = TRANSITIONS[state]
    if event not in row:
        possible = ", ".join(row) or "nothing more, it is final"
        raise RefusedError(f"A generation that is '{state}' can't take '{event}'; it can take: {possible}.")
    return row[event]
