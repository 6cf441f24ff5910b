"""A ledger, a clock, a service on paper, and workers that are held up, lose a reply or die at any moment."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import attrs
from paper_service import PaperService
from sqlalchemy import delete, insert

from embedlane.errors import CreateAmbiguousError, TransientError
from embedlane.indexes.binding import create_index
from embedlane.indexes.settings import IndexSettings
from embedlane.jobs.book import LEASE, JobBook
from embedlane.jobs.desk import BatchLane
from embedlane.jobs.manager import BatchManager
from embedlane.jobs.planning import JobSize, plan_jobs
from embedlane.ledger import schema
from embedlane.models.card import Dimensions, Lane, ModelCard
from embedlane.models.space import Space
from embedlane.providers.checks import Checker
from embedlane.text.hashing import content_hash
from embedlane.vectors.cargo import EmbeddingCargo
from embedlane.vectors.charges import Origin
from embedlane.vectors.pending import Pending

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection

    from embedlane.jobs.job import Job
    from embedlane.ledger.database import Ledger

_CARD = ModelCard(id="test:small", lanes=frozenset(Lane), dimensions=Dimensions(native=4))


class Killed(BaseException):
    """The worker is dead. Not an Exception: nothing may catch it."""


@attrs.frozen
class Trouble:
    """Something that happens to a worker in the middle of a step."""

    #: At which of the step's moments, from 0.
    moment: int
    #: What: it dies, a request fails, or the others go on while it is held up.
    deed: str


@attrs.define(eq=False)
class MortalLedger:
    """The ledger as one worker has it: a dead one writes no more, not even that it gives up its claim."""

    ledger: Ledger
    moment: Callable[[str], None]
    alive: bool = True

    def read(self) -> contextlib.AbstractContextManager[Connection]:
        """A transaction that reads."""
        self._require_life()
        return self.ledger.read()

    @contextlib.contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that writes, between two moments."""
        self._require_life()
        self.moment("write")
        with self.ledger.write() as connection:
            yield connection
        self.moment("written")

    def _require_life(self) -> None:
        if not self.alive:
            raise Killed


@attrs.define(eq=False)
class World:
    """All there is."""

    ledger: Ledger
    folder: Path
    now: float = 1_000_000.0
    service: PaperService = attrs.field(init=False)
    wanted: list[str] = attrs.field(factory=list, init=False)
    #: What is still to happen in the step that is being taken, and to whom.
    _trouble: Trouble | None = None
    _moments: int = 0
    _acting: BatchManager | None = None
    _names: Iterator[int] = attrs.field(factory=itertools.count)
    _index: Any = None
    workers: list[BatchManager] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.service = PaperService(self.clock, self.moment)
        with self.ledger.write() as connection:
            for table in reversed(schema.metadata.sorted_tables):
                connection.execute(delete(table))
            space = Space.of(_CARD)
            self._index = create_index(connection, "docs", space, IndexSettings(), self.now)
        self.workers = [self._hired(), self._hired()]

    @property
    def book(self) -> JobBook:
        """The jobs."""
        return JobBook(self.clock)

    @property
    def pending(self) -> Pending:
        """What is pending."""
        return Pending(self._index.id, self._index.bound.id)

    def clock(self) -> float:
        """The time; each look takes a moment."""
        self.now += 0.001
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    def add(self, count: int) -> None:
        """Want *count* more rows."""
        texts = [f"text {len(self.wanted) + number}" for number in range(count)]
        rows = [{"hash": content_hash(text), "text": text, "characters": len(text)} for text in texts]
        with self.ledger.write() as connection:
            connection.execute(insert(schema.contents), rows)
            place = {"index_id": self._index.id, "document": "d", "source": "s", "metadata": {}}
            connection.execute(
                insert(schema.items),
                [{**place, "item": row["text"], "content_hash": row["hash"]} for row in rows],
            )
        self.wanted += [str(row["hash"]) for row in rows]

    def plan(self, rows: int) -> None:
        """Plan jobs of so many rows for all that is pending."""
        plan_jobs(self.ledger, self.book, self, self._index.bound.id, "paper", size=JobSize(rows=rows))

    def sizes(self, connection: Connection, now: float, limit: int, after: str = "") -> list[tuple[str, int]]:
        """What is pending, at a token each: what `plan_jobs` asks for."""
        return [(key, 1) for key in self.pending.hashes(connection, now, limit, after)]

    def jobs(self) -> list[Job]:
        """All jobs."""
        with self.ledger.read() as connection:
            return self.book.all(connection)

    def step(self, worker: int, job: Job, trouble: Trouble | None) -> None:
        """Let a worker take the next step of *job*, with *trouble* on its way."""
        acting = self.workers[worker]
        self._acting, self._trouble, self._moments = acting, trouble, 0
        try:
            acting.step(job)
        except Killed:
            self.workers[worker] = self._hired()
        finally:
            self._acting = self._trouble = None

    def moment(self, name: str) -> None:
        """Something is about to happen, or has just happened, to the worker that is at work."""
        trouble, place = self._trouble, self._moments
        self._moments += 1
        if trouble is None or place != trouble.moment:
            return
        self._trouble = None
        if trouble.deed == "die":
            self._acting.ledger.alive = False  # type: ignore[union-attr]
            raise Killed
        if trouble.deed == "fail" and not name.startswith("writ"):
            raise (CreateAmbiguousError if name.startswith("create") else TransientError)("cut off")
        if trouble.deed == "hold":
            self._hold_up()

    def _hold_up(self) -> None:
        """Let the worker's lease run out, and the list's lag; the others go on meanwhile."""
        acting = self._acting
        for _ in range(4):
            self.sleep(LEASE)
            for job in self.jobs():
                for worker in self.workers:
                    if worker is not acting:
                        worker.step(job)

    def _hired(self) -> BatchManager:
        name = f"elsewhere/1/{next(self._names)}"
        return BatchManager(
            ledger=MortalLedger(self.ledger, self.moment),  # type: ignore[arg-type]
            open_lane=self._lane,
            directory=self.folder,
            clock=self.clock,
            worker=name,
        )

    def _lane(self, job: Job) -> BatchLane:
        bound = self._index.bound
        origin = Origin(
            provider=job.provider,
            lane=Lane.BATCH,
            run=job.tag,
            job_id=job.id,
            account=job.account,
            price=None,
        )
        return BatchLane(self.service, EmbeddingCargo(bound, Checker("paper", _CARD, bound.space), origin))
