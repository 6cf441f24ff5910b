"""What every dialect shares: settings, clock, bill, faults and storage, opened and closed as one."""

from __future__ import annotations

import datetime as dt
import threading
from typing import TYPE_CHECKING, Any

import attrs

from embedlane_emulator.bill import Bill
from embedlane_emulator.clock import Clock
from embedlane_emulator.faults import Fault, FaultBook
from embedlane_emulator.storage import Store

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_HOUR = 3600.0
_META = "meta"


def _one_of(*values: str) -> Any:
    return attrs.validators.in_(values)


@attrs.frozen(kw_only=True)
class Settings:
    """How the service behaves where there is a choice."""

    #: Seconds a job is pending.
    pending: float = 0.2
    #: Seconds a job runs.
    running: float = 0.5
    #: Seconds after which a job that has not ended expires.
    expiry: float = 48 * _HOUR
    #: Seconds an uploaded file lives.
    file_life: float = 48 * _HOUR
    #: Seconds results live after the end of their job.
    result_life: float = 6 * 7 * 24 * _HOUR
    #: Most tokens of all active jobs of one model.
    enqueued_tokens: int = 10_000_000
    #: Most active jobs.
    concurrent_jobs: int = 100
    #: Whether models answer after their retirement.
    keep_retired: bool = False
    #: How a job of a model without the batch method is refused: ``404``, or the ``400`` some report.
    unsupported_method: str = attrs.field(default="404", validator=_one_of("404", "400"))
    #: Smallest size a vector may be asked for; Google documents 128 and serves less.
    min_dimensions: int = 1
    #: What happens to a text above the model's limit: ``truncate`` or ``reject``.
    long_inputs: str = attrs.field(default="truncate", validator=_one_of("truncate", "reject"))
    #: What a line that can't be read does: an error of its ``row``, or the end of the ``job``.
    bad_lines: str = attrs.field(default="row", validator=_one_of("row", "job"))
    #: Keys that are let in; None for all that do not start with ``invalid``.
    api_keys: tuple[str, ...] | None = None
    #: Most seconds a reply waits for results that are due by the clock but still being written.
    patience: float = 20.0


class Core:
    """The state of one emulated service."""

    def __init__(
        self,
        directory: Path | None = None,
        settings: Settings | None = None,
        faults: Iterable[Fault] = (),
    ) -> None:
        if directory is not None:
            directory.mkdir(parents=True, exist_ok=True)
        self.settings = settings or Settings()
        self.store = Store(directory)
        self.clock = Clock(save=lambda state: self.store.put(_META, "clock", dict(state)))
        saved = self.store.get(_META, "clock")
        if saved is not None:
            self.clock.restore(saved)
        self.bill = Bill(self.store)
        self.faults = FaultBook(faults)
        #: Set when the service goes down; whoever waits, wakes.
        self.closing = threading.Event()

    def configure(self, **changes: Any) -> Settings:
        """Change settings while it runs.

        Raises:
            ValueError: For a name that is no setting, or a value it can't take.
        """
        known = {field.name: field for field in attrs.fields(Settings)}
        for name, value in changes.items():
            if name not in known:
                raise ValueError(f"unknown setting {name!r}; the settings are {', '.join(known)}")
            _require_type(name, value, getattr(Settings(), name))
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
