"""Every fault, alone and in pairs, as data: what is switched on, when, and what is expected to come of it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs

from embedlane_emulator.faults import KINDS, Moment

if TYPE_CHECKING:
    from lab.services import Service

#: A fault of the emulator: its kind and its fields.
Fault: TypeAlias = tuple[str, Mapping[str, Any]]


class Fate(StrEnum):
    """What has become of the rows while a fault is there."""

    #: All are embedded, as if there were no fault.
    UNHARMED = "unharmed"
    #: All are embedded; it took another attempt, a look-up, or a closer look at the answer.
    OVERCOME = "overcome"
    #: Some are embedded, the others are pending.
    PARTLY = "partly"
    #: None is embedded, all are pending.
    PENDING = "pending"
    #: Some are still in flight after three days.
    WAITING = "waiting"
    #: Some are recorded as refused for good.
    REFUSED = "refused"
    #: Vectors are stored that are not those of the texts.
    UNNOTICED = "not noticed"


U, O, W = Fate.UNHARMED, Fate.OVERCOME, Fate.WAITING  # noqa: E741 - columns of letters
P, N, R, X = Fate.PARTLY, Fate.PENDING, Fate.REFUSED, Fate.UNNOTICED

#: What is expected of all services, or of each by its name.
_Expected: TypeAlias = Fate | Mapping[str, Fate]


@attrs.frozen
class Case:
    """Some faults in one lane of one service."""

    #: ``batch`` or ``sync``.
    lane: str
    #: What goes wrong, in words.
    fault: str
    #: When, in words.
    when: str
    #: What is switched on.
    faults: tuple[Fault, ...]
    #: What is expected to become of the rows; None where only the promises are held against it.
    expected: Fate | None = None

    @property
    def name(self) -> str:
        """What it is called, unique in its service."""
        return f"{self.lane}: {self.fault}, {self.when}"

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of its faults."""
        return frozenset(kind for kind, _ in self.faults)

    @property
    def late_list(self) -> bool:
        """Whether a job may be listed later than is promised, so that a second one can't be avoided."""
        return any(kind == "lagging-list" and fields["seconds"] > _LAG for kind, fields in self.faults)


#: Faults of requests: a name, the kind, its fields, and what is expected in the batch lane if they strike the
#: first create, the first three requests, or every request, and in the sync lane if they strike the first
#: request or every one. None is for what is not tried: a hang lasts by the real clock.
_REQUESTS: tuple[tuple[str, str, Mapping[str, Any], tuple[_Expected | None, ...]], ...] = (
    ("lost reply", "lost-reply", {}, (O, O, W, O, N)),
    ("reset", "reset", {}, (O, O, W, O, N)),
    ("hang", "hang", {}, (O, None, None, O, None)),
    ("slow", "slow", {"seconds": 0.01}, (U, None, U, U, U)),
    (
        "quota",
        "quota",
        {},
        ({"gemini": O, "openai": P}, None, W, {"gemini": O, "openai": N}, N),
    ),
    ("quota, wait 30 s", "quota-retry", {"seconds": 30.0}, (O, None, W, O, N)),
    ("quota, wait a day", "quota-retry", {"seconds": 86_400.0}, (O, None, W, N, N)),
    ("internal error", "internal", {}, (O, None, W, O, N)),
    ("unavailable", "unavailable", {}, (O, O, W, O, N)),
    ("400", "error", {"code": 400, "reason": "That can't be done."}, (P, None, N, O, N)),
    ("403", "error", {"code": 403, "reason": "You may not do that."}, (P, None, W, N, N)),
    ("garbage", "garbage", {}, (O, O, W, O, N)),
)
#: One row of a job's four, or two texts of eight.
_QUARTER = {"fraction": 0.25}
#: Faults of jobs, downloads and rows: a name, the kind, its fields, and what is expected if they strike the
#: first of two jobs, and, where it can come to that, all answers of the sync lane.
_RESULTS: tuple[tuple[str, str, Mapping[str, Any], _Expected, _Expected | None], ...] = (
    ("truncated download", "truncated-download", {}, O, None),
    ("results gone", "results-gone", {}, {"gemini": O, "openai": P}, None),
    ("failed", "failed", {}, P, None),
    ("cancelled", "cancelled", {}, P, None),
    ("expired", "expired", {}, P, None),
    ("unknown state", "unknown-state", {}, P, None),
    ("stuck", "stuck", {}, P, None),
    ("missing rows", "missing-rows", _QUARTER, P, N),
    ("doubled rows", "doubled-rows", _QUARTER, O, N),
    ("shuffled rows", "shuffled-rows", {}, U, {"gemini": X, "openai": U}),
    ("malformed rows", "malformed-rows", _QUARTER, P, N),
    ("blocked rows", "blocked-rows", _QUARTER, R, None),
    ("a row without its key", "no-keys", _QUARTER, P, None),
    ("no keys at all", "no-keys", {}, P, None),
    ("corrupt lines", "corrupt-lines", _QUARTER, P, None),
    ("error rows", "error-rows", _QUARTER, P, None),
    ("refused rows", "error-rows", {**_QUARTER, "reason": "This text is not allowed."}, R, None),
    ("all rows errors", "all-errors", {}, P, None),
    ("errors with details", "error-details", _QUARTER, P, None),
    ("wrong dimensions", "wrong-dimensions", _QUARTER, P, N),
    ("NaN", "nan", _QUARTER, P, N),
    ("zeros", "zero", _QUARTER, P, N),
    ("drift", "drift", {}, X, X),
)
#: Seconds by which a list lags that keeps the promise of ten minutes, and one that does not.
_LAG, _TOO_MUCH = 300.0, 3000.0
#: How long faults of requests last in pairs.
_SECONDS = {"slow": 0.01, "quota-retry": 30.0}


