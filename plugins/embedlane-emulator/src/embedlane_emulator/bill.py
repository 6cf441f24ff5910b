"""What was asked of the emulator and what it would have cost, kept so that tests can assert on money.

Every call of the synchronous lane is an entry, every created job is one. A job's rows and tokens are
charged when it ends: those that were answered, refused rows are free.
"""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from embedlane_emulator.storage import Store

_KIND = "charge"


@attrs.frozen(kw_only=True)
class Charge:
    """One call or one job."""

    #: The job's id, or a running number for calls.
    id: str
    #: ``sync`` or ``batch``.
    lane: str
    #: The API's name of the operation, such as ``models.embedContent``.
    operation: str
    #: The model, without a prefix.
    model: str
    #: What the client called the job; empty for calls.
    display_name: str = ""
    #: When, in seconds since the epoch.
    at: float = 0.0
    #: Rows that were sent.
    sent: int = 0
    #: Rows that are paid for.
    rows: int = 0
    #: Tokens that are paid for.
    tokens: int = 0
    #: Dollars for a million tokens.
    price: float = 0.0
    #: Tokens of answers that are paid for; embeddings have none.
    output_tokens: int = 0
    #: Dollars for a million of those.
    output_price: float = 0.0
    #: Whether the last word on rows and tokens is spoken; a job's is when it ends.
    settled: bool = True

    @property
    def dollars(self) -> float:
        """What it costs."""
        return (self.tokens * self.price + self.output_tokens * self.output_price) / 1_000_000


@attrs.frozen(kw_only=True)
class Total:
    """Sums over charges."""

    #: Calls, or created jobs.
    requests: int = 0
    #: Rows that are paid for.
    rows: int = 0
    #: Tokens that are paid for.
    tokens: int = 0
    #: Tokens of answers that are paid for.
    output_tokens: int = 0
    #: What they cost.
    dollars: float = 0.0


class Bill:
    """All charges since the start, or since the last `clear`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._count = sum(1 for _ in store.oldest(_KIND))

    def call(self, charge: Charge) -> None:
        """Add a call of the synchronous lane; its id is given here."""
        with self._lock:
            self._count += 1
            name = f"call-{self._count}"
        self._store.put(_KIND, name, attrs.asdict(attrs.evolve(charge, id=name)))

    def job(self, charge: Charge) -> None:
        """Add a created job, or replace it by its settled charge."""
        self._store.put(_KIND, charge.id, attrs.asdict(charge))

    def charges(self, lane: str | None = None) -> list[Charge]:
        """Charges in order, of one lane if wanted."""
        found = (Charge(**doc) for doc in self._store.oldest(_KIND))
        return [charge for charge in found if lane in (None, charge.lane)]

    def of_job(self, job: str) -> Charge | None:
        """The charge of one job, by its id or its name ``batches/…``."""
        doc = self._store.get(_KIND, job.removeprefix("batches/"))
        return None if doc is None else Charge(**doc)

    def creates(self) -> dict[str, int]:
        """How many jobs were created under each display name: more than one means paid twice."""
        return dict(Counter(charge.display_name for charge in self.charges("batch")))

    def total(self, lane: str | None = None) -> Total:
        """Sums of one lane, or of all."""
        return _sum(self.charges(lane))

    def clear(self) -> None:
        """Forget all charges."""
        for charge in self.charges():
            self._store.delete(_KIND, charge.id)

    def as_json(self) -> dict[str, Any]:
        """The whole bill, as ``GET /emulator/bill`` answers it."""
        return {
            "creates": self.creates(),
            "lanes": {lane: attrs.asdict(self.total(lane)) for lane in ("sync", "batch")},
            "jobs": [_line(charge) for charge in self.charges("batch")],
            "calls": [_line(charge) for charge in self.charges("sync")],
        }


def _line(charge: Charge) -> dict[str, Any]:
    return {**attrs.asdict(charge), "dollars": charge.dollars}


def _sum(charges: Iterable[Charge]) -> Total:
    found = list(charges)
    return Total(
        requests=len(found),
        rows=sum(charge.rows for charge in found),
        tokens=sum(charge.tokens for charge in found),
        output_tokens=sum(charge.output_tokens for charge in found),
        dollars=sum(charge.dollars for charge in found),
    )
