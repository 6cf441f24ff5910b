"""The cargo of embedding jobs: contents go out under their hash, vectors come back."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import attrs
import numpy as np
from sqlalchemy import and_, func, select, update

from embedlane.errors import ResponseError
from embedlane.ledger.dialects import among
from embedlane.ledger.schema import canaries, contents, job_rows, refusals
from embedlane.models.card import Role
from embedlane.providers.values import BatchRow, RawEmbeddings, Refusal
from embedlane.vectors.archive import Archive, Refused
from embedlane.vectors.canaries import Canaries, told
from embedlane.vectors.charges import Charges, Usage, as_said
from embedlane.vectors.drift import require_no_drift

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from numpy.typing import NDArray
    from sqlalchemy import Connection

    from embedlane.providers.checks import Checker
    from embedlane.providers.values import Vector
    from embedlane.vectors.bound import BoundSpace
    from embedlane.vectors.charges import Origin

#: The code of a refusal by the core's own checks.
INVALID = "invalid-vector"


@attrs.frozen
class EmbeddingCargo:
    """The rows of one job, whose key is a content hash and whose result is a vector of one space."""

    #: The space that the vectors are for.
    bound: BoundSpace
    #: Checks what comes back.
    checker: Checker
    #: The job, and whose bill it is on.
    origin: Origin

    def rows(self, connection: Connection, job_id: int) -> Generator[BatchRow]:
        """Stream the rows of a job, the canaries first, their text inside the space's template."""
        carried = select(job_rows.c.position, canaries.c.key, canaries.c.text).join(
            canaries, and_(canaries.c.key == job_rows.c.key, canaries.c.space_id == job_rows.c.space_id)
        )
        for position, key, text in connection.execute(
            carried.where(job_rows.c.job_id == job_id).order_by(job_rows.c.position)
        ).all():
            # Alone, so that no content shares its fate.
            yield BatchRow(key, self.bound.space.render(text, Role.DOCUMENT), position, alone=True)
        refused = and_(refusals.c.space_id == self.bound.id, refusals.c.content_hash == job_rows.c.key)
        query = (
            select(job_rows.c.key, contents.c.text, job_rows.c.position, refusals.c.attempts.is_not(None))
            .join(contents, contents.c.hash == job_rows.c.key)
            .outerjoin(refusals, refused)
            .where(job_rows.c.job_id == job_id)
            .order_by(job_rows.c.position)
            .execution_options(yield_per=1000)
        )
        with connection.execute(query) as found:
            for key, text, position, alone in found:
                yield BatchRow(key, self.bound.space.render(text, Role.DOCUMENT), position, bool(alone))

    def store(
        self, connection: Connection, answers: Sequence[Vector], refusals: Sequence[Refusal], now: float
    ) -> Sequence[Refusal]:
        """Store what passes the checks, record every no and what is billed, in the caller's transaction."""
        units, hashes, invalid = self._checked(answers)
        archive = Archive(self.bound)
        archive.store(connection, hashes, units)
        archive.refuse(
            connection,
            [Refused(no.key, no.code, no.message, no.retryable) for no in (*refusals, *invalid)],
            self.origin,
            now,
        )
        if answers:
            Charges(self.bound.id, self.origin).add(connection, self._usage(connection, answers, hashes), now)
        return invalid

    def admit(self, connection: Connection) -> None:
        """Refuse to send or store anything while the space's model is known to have drifted."""
        require_no_drift(connection, self.bound)

    def distrust(self, connection: Connection, canaries: Sequence[Vector], now: float) -> str:
        """Compare the *canaries* with the space's references.

        A drift is recorded, the job billed, and what an earlier reading without canaries has stored of it
        is taken back.
        """
        answers = {}
        for canary in canaries:
            with contextlib.suppress(ResponseError):
                answers[canary.key] = self.checker.row(canary.key, canary.values)
        compared = Canaries(self.bound).compare(connection, answers, self.origin, now)
        if not any(each.drifted for each in compared):
            return ""
        mine = job_rows.c.job_id == self.origin.job_id
        stored = (mine, job_rows.c.verdict == "stored")
        hashes = connection.scalars(select(job_rows.c.key).where(*stored)).all()
        if hashes:
            Archive(self.bound).take_back(connection, hashes)
            connection.execute(update(job_rows).where(*stored).values(verdict="missing"))
        planned = int(connection.scalar(select(func.sum(job_rows.c.tokens)).where(mine)) or 0)
        usage = Usage(planned=planned, estimated=planned)
        Charges(self.bound.id, self.origin).add(connection, usage, now)
        return told(compared, self.origin)

    def settle(
        self, connection: Connection, tokens: int | None, now: float, canaries: Sequence[Vector] = ()
    ) -> int | None:
        """Record what the provider billed for the whole job, or for its *canaries*; see `Charges.settle`."""
        charges = Charges(self.bound.id, self.origin)
        charges.add(connection, self._canary_usage(connection, canaries), now)
        return charges.settle(connection, tokens, now)

    def _canary_usage(self, connection: Connection, answered: Sequence[Vector]) -> Usage:
        """What the answers to canaries are billed at; they are no rows."""
        said = {vector.key: as_said(vector.tokens) for vector in answered}
        query = (
            select(job_rows.c.key, job_rows.c.tokens, canaries.c.text)
            .join(
                canaries, and_(canaries.c.key == job_rows.c.key, canaries.c.space_id == job_rows.c.space_id)
            )
            .where(job_rows.c.job_id == self.origin.job_id, among(job_rows.c.key, said))
        )
        rows = connection.execute(query).all() if said else []
        return Usage(
            characters=sum(len(self.bound.space.render(row.text, Role.DOCUMENT)) for row in rows),
            planned=sum(row.tokens for row in rows),
            measured=sum(said[row.key] or 0 for row in rows),
            estimated=sum(row.tokens for row in rows if said[row.key] is None),
        )

    def _usage(self, connection: Connection, vectors: Sequence[Vector], stored: Sequence[str]) -> Usage:
        """What *vectors* are billed at; those that were not stored are billed as well."""
        said = [as_said(vector.tokens) for vector in vectors]
        silent = [vector.key for vector, tokens in zip(vectors, said, strict=True) if tokens is None]
        planned, characters = self._planned(connection, stored)
        same = len(silent) == len(stored) == len(vectors)
        return Usage(
            rows=len(stored),
            characters=characters,
            planned=planned,
            measured=sum(tokens for tokens in said if tokens is not None),
            estimated=planned if same else self._planned(connection, silent)[0],
        )

    def _planned(self, connection: Connection, keys: Sequence[str]) -> tuple[int, int]:
        """The tokens that rows of the job were planned at, and the characters that are sent for them."""
        if not keys:
            return 0, 0
        query = (
            select(func.sum(job_rows.c.tokens), func.sum(contents.c.characters))
            .join(contents, contents.c.hash == job_rows.c.key)
            .where(job_rows.c.job_id == self.origin.job_id, among(job_rows.c.key, keys))
        )
        tokens, characters = connection.execute(query).one()
        template = len(self.bound.space.render("", Role.DOCUMENT))
        return int(tokens or 0), int(characters or 0) + template * len(keys)

    def _checked(self, vectors: Sequence[Vector]) -> tuple[NDArray[np.float32], list[str], list[Refusal]]:
        """Unit vectors, their keys, and what failed: all at once where nothing is wrong, else row by row."""
        if vectors:
            raw = RawEmbeddings(vectors=[vector.values for vector in vectors])
            with contextlib.suppress(ResponseError):
                return self.checker.call(raw, len(vectors)), [vector.key for vector in vectors], []
        units, hashes, invalid = [], [], []
        for vector in vectors:
            try:
                units.append(self.checker.row(vector.key, vector.values))
                hashes.append(vector.key)
            except ResponseError as error:
                invalid.append(Refusal(vector.key, INVALID, error.message, retryable=True))
        none = np.empty((0, self.bound.space.dimensions), dtype=np.float32)
        return np.stack(units) if units else none, hashes, invalid
