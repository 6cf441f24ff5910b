"""What else goes wrong while processes are killed, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

#: A fault of the emulator: its kind, and its fields; an operation may have the name it has in a `Dialect`.
Fault = tuple[str, Mapping[str, Any]]


@attrs.frozen
class Scenario:
    """Some faults, and what may come of them."""

    #: What it is called.
    name: str
    #: The faults, switched on before the first process starts.
    faults: tuple[Fault, ...] = ()
    #: The most rows of a job; 12 rows are embedded.
    rows_per_job: int = 6
    #: Seconds that a job runs at the provider.
    running: float = attrs.field(default=15.0, kw_only=True)
    #: Whether two jobs under one tag can't be avoided; the other one is cancelled then, and told of.
    doubles: bool = attrs.field(default=False, kw_only=True)
    #: Whether canaries ride along. Not where the number of jobs, each of which has some, depends on the order
    #: in which they end: what is paid for would depend on it, too.
    canaries: bool = attrs.field(default=True, kw_only=True)


def _fault(kind: str, operation: str = "*", **fields: Any) -> Fault:
    return kind, {"operation": operation, **fields}


_LOST_REPLY = _fault("lost-reply", "create", times=1)

#: Rows that come back wrong are sent again in another job.
SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("one job", rows_per_job=12),
        Scenario("two jobs"),
        Scenario("lost reply", (_LOST_REPLY,)),
        # Ten minutes are promised.
        Scenario("lost reply, lagging list", (_LOST_REPLY, _fault("lagging-list", seconds=300))),
        Scenario(
            "lost reply, late list",
            (_LOST_REPLY, _fault("lagging-list", seconds=1000)),
            running=3600.0,
            doubles=True,
        ),
        Scenario("lost create", (_fault("reset", "create", times=1),)),
        Scenario("lost replies", (_fault("lost-reply", every=4, times=6),)),
        Scenario("resets", (_fault("reset", every=4, times=6),)),
        Scenario("overload", (_fault("unavailable", every=3, times=8),)),
        Scenario("garbage", (_fault("garbage", every=5, times=4),)),
        Scenario("quota", (_fault("quota-retry", "create", seconds=30, times=2),)),
        Scenario("shuffled and doubled", (_fault("shuffled-rows"), _fault("doubled-rows", fraction=0.5))),
        Scenario("missing rows", (_fault("missing-rows", fraction=0.4, times=1),)),
        Scenario("corrupt lines", (_fault("corrupt-lines", fraction=0.4, times=1),)),
        Scenario("bad vectors", (_fault("wrong-dimensions", fraction=0.3, times=1), _fault("nan", times=2))),
        Scenario("rows without keys", (_fault("no-keys", fraction=0.4, times=1),)),
        Scenario("error rows", (_fault("error-rows", fraction=0.4, times=1),)),
        Scenario("truncated download", (_fault("truncated-download", times=2),)),
        Scenario("failed job", (_fault("failed", reason="the machine fell over", times=1),)),
        Scenario("expired job", (_fault("expired", times=1),), canaries=False),
    )
}
