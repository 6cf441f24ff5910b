"""Faults as data: what goes wrong, for which requests, how often.

A fault is a kind, a pattern of requests, and a count. Each dialect asks the book at fixed moments: when a
request arrives, when a job is created, when vectors or rows are written, when jobs are listed, when a result
is downloaded. A fault counts only what matches its pattern at its own moment.
"""

from __future__ import annotations

import enum
import fnmatch
import random
import threading
import tomllib
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import attrs
import cattrs
import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path


class Moment(enum.Enum):
    """When a fault is drawn."""

    REQUEST = "request"
    LIST = "list"
    DOWNLOAD = "download"
    JOB = "job"
    ROWS = "rows"


#: Every kind: when it is drawn, and what it does.
KINDS: Mapping[str, tuple[Moment, str]] = MappingProxyType(
    {
        "lost-reply": (Moment.REQUEST, "does what was asked, then closes the connection without an answer"),
        "reset": (Moment.REQUEST, "closes the connection and does nothing"),
        "hang": (Moment.REQUEST, "does nothing and gives no answer for `seconds` (an hour)"),
        "slow": (Moment.REQUEST, "waits `seconds` (1), then answers"),
        "quota": (Moment.REQUEST, "429 that says nothing of a time to wait"),
        "quota-retry": (
            Moment.REQUEST,
            "429 that says to wait for `seconds` (1); above an hour, that a day's quota is used up",
        ),
        "internal": (Moment.REQUEST, "500"),
        "unavailable": (Moment.REQUEST, "503"),
        "error": (Moment.REQUEST, "`code`, `status` and `reason` as given"),
        "garbage": (Moment.REQUEST, "200 with a body that is not JSON"),
        "lagging-list": (Moment.LIST, "leaves jobs out of lists until they are `seconds` (60) old"),
        "truncated-download": (Moment.DOWNLOAD, "closes the connection after `fraction` (0.5) of the bytes"),
        "results-gone": (Moment.DOWNLOAD, "answers as if the results were deleted"),
        "failed": (Moment.JOB, "the job ends as failed, with `reason` and, if given, `status` or `code`"),
        "cancelled": (Moment.JOB, "the job ends as cancelled, with `fraction` (0.5) of its rows done"),
        "expired": (Moment.JOB, "the job ends as expired, with what the service keeps of such a job"),
        "unknown-state": (Moment.JOB, "the job gets the state `state` and stays there"),
        "stuck": (Moment.JOB, "the job stays in `state` (the one of a job that runs) until it expires"),
        "missing-rows": (Moment.ROWS, "leaves out `fraction` of the rows"),
        "doubled-rows": (Moment.ROWS, "writes `fraction` of the rows twice"),
        "shuffled-rows": (Moment.ROWS, "writes rows in another order (files: within 4096 rows)"),
        "malformed-rows": (Moment.ROWS, "`fraction` of the rows lose their embedding, or what was generated"),
        "blocked-rows": (Moment.ROWS, "`fraction` of the requests or answers are blocked for safety"),
        "no-keys": (Moment.ROWS, "`fraction` (1) of the rows lose what tells whose answer they are"),
        "corrupt-lines": (Moment.ROWS, "`fraction` of a result file's lines are cut off in their middle"),
        "error-rows": (Moment.ROWS, "`fraction` of the rows are errors with `code` and `reason`"),
        "all-errors": (Moment.ROWS, "every row is an error with `code` and `reason`"),
        "error-details": (Moment.ROWS, "as error-rows, with details that google-genai can't read"),
        "wrong-dimensions": (Moment.ROWS, "`fraction` of the vectors are one number short"),
        "nan": (Moment.ROWS, "`fraction` of the vectors hold a NaN"),
        "zero": (Moment.ROWS, "`fraction` of the vectors are all zeros"),
        "drift": (Moment.ROWS, "the model's vectors turn by `angle` (0.5 radians)"),
    }
)


def _kind(_fault: Fault, _attribute: attrs.Attribute[str], value: str) -> None:
    if value not in KINDS:
        raise ValueError(f"unknown fault kind {value!r}; the kinds are {', '.join(KINDS)}")


@attrs.frozen(kw_only=True)
class Fault:
    """One thing that goes wrong."""

    #: What: a key of `KINDS`.
    kind: str = attrs.field(validator=_kind)
    #: A name to switch it off by; given by the book if left empty.
    id: str = ""
    #: Which operations, as a pattern such as ``models.*``; the API's names.
    operation: str = "*"
    #: Which models, as a pattern, without a prefix.
    model: str = "*"
    #: Which jobs, as a pattern of what their clients call them.
    display_name: str = "*"
    #: How often it happens; None for always.
    times: int | None = attrs.field(default=None, validator=attrs.validators.optional(attrs.validators.ge(1)))
    #: It happens to every n-th match.
    every: int = attrs.field(default=1, validator=attrs.validators.ge(1))
    #: How many matches are spared first.
    after: int = attrs.field(default=0, validator=attrs.validators.ge(0))
    #: How likely each turn is.
    probability: float = 1.0
    #: Seeds what is random: turns and rows.
    seed: int = 0
    #: Which share of the rows or bytes; None for the kind's own default.
    fraction: float | None = None
    #: How long.
    seconds: float | None = None
    #: The number of an error: HTTP's for ``error``; for rows and jobs the one the service has there.
    code: int | None = None
    #: The word of an error, as the service has one beside the number.
    status: str = ""
    #: The state to show.
    state: str = ""
    #: What the service says.
    reason: str = ""
    #: How far a model drifts, in radians.
    angle: float = 0.5

    @property
    def moment(self) -> Moment:
        """When it is drawn."""
        return KINDS[self.kind][0]

    def rng(self, salt: str = "") -> random.Random:
        """Its own dice, the same for the same seed and salt."""
        return random.Random(f"{self.kind}:{self.seed}:{salt}")  # noqa: S311 - repeatable, not secret


