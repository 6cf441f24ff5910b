"""The cargo of jobs that generate: requests go out under their key, responses come back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import orjson
from sqlalchemy import and_, bindparam, func, select, update

from embedlane.ledger.dialects import among
from embedlane.ledger.schema import job_rows, requests
from embedlane.providers.values import Refusal, RequestRow
from embedlane.vectors.charges import Charges, Usage, as_said

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Sequence

    from sqlalchemy import ColumnElement, Connection

    from embedlane.providers.values import Response
    from embedlane.vectors.charges import Origin

#: The code of a refusal by the core's own check.
INVALID = "invalid-response"


@attrs.frozen
class GenerationCargo:
    """The rows of one job, whose key is that of a request and whose result is a response."""

    #: The job set's number in the ledger.
    jobset_id: int
    #: The job, and whose bill it is on.
    origin: Origin

    def rows(self, connection: Connection, job_id: int) -> Generator[RequestRow]:
        """Stream the requests of a job."""
        mine = and_(requests.c.jobset_id == self.jobset_id, requests.c.key == job_rows.c.key)
        query = (
            select(job_rows.c.key, requests.c.request, job_rows.c.position)
            .join(requests, mine)
            .where(job_rows.c.job_id == job_id)
            .order_by(job_rows.c.position)
            .execution_options(yield_per=1000)
        )
        with connection.execute(query) as found:
            for row in found:
                yield RequestRow(*row)

    def store(
        self, connection: Connection, answers: Sequence[Response], refusals: Sequence[Refusal], now: float
    ) -> Sequence[Refusal]:
        """Store what is a response, record every no and what is billed, in the caller's transaction."""
        invalid = [no for answer in answers if (no := _invalid(answer))]
        wrong = {no.key for no in invalid}
        good = [answer for answer in answers if answer.key not in wrong]
        self._answer(connection, good)
        self._refuse(connection, [*refusals, *invalid])
        usage = self._usage(connection, answers, [answer.key for answer in good], refusals)
        Charges(None, self.origin, self.jobset_id).add(connection, usage, now)
        return invalid

    def admit(self, connection: Connection) -> None:
        """Let any job be sent or collected: responses are never compared with each other."""

    def distrust(self, connection: Connection, canaries: Sequence[object], now: float) -> str:  # noqa: ARG002
        """Trust any job: there are no canaries among requests."""
        return ""

    def settle(
        self,
        connection: Connection,
        tokens: int | None,
        now: float,
        canaries: Sequence[object] = (),  # noqa: ARG002 - there are none
    ) -> int | None:
        """Say what the provider billed for the job, responses included; its rows have told it."""
        charges = Charges(None, self.origin, self.jobset_id)
        return charges.settle(connection, None, now) if tokens is None else tokens

    def _answer(self, connection: Connection, good: Sequence[Response]) -> None:
        if not good:
            return
        statement = (
            update(requests)
            # The first response counts: it is paid for.
            .where(*self._row(), requests.c.response.is_(None))
            .values(response=bindparam("body"), code=None, message=None, retryable=None)
        )
        connection.execute(statement, [{"row": answer.key, "body": answer.body} for answer in good])

    def _refuse(self, connection: Connection, nos: Sequence[Refusal]) -> None:
        if not nos:
            return
        statement = (
            update(requests)
            .where(*self._row(), requests.c.response.is_(None))
            .values(
                code=bindparam("no"),
                message=bindparam("words"),
                retryable=bindparam("again"),
                attempts=requests.c.attempts + 1,
            )
        )
        values = [{"row": no.key, "no": no.code, "words": no.message, "again": no.retryable} for no in nos]
        connection.execute(statement, values)

    def _row(self) -> tuple[ColumnElement[bool], ...]:
        return (requests.c.jobset_id == self.jobset_id, requests.c.key == bindparam("row"))

    def _usage(
        self,
        connection: Connection,
        answers: Sequence[Response],
        stored: Sequence[str],
        refusals: Sequence[Refusal],
    ) -> Usage:
        """What all of it is billed at; answers that are of no use are billed as well."""
        silent = [answer.key for answer in answers if as_said(answer.tokens) is None]
        said = [*(answer.tokens for answer in answers), *(no.tokens for no in refusals)]
        return Usage(
            rows=len(stored),
            planned=self._planned(connection, stored),
            measured=_sum(said),
            estimated=self._planned(connection, silent),
            output=_sum(answer.output_tokens for answer in answers),
        )

    def _planned(self, connection: Connection, keys: Sequence[str]) -> int:
        """The tokens that rows of the job were planned at."""
        if not keys:
            return 0
        query = select(func.sum(job_rows.c.tokens)).where(
            job_rows.c.job_id == self.origin.job_id, among(job_rows.c.key, keys)
        )
        return int(connection.scalar(query) or 0)


def _sum(tokens: Iterable[object]) -> int:
    return sum(as_said(each) or 0 for each in tokens)


def _invalid(answer: Response) -> Refusal | None:
    """A refusal, if *answer* is no JSON object."""
    try:
        found = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        found = None
    if isinstance(found, dict):
        return None
    message = f"the response is no JSON object: {answer.body[:60]!r}"
    return Refusal(answer.key, INVALID, message, retryable=True)
