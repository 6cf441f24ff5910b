"""The jobs of the service: admitted within quotas, written in the background, settled on the bill."""

from __future__ import annotations

import secrets
import string
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import attrs

from embedlane_emulator.bill import Charge
from embedlane_emulator.faults import Moment
from embedlane_emulator.gemini import errors, job, models, rows

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from embedlane_emulator.core import Core
    from embedlane_emulator.faults import Fault
    from embedlane_emulator.gemini.job import Job
    from embedlane_emulator.gemini.models import Model

_KIND = "gemini-job"
_LETTERS = string.ascii_lowercase + string.digits
_OPERATION = {
    "EmbedContent": "models.asyncBatchEmbedContent",
    "GenerateContent": "models.batchGenerateContent",
}


def new_id(length: int) -> str:
    """A random id of lower-case letters and digits."""
    return "".join(secrets.choice(_LETTERS) for _ in range(length))


@attrs.frozen(kw_only=True)
class Order:
    """What a client asked for."""

    #: ``EmbedContent`` or ``GenerateContent``.
    kind: str
    #: The model.
    model: Model
    #: What the client calls it.
    display_name: str
    #: The input file's name, or empty.
    file: str
    #: Its priority.
    priority: int = 0


@attrs.define
class Jobs:
    """All jobs."""

    core: Core
    _lock: threading.RLock = attrs.field(factory=threading.RLock, init=False)
    _pool: ThreadPoolExecutor = attrs.field(init=False)
    _futures: dict[str, Future[None]] = attrs.field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="embedlane-emulator-job")
        for found in self._all():
            if found.good is None and found.ending.share > 0 and found.cancelled is None:
                self._start(found)

    def create(self, order: Order, source: Path, name: str = "") -> Job:
        """Admit a job whose input is in *source*, which becomes its own.

        Raises:
            ApiError: 429 above a quota.
        """
        made = self._made(order, rows.measure(source), name or new_id(36))
        with self._lock:
            self._admit(made)
            source.replace(self._input(made.id))
            self._store(made)
        self.core.bill.job(self._charge(made, 0, 0, settled=False))
        if made.ending.share > 0:
            self._start(made)
        return made

    def _made(self, order: Order, size: rows.Size, name: str) -> Job:
        settings = self.core.settings
        faults = self._faults(order)
        return job.Job(
            id=name,
            kind=order.kind,
            model=order.model.name,
            display_name=order.display_name,
            created=self.core.clock.now(),
            file=order.file,
            rows=size.rows,
            tokens=size.tokens,
            pending=settings.pending,
            running=settings.running,
            expiry=settings.expiry,
            result_life=settings.result_life,
            ending=self._unreadable(size) or job.ending(faults),
            faults=faults,
            priority=order.priority,
        )

    def _faults(self, order: Order) -> tuple[Fault, ...]:
        return tuple(
            fault
            for moment in (Moment.JOB, Moment.ROWS)
            for fault in self.core.faults.draw(
                moment, _OPERATION[order.kind], order.model.name, order.display_name
            )
        )

    def _unreadable(self, size: rows.Size) -> job.Ending | None:
        if size.bad_line is None or self.core.settings.bad_lines != "job":
            return None
        reason = f"Failed to parse the input file: invalid JSON in line {size.bad_line}."
        return job.Ending(state=job.FAILED, reason=reason, code=errors.INVALID_ARGUMENT, share=0)

    def _admit(self, new: Job) -> None:
        now = self.core.clock.now()
        active = [found for found in self._all() if found.state(now) in job.ACTIVE]
        waiting = sum(found.tokens for found in active if found.model == new.model)
        too_many = len(active) >= self.core.settings.concurrent_jobs
        if too_many or waiting + new.tokens > self.core.settings.enqueued_tokens:
            raise errors.quota()

    def get(self, name: str) -> Job:
        """The job of that id or name.

        Raises:
            ApiError: 404 if it is not there, or deleted.
        """
        doc = self.core.store.get(_KIND, name.removeprefix("batches/"))
        if doc is None or doc["deleted"]:
            raise errors.not_found()
        return job.from_doc(doc)

    def find(self, name: str) -> Job | None:
        """The job of that id, deleted or not."""
        doc = self.core.store.get(_KIND, name)
        return None if doc is None else job.from_doc(doc)

    def observe(self, found: Job) -> tuple[Job, str]:
        """A job as it stands, with its state; waits a little for results that are due by the clock."""
        now = self.core.clock.now()
        state = found.state(now)
        if found.has_output(now) and found.good is None:
            self._wait(found)
            found = self.find(found.id) or found
            if found.good is None:
                return found, job.RUNNING
        if state in job.ENDED and not found.settled:
            found = self._settle(found, now)
        return found, state

    def newest(self, before: int | None = None) -> Iterator[tuple[int, Job]]:
        """Jobs that are not deleted, with sequence numbers, the newest first."""
        for seq, doc in self.core.store.newest(_KIND, before):
            if not doc["deleted"]:
                yield seq, job.from_doc(doc)

    def cancel(self, name: str) -> None:
        """Cancel a job; one that has ended stays as it is.

        Raises:
            ApiError: 404 if it is not there.
        """
        found = self.get(name)
        now = self.core.clock.now()
        if found.cancelled is None and found.state(now) not in job.ENDED:
            self._edit(found.id, cancelled=now)

    def delete(self, name: str) -> None:
        """Take a job out of sight; it runs and costs all the same.

        Raises:
            ApiError: 404 if it is not there.
        """
        self._edit(self.get(name).id, deleted=True)

    def update(self, name: str, **changes: Any) -> Job:
        """Change a job's display name or priority.

        Raises:
            ApiError: 404 if it is not there.
        """
        self._edit(self.get(name).id, **changes)
        return self.get(name)

    def settle(self) -> None:
        """Bring the bill up to date with the clock."""
        for found in self._all():
            if not found.settled:
                self.observe(found)

    def results(self, found: Job) -> Path:
        """Where a job's results are."""
        return self.core.store.blob(f"results-{found.id}.jsonl")

    def close(self) -> None:
        """Stop writing; what is not finished is written after the next start."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _start(self, found: Job) -> None:
        with self._lock:
            self._futures[found.id] = self._pool.submit(self._write, found)

    def _wait(self, found: Job) -> None:
        future = self._futures.get(found.id)
        if future is not None:
            with suppress(NotYet):
                future.result(self.core.settings.patience)

    def _write(self, found: Job) -> None:
        writer = rows.Writer(
            job=found,
            model=models.named(found.model),
            settings=self.core.settings,
            stopped=self.core.closing.is_set,
        )
        with suppress(rows.Stopped):
            outcome = writer.write(self._input(found.id), self.results(found))
            self._edit(found.id, good=outcome.good, bad=outcome.bad, good_tokens=outcome.tokens)

    def _settle(self, found: Job, now: float) -> Job:
        worked = found.worked(now)
        good, tokens = found.good or 0, found.good_tokens
        if found.cancelled is not None:
            if worked > 0 and found.good is None:
                self._wait(found)
                found = self.find(found.id) or found
                good, tokens = found.good or 0, found.good_tokens
            good, tokens = int(good * worked), int(tokens * worked)
        elif worked == 0:
            good = tokens = 0
        self.core.bill.job(self._charge(found, good, tokens, settled=True))
        self._edit(found.id, settled=True)
        return attrs.evolve(found, settled=True)

    def _charge(self, found: Job, good: int, tokens: int, *, settled: bool) -> Charge:
        return Charge(
            id=found.id,
            lane="batch",
            operation=_OPERATION[found.kind],
            model=found.model,
            display_name=found.display_name,
            at=found.created,
            sent=found.rows,
            rows=good,
            tokens=tokens,
            price=models.named(found.model).batch_price,
            settled=settled,
        )

    def _all(self) -> Iterator[Job]:
        return (job.from_doc(doc) for doc in self.core.store.oldest(_KIND))

    def _input(self, name: str) -> Path:
        return self.core.store.blob(f"input-{name}.jsonl")

    def _store(self, found: Job) -> None:
        self.core.store.put(_KIND, found.id, attrs.asdict(found))

    def _edit(self, name: str, **changes: Any) -> None:
        self.core.store.change(_KIND, name, lambda doc: doc.update(changes))
