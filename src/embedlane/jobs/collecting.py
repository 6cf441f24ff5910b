"""From a job's results to verdicts on its rows.

Results may be missing, doubled, shuffled, partial, malformed, or of rows that nobody sent. Each row ends
with one verdict; what fits no open row is counted and reported, and never fatal for the others. Every batch
of results is one transaction, so that a kill in the middle costs nothing: the same stream is read again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
from sqlalchemy import select, update

from embedlane.jobs.job import Job, Verdict
from embedlane.ledger.dialects import among
from embedlane.ledger.schema import job_rows
from embedlane.providers.values import Correlation, Malformed, Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy import Connection

    from embedlane.jobs.book import JobBook
    from embedlane.jobs.cargo import Intake
    from embedlane.ledger.database import Ledger

#: Results in one transaction: a commit takes milliseconds, and a thousand vectors of 3072 numbers 24 MB.
_BATCH = 1000


@attrs.frozen(kw_only=True)
class Collected:
    """What a stream of results held."""

    #: Rows whose answer is stored now.
    stored: int = 0
    #: Rows that the provider or the core's checks refused.
    refused: int = 0
    #: Results of rows that had one before in the same stream; the first counts.
    doubled: int = 0
    #: Results whose key is none of the job's.
    unknown: int = 0
    #: Pieces that can't be read as a result.
    malformed: int = 0
    #: Rows that were stored or refused before this reading began.
    settled: int = 0
    #: The first piece that can't be read, or the first refusal, for people.
    example: str = ""

    def __add__(self, other: Collected) -> Collected:
        """Both together; the example of the first that has one."""
        counts = {
            field.name: getattr(self, field.name) + getattr(other, field.name)
            for field in attrs.fields(Collected)
            if field.name != "example"
        }
        return Collected(**counts, example=self.example or other.example)

    def __str__(self) -> str:
        """Such as ``stored 98, refused 1, unknown 1 (first: …)``."""
        told = {"stored": self.stored} | {
            name: count
            for name in ("refused", "doubled", "unknown", "malformed", "settled")
            if (count := getattr(self, name))
        }
        text = ", ".join(f"{name} {count}" for name, count in told.items())
        return f"{text} (first: {self.example})" if self.example else text


@attrs.define(kw_only=True)
class Collector:
    """Collects one job's results."""

    ledger: Ledger
    book: JobBook
    job: Job
    cargo: Intake[Any]
    correlation: Correlation
    _seen: bytearray = attrs.field(init=False)

    @_seen.default
    def _make_seen(self) -> bytearray:
        return bytearray(self.job.canaries + self.job.rows)

    def collect(self, results: Iterable[Any]) -> Collected:
        """Store all of *results*, batch by batch.

        Raises:
            SupersededError: If another process has taken the job over; it will store the rest.
        """
        total = Collected()
        for batch in _batches(results):
            with self.ledger.write() as connection:
                self.book.renew(connection, self.job)
                total += self._settle(connection, batch)
        return total

    def _settle(self, connection: Connection, batch: list[Any]) -> Collected:
        answers = [result for result in batch if not isinstance(result, Malformed)]
        broken = [result for result in batch if isinstance(result, Malformed)]
        rows = self._rows(connection, [answer.key for answer in answers])
        fresh: dict[int, Any] = {}
        doubled = unknown = settled = 0
        for answer in answers:
            position, key, verdict = rows.get(answer.key, (None, "", ""))
            if position is None:
                unknown += 1
            elif verdict == Verdict.CANARY:
                continue
            elif self._seen[position]:
                doubled += 1
            else:
                self._seen[position] = 1
                if verdict == Verdict.OPEN:
                    fresh[position] = answer if answer.key == key else attrs.evolve(answer, key=key)
                else:
                    settled += 1
        good = [answer for answer in fresh.values() if not isinstance(answer, Refusal)]
        refusals = [answer for answer in fresh.values() if isinstance(answer, Refusal)]
        invalid = self.cargo.store(connection, good, refusals, self.book.clock())
        no = {refusal.key for refusal in (*refusals, *invalid)}
        self._judge(connection, Verdict.REFUSED, [p for p, answer in fresh.items() if answer.key in no])
        self._judge(connection, Verdict.STORED, [p for p, answer in fresh.items() if answer.key not in no])
        examples = [
            *(piece.message for piece in broken),
            *(f"{r.code}: {r.message}" for r in (*refusals, *invalid)),
        ]
        return Collected(
            stored=len(good) - len(invalid),
            refused=len(no),
            doubled=doubled,
            unknown=unknown,
            malformed=len(broken),
            settled=settled,
            example=examples[0] if examples else "",
        )

    def _rows(self, connection: Connection, names: list[str]) -> dict[str, tuple[int, str, str]]:
        """Position, key and verdict of the rows that the provider's *names* stand for."""
        columns = select(job_rows.c.position, job_rows.c.key, job_rows.c.verdict).where(
            job_rows.c.job_id == self.job.id
        )
        if self.correlation is Correlation.POSITION:
            positions = [int(name) for name in names if name.isascii() and name.isdigit() and len(name) < 12]
            found = connection.execute(columns.where(among(job_rows.c.position, positions)))
            return {str(row.position): (row.position, row.key, row.verdict) for row in found.all()}
        found = connection.execute(columns.where(among(job_rows.c.key, names)))
        return {row.key: (row.position, row.key, row.verdict) for row in found.all()}

    def _judge(self, connection: Connection, verdict: Verdict, positions: list[int]) -> None:
        if positions:
            connection.execute(
                update(job_rows)
                .where(job_rows.c.job_id == self.job.id, among(job_rows.c.position, positions))
                .values(verdict=verdict.value)
            )


def _batches(results: Iterable[Any]) -> Iterator[list[Any]]:
    batch: list[Any] = []
    for result in results:
        batch.append(result)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