@attrs.define
class _Rule:
    fault: Fault
    seen: int = 0
    fired: int = 0

    def draw(self, operation: str, model: str, display_name: str) -> bool:
        fault = self.fault
        pairs = (
            (operation, fault.operation),
            (model, fault.model),
            (display_name, fault.display_name),
        )
        if not all(fnmatch.fnmatchcase(value, pattern) for value, pattern in pairs):
            return False
        self.seen += 1
        turn = self.seen - fault.after
        if turn < 1 or turn % fault.every or (fault.times is not None and self.fired >= fault.times):
            return False
        if fault.rng(str(self.seen)).random() >= fault.probability:
            return False
        self.fired += 1
        return True


class FaultBook:
    """The faults that are switched on, with their counts.

    Args:
        faults: Those to switch on at once.
        pointless: Kinds that mean nothing to the service, each with the reason; they are refused.
    """

    def __init__(
        self, faults: Iterable[Fault] = (), pointless: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self._lock = threading.Lock()
        self._pointless = pointless
        self._rules: dict[str, _Rule] = {}
        self._count = 0
        for fault in faults:
            self.add(fault)

    def add(self, fault: Fault | str, **fields: Any) -> Fault:
        """Switch on a fault: a `Fault`, or a kind with its fields.

        Raises:
            ValueError: For a kind that means nothing to this service.
        """
        made = Fault(kind=fault, **fields) if isinstance(fault, str) else fault
        self._require_meaning(made)
        with self._lock:
            self._count += 1
            made = attrs.evolve(made, id=made.id or f"fault-{self._count}")
            self._rules[made.id] = _Rule(made)
        return made

    def remove(self, name: str) -> bool:
        """Switch off the fault of that id; whether there was one."""
        with self._lock:
            return self._rules.pop(name, None) is not None

    def clear(self) -> None:
        """Switch off all."""
        with self._lock:
            self._rules.clear()

    def replace(self, faults: Iterable[Fault]) -> None:
        """Switch off all, then on these.

        Raises:
            ValueError: For a kind that means nothing to this service; all stays as it was.
        """
        wanted = list(faults)
        for fault in wanted:
            self._require_meaning(fault)
        self.clear()
        for fault in wanted:
            self.add(fault)

    def _require_meaning(self, fault: Fault) -> None:
        if fault.kind in self._pointless:
            raise ValueError(f"fault kind {fault.kind!r} means nothing here: {self._pointless[fault.kind]}")

    def draw(
        self, moment: Moment, operation: str, model: str = "", display_name: str = ""
    ) -> tuple[Fault, ...]:
        """The faults that strike this time."""
        with self._lock:
            return tuple(
                rule.fault
                for rule in self._rules.values()
                if rule.fault.moment is moment and rule.draw(operation, model, display_name)
            )

    def fired(self, name: str) -> int:
        """How often the fault of that id struck."""
        rule = self._rules.get(name)
        return rule.fired if rule else 0

    def as_json(self) -> list[dict[str, Any]]:
        """All faults with their counts, as ``GET /emulator/faults`` answers them."""
        with self._lock:
            return [
                {**attrs.asdict(rule.fault), "seen": rule.seen, "fired": rule.fired}
                for rule in self._rules.values()
            ]


def _converter() -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True)
    converter.register_structure_hook(int | None, lambda value, _: None if value is None else int(value))
    converter.register_structure_hook(float | None, lambda value, _: None if value is None else float(value))
    return converter


def parse(data: Any) -> list[Fault]:
    """Read faults from parsed JSON or TOML: one table, a list of tables, or ``{"fault": [...]}``.

    Raises:
        ValueError: Where a field is unknown or has a wrong type, with its place.
    """
    if isinstance(data, dict) and "fault" in data:
        data = data["fault"]
    tables = data if isinstance(data, list) else [data]
    try:
        return _converter().structure(tables, list[Fault])
    except cattrs.BaseValidationError as error:
        raise ValueError("; ".join(cattrs.transform_error(error, format_exception=_say))) from error


def _say(error: BaseException, kind: type | None) -> str:
    """A validator's own words where there are some, cattrs's otherwise."""
    return str(error) if type(error) is ValueError else cattrs.v.format_exception(error, kind)


def load(path: Path) -> list[Fault]:
    """Read faults from a TOML or JSON file, told apart by its suffix."""
    text = path.read_text("utf-8")
    try:
        return parse(tomllib.loads(text) if path.suffix == ".toml" else orjson.loads(text))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
