"""The jobs of a service: admitted, written in the background, settled on the bill."""

from __future__ import annotations

import secrets
import string
import threading
from concurrent.futures import Future, ThreadPoolExecutor, wait
from concurrent.futures import TimeoutError as NotYet
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import attrs

from embedlane_emulator import job, rows
from embedlane_emulator.bill import Charge
from embedlane_emulator.faults import Moment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from embedlane_emulator.core import Core
    from embedlane_emulator.faults import Fault
    from embedlane_emulator.job import Ending, Habits, Job
    from embedlane_emulator.rows import Clerk

_LAG = 60.0
_LETTERS = string.ascii_lowercase + string.digits


def new_id(length: int) -> str:
    """A random id of lower-case letters and digits."""
    return "".join(secrets.choice(_LETTERS) for _ in range(length))


@attrs.frozen(kw_only=True)
class Order:
    """What a client asked for, and what its input was measured to be."""

    #: What the job is called.
    id: str
    #: What its rows ask for, in the dialect's words.
    kind: str
    #: The API's name of the operation.
    operation: str
    #: The model, without a prefix.
    model: str
    #: Dollars for a million tokens.
    price: float
    #: Dollars for a million tokens of answers.
    output_price: float = 0.0
    #: What the client calls it.
    display_name: str = ""
    #: The input file's name, or empty.
    file: str = ""
    #: Rows of the input.
    rows: int
    #: Tokens of the input, estimated without judging the rows.
    tokens: int
    #: What becomes of it whatever faults say, for an input that can't be read.
    ending: Ending | None = None
    #: Fields of the job that the settings do not decide.
    fields: dict[str, Any] = attrs.field(factory=dict)


