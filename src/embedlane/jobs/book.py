"""The jobs in the ledger: entered, changed by compare-and-set, and told as a story.

Every change of state is one UPDATE that names the state it starts from, together with an event in the same
transaction. Who finds that the state has moved on in the meantime has lost the race and does nothing. A step
is claimed before it is taken, with a lease and a number, the fence: a worker that was held up for longer than
its lease finds a later number, and nothing that it still wants to write is written.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from itertools import repeat
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import attrs
from sqlalchemy import BigInteger, cast, delete, func, insert, not_, select, true, update

from embedlane.errors import UnknownNameError
from embedlane.jobs.job import EventRecord, Job, Load, RowCounts, Verdict
from embedlane.jobs.states import FINAL, REMOTE, JobEvent, JobState, next_state
from embedlane.ledger.schema import job_events, job_rows, jobs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import ColumnElement, Connection


#: Seconds after which a step is given up if its worker can't be asked, as on another machine. Longer than
#: the longest call to a provider; steps with many results renew it.
LEASE = 900.0
#: The word in a story for a step that an error has ended.
STOPPED = "stopped"


class SupersededError(Exception):
    """Another process has moved the job on, or is at it; this one's step is void."""


@attrs.frozen
class JobBook:
    """Reads and writes jobs. All methods take the connection of the caller's transaction."""

    #: Seconds since 1970.
    clock: Callable[[], float]

    def enter(
        self,
        connection: Connection,
        space_id: int | None,
        provider: str,
        keys: Sequence[str],
        tokens: Sequence[int] = (),
        account: str = "",
        canaries: Sequence[tuple[str, int]] = (),
        jobset_id: int | None = None,
    ) -> Job:
        """Enter a planned job with a row for each of *keys*, which are in flight from now on.

        Args:
            connection: A write transaction.
            space_id: The space that the vectors are for; None for a job that generates.
            provider: The provider that gets the job.
            keys: What each row is called.
            tokens: The tokens that each row is planned at; none where that does not matter.
            account: Whose bill the job is on.
            canaries: Keys of rows that go before those, with their tokens; never in flight.
            jobset_id: The job set that the responses are for; None for a job that embeds.
        """
        now, purpose = self.clock(), {"space_id": space_id, "jobset_id": jobset_id}
        values = {
            "tag": f"embedlane-{secrets.token_hex(10)}",
            **purpose,
            "account": account,
            "provider": provider,
            "state": JobState.PLANNED.value,
            "rows": len(keys),
            "canaries": len(canaries),
            "estimated_tokens": sum(tokens) + sum(planned for _, planned in canaries),
            "created_at": now,
            "changed_at": now,
            "due_at": now,
        }
        job_id = connection.execute(insert(jobs).returning(jobs.c.id), values).scalar_one()
        wanted = zip(keys, tokens or repeat(0), repeat(Verdict.OPEN), strict=False)
        rows = [*((key, planned, Verdict.CANARY) for key, planned in canaries), *wanted]
        job = {"job_id": job_id, **purpose}
        connection.execute(
            insert(job_rows),
            [
                job | {"position": position, "key": key, "tokens": planned, "verdict": verdict.value}
                for position, (key, planned, verdict) in enumerate(rows)
            ],
        )
        self._tell(connection, job_id, "planned", "", JobState.PLANNED, f"{len(keys)} rows for {provider}")
        return self.get(connection, job_id)

    def claim(self, connection: Connection, job: Job, worker: str) -> Job:
        """Take the next step of *job* for *worker*, until it is changed, postponed or released.

        Raises:
            SupersededError: If it is not as *job* says any more, or another worker is at it.
        """
        now = self.clock()
        current = self.get(connection, job.id)
        if (current.state, current.fence) != (job.state, job.fence) or not current.free(worker, now):
            raise SupersededError(job.tag)
        values = {"worker": worker, "lease_until": now + LEASE, "fence": job.fence + 1}
        connection.execute(update(jobs).where(*_still(current)).values(**values))
        return self.get(connection, job.id)

    def renew(self, connection: Connection, job: Job) -> None:
        """Go on with a step that takes long; what else the transaction writes is fenced by it.

        Raises:
            SupersededError: If the step is another's by now.
        """
        still = update(jobs).where(*_still(job)).values(lease_until=self.clock() + LEASE)
        if connection.execute(still).rowcount != 1:
            raise SupersededError(job.tag)

    def release(self, connection: Connection, job: Job, why: str = "") -> None:
        """Leave the step of *job* to whoever comes next, if it is still ours; say *why* it was not taken."""
        told = {"reason": why} if why else {}
        outcome = connection.execute(update(jobs).where(*_still(job)).values(**_FREE, **told))
        if why and why != job.reason and outcome.rowcount == 1:
            self._tell(connection, job.id, STOPPED, job.state, job.state, why)

    def change(
        self,
        connection: Connection,
        job: Job,
        event: JobEvent,
        detail: str = "",
        *,
        goes_on: bool = False,
        **values: Any,
    ) -> Job:
        """Apply *event* to *job*, set *values*, and write both down; the step is over unless it *goes_on*.

        Raises:
            RefusedError: If the event can't happen in the job's state.
            SupersededError: If the job's state has changed since it was read.
        """
        after = next_state(job.state, event)
        now = self.clock()
        settings = {"changed_at": now, "due_at": now, "waits": 0, "reason": detail} | values
        # Who has read the job before it goes round a loop, to the same state again, has lost, too.
        settings["fence"] = job.fence + 1
        if not goes_on:
            settings |= _FREE
        if after in FINAL:
            settings.setdefault("ended_at", now)
        outcome = connection.execute(update(jobs).where(*_still(job)).values(state=after.value, **settings))
        if outcome.rowcount != 1:
            raise SupersededError(job.tag)
        self._tell(connection, job.id, event.value, job.state, after, detail)
        return self.get(connection, job.id)

    def postpone(
        self, connection: Connection, job: Job, pause: float, detail: str = "", **values: Any
    ) -> Job:
        """Let *job* be for *pause* seconds; *detail*, if any, becomes part of its story."""
        outcome = connection.execute(
            update(jobs)
            .where(*_still(job))
            .values(due_at=self.clock() + pause, waits=job.waits + 1, **_FREE, **values)
        )
        if detail and outcome.rowcount == 1:
            self._tell(connection, job.id, "waiting", job.state, job.state, detail)
        return self.get(connection, job.id)

    def mark_cleaned(self, connection: Connection, job: Job, detail: str) -> Job:
        """Note what became of what the provider holds of *job*; it is not looked at again."""
        cleaned = update(jobs).where(jobs.c.id == job.id, not_(jobs.c.cleaned)).values(cleaned=True)
        if connection.execute(cleaned).rowcount == 1:
            self._tell(connection, job.id, "cleaned", job.state, job.state, detail)
        return self.get(connection, job.id)

    def get(self, connection: Connection, job_id: int) -> Job:
        """The job with the number *job_id*.

        Raises:
            UnknownNameError: If there is none.
        """
        row = connection.execute(select(jobs).where(jobs.c.id == job_id)).mappings().one_or_none()
        if row is None:
            raise UnknownNameError(f"There is no job {job_id}.", "`embedlane jobs list` shows them all.")
        return Job.from_row(row)

    def all(self, connection: Connection) -> list[Job]:
        """All jobs, the oldest first."""
        return [Job.from_row(row) for row in connection.execute(select(jobs).order_by(jobs.c.id)).mappings()]

    def unfinished(self, connection: Connection) -> list[Job]:
        """Jobs with something left to do, the oldest first: not final, or not cleaned up."""
        query = select(jobs).where(not_(jobs.c.cleaned)).order_by(jobs.c.id)
        return [Job.from_row(row) for row in connection.execute(query).mappings()]

    def load(self, connection: Connection, provider: str) -> Load:
        """What the provider has of ours that has not ended there."""
        query = select(func.count(), _TOKENS).where(
            jobs.c.provider == provider, jobs.c.state.in_([state.value for state in REMOTE])
        )
        return Load(*connection.execute(query).one())

    def open_load(self, connection: Connection, account: str | None = None) -> Load:
        """What is not final yet, and not billed as a whole; of one account, or of all."""
        wanted = true() if account is None else jobs.c.account == account
        unfinished = jobs.c.state.not_in([state.value for state in FINAL])
        return Load(*connection.execute(select(func.count(), _TOKENS).where(wanted, unfinished)).one())

    def fitting_rows(
        self, connection: Connection, space_id: int | None, provider: str, jobset_id: int | None = None
    ) -> int | None:
        """Rows of a job that ends in time: half of those that expired last; None for any number."""
        ended = (
            select(jobs.c.rows, jobs.c.changed_at, jobs.c.state, jobs.c.expired)
            .where(
                # Null is equal to null here.
                jobs.c.space_id.is_not_distinct_from(space_id),
                jobs.c.jobset_id.is_not_distinct_from(jobset_id),
                jobs.c.provider == provider,
            )
            # Not by its end, which an expired job has only when it is collected.
            .order_by(jobs.c.changed_at.desc())
        )
        expired = connection.execute(ended.where(jobs.c.expired).limit(1)).one_or_none()
        stored = connection.execute(ended.where(jobs.c.state == JobState.STORED.value).limit(1)).one_or_none()
        if expired is None:
            return None
        if stored and stored.rows >= expired.rows and stored.changed_at > expired.changed_at:
            return None
        return max(1, int(expired.rows) // 2)

    def keep_rows(self, connection: Connection, job: Job, rows: int) -> None:
        """Let go of all rows from position *rows* on; they are pending again."""
        beyond = delete(job_rows).where(job_rows.c.job_id == job.id, job_rows.c.position >= rows)
        if connection.execute(beyond).rowcount:
            left = select(func.coalesce(func.sum(job_rows.c.tokens), 0)).where(job_rows.c.job_id == job.id)
            fewer = update(jobs).where(jobs.c.id == job.id)
            connection.execute(fewer.values(estimated_tokens=left.scalar_subquery()))

    def close_rows(self, connection: Connection, job: Job) -> list[str]:
        """Turn the rows that are still open into missing ones; return their keys."""
        still_open = (job_rows.c.job_id == job.id, job_rows.c.verdict == Verdict.OPEN.value)
        keys = connection.scalars(select(job_rows.c.key).where(*still_open)).all()
        connection.execute(update(job_rows).where(*still_open).values(verdict=Verdict.MISSING.value))
        return list(keys)

    def canaries(self, connection: Connection, job: Job) -> dict[int, str]:
        """The positions and keys of a job's canaries."""
        query = select(job_rows.c.position, job_rows.c.key).where(
            job_rows.c.job_id == job.id, job_rows.c.verdict == Verdict.CANARY.value
        )
        return {row.position: row.key for row in connection.execute(query)}

    def row_counts(self, connection: Connection, job_id: int) -> RowCounts:
        """How many rows of a job came to what."""
        query = (
            select(job_rows.c.verdict, func.count().label("number"))
            .where(job_rows.c.job_id == job_id, job_rows.c.verdict != Verdict.CANARY.value)
            .group_by(job_rows.c.verdict)
        )
        return RowCounts(**{row.verdict: row.number for row in connection.execute(query)})

    def events(self, connection: Connection, job_id: int) -> list[EventRecord]:
        """The story of a job."""
        self.get(connection, job_id)
        query = select(
            job_events.c.at,
            job_events.c.event,
            job_events.c.state_before,
            job_events.c.state_after,
            job_events.c.detail,
        ).where(job_events.c.job_id == job_id)
        return [EventRecord(**row) for row in connection.execute(query.order_by(job_events.c.id)).mappings()]

    def _tell(
        self, connection: Connection, job_id: int, event: str, before: str, after: str, detail: str
    ) -> None:
        connection.execute(
            insert(job_events),
            {
                "job_id": job_id,
                "at": self.clock(),
                "event": event,
                "state_before": str(before),
                "state_after": str(after),
                "detail": detail,
            },
        )


#: Nobody is at a step.
_FREE: Mapping[str, None] = MappingProxyType({"worker": None, "lease_until": None})


def _still(job: Job) -> tuple[ColumnElement[bool], ...]:
    """Whether the ledger's job stands where *job* does, and no later step of it was taken."""
    return jobs.c.id == job.id, jobs.c.state == job.state.value, jobs.c.fence == job.fence


#: Estimated tokens of jobs in all: a whole number, also where the sum of large ones would be a decimal.
_TOKENS = cast(func.coalesce(func.sum(jobs.c.estimated_tokens), 0), BigInteger)