def singles(service: Service) -> list[Case]:
    """Every fault alone, in each lane of *service* that it can strike."""
    everything = [*_request_cases(service), *_list_cases(service), *_result_cases(service)]
    lanes = {"batch"} if service.generates else {"batch", "sync"}
    return [case for case in everything if case.lane in lanes and not case.kinds & service.pointless]


def _request_cases(service: Service) -> Iterator[Case]:
    create, embed = service.operations["create"], service.operations["embed"]
    strikes: tuple[tuple[str, str, Mapping[str, Any]], ...] = (
        ("batch", "the first create", {"operation": create, "times": 1}),
        ("batch", "the first three requests", {"times": 3}),
        ("batch", "every request", {}),
        ("sync", "the first request", {"operation": embed, "times": 1}),
        ("sync", "every request", {}),
    )
    for fault, kind, fields, fates in _REQUESTS:
        for (lane, when, aim), fate in zip(strikes, fates, strict=True):
            if fate is not None:
                yield Case(lane, fault, when, ((kind, {**fields, **aim}),), _of(service, fate))


def _list_cases(service: Service) -> Iterator[Case]:
    lost = ("lost-reply", {"operation": service.operations["create"], "times": 1})
    lag, late = ("lagging-list", {"seconds": _LAG}), ("lagging-list", {"seconds": _TOO_MUCH})
    yield Case("batch", "list lags 5 minutes", "every list", (lag,), U)
    yield Case("batch", "list lags 5 minutes", "after a lost reply", (lost, lag), O)
    yield Case("batch", "list lags 50 minutes", "after a lost reply", (lost, late), O)


def _result_cases(service: Service) -> Iterator[Case]:
    for fault, kind, fields, batch, sync in _RESULTS:
        # That the service gives a row up for good, it says by a code of its own.
        known = {**fields, "code": service.refusal} if fault == "refused rows" else fields
        yield Case("batch", fault, "the first job", ((kind, {**known, "times": 1}),), _of(service, batch))
        if sync is not None:
            yield Case("sync", fault, "every answer", ((kind, known),), _of(service, sync))
    yield Case("batch", "truncated download", "every download", (("truncated-download", {}),), W)
    yield Case("batch", "results gone", "every download", (("results-gone", {}),), N)


def _of(service: Service, expected: _Expected) -> Fate:
    return expected if isinstance(expected, Fate) else expected[service.provider]


def pairs(service: Service) -> list[Case]:
    """All pairs of kinds in the batch lane of *service*; none where another stands for it."""
    if service.generates:
        # Its jobs go the way of those of the same provider that embed, whose pairs are tried.
        return []
    kinds = [kind for kind in KINDS if kind not in service.pointless]
    return [
        Case("batch", f"{one} + {other}", "pair", (*_part(service, one, 0), *_part(service, other, 1)))
        for one, other in itertools.combinations(kinds, 2)
    ]


def _part(service: Service, kind: str, place: int) -> Iterator[Fault]:
    """A kind's part in a pair; of two that strike the same, each has its turn."""
    moment = KINDS[kind][0]
    if moment is Moment.REQUEST:
        fields = {"seconds": _SECONDS[kind]} if kind in _SECONDS else {}
        yield kind, {**fields, "operation": service.operations["create"], "after": place, "times": 1}
        if kind != "hang":
            yield kind, {**fields, "every": 3, "after": place, "times": 3}
    elif moment is Moment.LIST:
        yield kind, {"seconds": _LAG}
    elif moment is Moment.ROWS:
        yield kind, {"times": 2, **_QUARTER}
    else:
        yield kind, {"times": 1 if moment is Moment.JOB else 2}