@attrs.define
class Jobs:
    """All jobs of one service."""

    core: Core[Any]
    #: Where they are stored; each dialect's own.
    kind: str
    #: What a dialect's jobs do.
    habits: Habits
    #: Who knows the rows of a job.
    clerk: Callable[[Job], Clerk]
    #: The names of a job's result files.
    outputs: Sequence[str]
    #: Told once of each job that has ended, with its results written.
    ended: Callable[[Job], None]
    _lock: threading.RLock = attrs.field(factory=threading.RLock, init=False)
    _pool: ThreadPoolExecutor = attrs.field(init=False)
    _futures: dict[str, Future[None]] = attrs.field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="embedlane-emulator-job")
        for found in self.all():
            if found.writes and found.good is None and (found.keeps_partial or found.cancelled is None):
                self._start(found)

    def create(self, order: Order, source: Path, admit: Callable[[Job, Sequence[Job]], Job]) -> Job:
        """Make a job whose input is in *source*, which becomes its own.

        Args:
            order: What is wanted.
            source: The input.
            admit: Given the job and those that are active, refuses it, or says what becomes of it.
        """
        made = self._made(order)
        with self._lock:
            now = self.core.clock.now()
            made = admit(made, [found for found in self.all() if found.state(now) in job.ACTIVE])
            source.replace(self._input(made.id))
            self.core.store.put(self.kind, made.id, attrs.asdict(made))
        self.core.bill.job(_charge(made, 0.0, settled=False))
        if made.writes:
            self._start(made)
        return made

    def _made(self, order: Order) -> Job:
        settings = self.core.settings
        faults = self._faults(order)
        fields = {
            "pending": settings.pending,
            "running": settings.running,
            "expiry": settings.expiry,
            "result_life": settings.result_life,
            "keeps_partial": self.habits.keeps_partial,
            **order.fields,
        }
        return job.Job(
            id=order.id,
            kind=order.kind,
            operation=order.operation,
            model=order.model,
            price=order.price,
            output_price=order.output_price,
            display_name=order.display_name,
            created=self.core.clock.now(),
            file=order.file,
            rows=order.rows,
            tokens=order.tokens,
            ending=order.ending or job.ending(faults, self.habits),
            faults=faults,
            **fields,
        )

    def _faults(self, order: Order) -> tuple[Fault, ...]:
        place = (order.operation, order.model, order.display_name)
        return tuple(
            fault for moment in (Moment.JOB, Moment.ROWS) for fault in self.core.faults.draw(moment, *place)
        )

    def find(self, name: str) -> Job | None:
        """The job of that id, deleted or not."""
        doc = self.core.store.get(self.kind, name)
        return None if doc is None else job.from_doc(doc)

    def observe(self, found: Job) -> tuple[Job, str]:
        """A job as it stands, with its state; waits a little for results that are due by the clock."""
        now = self.core.clock.now()
        state = found.state(now)
        if found.has_output(now) and found.good is None:
            found = self._awaited(found)
            if found.good is None:
                return found, job.State.RUNNING
        if state in job.ENDED and not found.settled:
            found = self._settle(found)
        return found, state

    def newest(self, before: int | None = None) -> Iterator[tuple[int, Job]]:
        """Jobs that are not deleted, with sequence numbers, the newest first."""
        for seq, doc in self.core.store.newest(self.kind, before):
            if not doc["deleted"]:
                yield seq, job.from_doc(doc)

    def listed(self, operation: str, before: int | None = None) -> Iterator[tuple[int, Job]]:
        """What `newest` gives, but for jobs that a fault keeps out of lists for a while."""
        struck = self.core.faults.draw(Moment.LIST, operation)
        lag = max((_LAG if fault.seconds is None else fault.seconds for fault in struck), default=0.0)
        now = self.core.clock.now()
        # A job that is hidden still has its place, so that pages stay what they are.
        return ((seq, found) for seq, found in self.newest(before) if found.created + lag <= now)

    def all(self) -> Iterator[Job]:
        """All jobs, deleted or not, the oldest first."""
        return (job.from_doc(doc) for doc in self.core.store.oldest(self.kind))

    def cancel(self, found: Job) -> None:
        """Cancel a job; one that has ended or was cancelled stays as it is."""
        now = self.core.clock.now()
        if found.cancelled is not None or found.state(now) in job.ENDED:
            return
        changes: dict[str, Any] = {"cancelled": now}
        if found.keeps_partial:
            # Its results hold fewer rows now: they are written again.
            changes["good"] = None
        self.update(found.id, **changes)
        if found.keeps_partial and found.writes:
            self._start(attrs.evolve(found, **changes))

    def update(self, name: str, **changes: Any) -> None:
        """Change fields of a job."""
        self.core.store.change(self.kind, name, lambda doc: doc.update(changes))

    def settle(self) -> None:
        """Bring bill and result files up to date with the clock."""
        for found in self.all():
            if not found.settled:
                self.observe(found)

    def results(self, found: Job, output: str) -> Path:
        """Where one of a job's result files is."""
        return self.core.store.blob(f"{output}-{found.id}.jsonl")

    def close(self) -> None:
        """Stop writing; what is not finished is written after the next start."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _start(self, found: Job) -> None:
        with self._lock:
            earlier = self._futures.get(found.id)
            self._futures[found.id] = self._pool.submit(self._write, found, earlier)

    def _awaited(self, found: Job) -> Job:
        """The job as it is when its results are written, or when patience is over."""
        future = self._futures.get(found.id)
        if future is not None:
            with suppress(NotYet):
                future.result(self.core.settings.patience)
        return self.find(found.id) or found

    def _write(self, found: Job, earlier: Future[None] | None) -> None:
        if earlier is not None:
            # The pool is first in, first out: what was submitted before is done or under way.
            wait([earlier])
        targets = {name: self.results(found, name) for name in self.outputs}
        writer = rows.Writer(found, self.clerk(found), stopped=lambda: self._outdated(found))
        with suppress(rows.Stopped):
            outcome = writer.write(self._input(found.id), targets)
            self.core.store.change(self.kind, found.id, lambda doc: _record(doc, found, outcome))

    def _outdated(self, found: Job) -> bool:
        if self.core.closing.is_set():
            return True
        current = self.find(found.id) if found.keeps_partial else None
        return current is not None and current.cancelled != found.cancelled

    def _settle(self, found: Job) -> Job:
        share = found.paid()
        if share > 0 and found.writes and found.good is None:
            found = self._awaited(found)
        with self._lock:
            found = self.find(found.id) or found
            if not found.settled:
                self._conclude(found, share)
        return self.find(found.id) or found

    def _conclude(self, found: Job, share: float) -> None:
        self.core.bill.job(_charge(found, share, settled=True))
        self.ended(found)
        self.update(found.id, settled=True)

    def _input(self, name: str) -> Path:
        return self.core.store.blob(f"input-{name}.jsonl")


def _record(doc: dict[str, Any], written: Job, outcome: rows.Outcome) -> None:
    # A job that was cancelled meanwhile is being written again.
    if not written.keeps_partial or doc["cancelled"] == written.cancelled:
        doc.update(
            good=outcome.good, bad=outcome.bad, good_tokens=outcome.tokens, good_output=outcome.output_tokens
        )


def _charge(found: Job, share: float, *, settled: bool) -> Charge:
    return Charge(
        id=found.id,
        lane="batch",
        operation=found.operation,
        model=found.model,
        display_name=found.display_name,
        at=found.created,
        sent=found.rows,
        rows=int((found.good or 0) * share),
        tokens=int(found.good_tokens * share),
        price=found.price,
        output_tokens=int(found.good_output * share),
        output_price=found.output_price,
        settled=settled,
    )
