"""What every dialect shares: settings, clock, bill, faults and storage, opened and closed as one."""

from __future__ import annotations

import datetime as dt
import threading
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import attrs

from embedlane_emulator.bill import Bill
from embedlane_emulator.clock import Clock
from embedlane_emulator.faults import Fault, FaultBook
from embedlane_emulator.storage import Store

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

HOUR = 3600.0
DAY = 24 * HOUR
_META = "meta"


def one_of(*values: Any) -> Any:
    """A validator for a setting with few values."""
    return attrs.validators.in_(values)


@attrs.frozen(kw_only=True)
class Settings:
    """How a service behaves where there is a choice; each dialect adds its own."""

    #: Seconds a job is pending.
    pending: float = 0.2
    #: Seconds a job runs.
    running: float = 0.5
    #: Seconds after which a job that has not ended expires.
    expiry: float = DAY
    #: Seconds an uploaded file lives.
    file_life: float = DAY
    #: Seconds results live after the end of their job.
    result_life: float = DAY
    #: Most tokens of all active jobs of one model.
    enqueued_tokens: int = 10_000_000
    #: Smallest size a vector may be asked for.
    min_dimensions: int = 1
    #: What happens to a text above the model's limit: ``truncate`` or ``reject``.
    long_inputs: str = attrs.field(default="truncate", validator=one_of("truncate", "reject"))
    #: Keys that are let in; None for all that do not start with ``invalid``.
    api_keys: tuple[str, ...] | None = None
    #: Most seconds a reply waits for results that are due by the clock but still being written.
    patience: float = 20.0

    def lets_in(self, key: str) -> bool:
        """Whether *key* is a good one."""
        return not key.startswith("invalid") if self.api_keys is None else key in self.api_keys


S = TypeVar("S", bound=Settings)


class Core(Generic[S]):
    """The state of one emulated service.

    Args:
        directory: Where it survives; nowhere if left out.
        settings: How the service behaves.
        faults: What goes wrong from the start.
        pointless: Kinds of faults that mean nothing to the dialect, each with the reason.
    """

    def __init__(
        self,
        directory: Path | None,
        settings: S,
        faults: Iterable[Fault] = (),
        pointless: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        # First, for it may refuse a fault, and all else is to be closed.
        self.faults = FaultBook(faults, pointless)
        if directory is not None:
            directory.mkdir(parents=True, exist_ok=True)
        self.settings = settings
        self.store = Store(directory)
        self.clock = Clock(save=lambda state: self.store.put(_META, "clock", dict(state)))
        saved = self.store.get(_META, "clock")
        if saved is not None:
            self.clock.restore(saved)
        self.bill = Bill(self.store)
        #: Set when the service goes down; whoever waits, wakes.
        self.closing = threading.Event()

    def configure(self, **changes: Any) -> S:
        """Change settings while it runs.

        Raises:
            ValueError: For a name that is no setting, or a value it can't take.
        """
        kind = type(self.settings)
        known, defaults = [field.name for field in attrs.fields(kind)], kind()
        for name, value in changes.items():
            if name not in known:
                raise ValueError(f"unknown setting {name!r}; the settings are {', '.join(known)}")
            _require_type(name, value, getattr(defaults, name))
        if isinstance(changes.get("api_keys"), list):
            changes["api_keys"] = tuple(changes["api_keys"])
        self.settings = attrs.evolve(self.settings, **changes)
        return self.settings

    def set_clock(self, change: dict[str, Any]) -> None:
        """Apply ``{"advance": seconds}``, ``{"to": "2026-10-01T00:00:00Z"}`` or ``{"frozen": bool}``.

        Raises:
            ValueError: For any other key, or a value that can't be read.
        """
        for name, value in change.items():
            if name == "advance":
                self.clock.advance(float(value))
            elif name == "to":
                self.clock.turn_to(_moment(str(value)))
            elif name == "frozen":
                (self.clock.freeze if value else self.clock.run)()
            else:
                raise ValueError(f"unknown key {name!r}; the clock knows advance, to and frozen")

    def close(self) -> None:
        """Wake who waits, close the storage."""
        self.closing.set()
        self.store.close()


def _moment(text: str) -> dt.datetime:
    moment = dt.datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


def _require_type(name: str, value: Any, default: Any) -> None:
    wanted: tuple[type, ...] = (int, float) if isinstance(default, float) else (type(default),)
    if default is None:
        wanted = (list, tuple, type(None))
    if not isinstance(value, wanted) or (isinstance(value, bool) and bool not in wanted):
        raise ValueError(f"setting {name!r} can't be {value!r}")
