"""Canaries: texts whose vectors are known, which tell whether a model still answers as it did.

An API can change a model under its name. Each space therefore keeps a few texts with the vectors that were
first given for them, and each job and each run of the sync lane carries them along, before anything of its
answer is stored. Where one comes back as another vector, the model drifted, or two routes of it differ: that
is written down, and nothing more is stored in the space until a person has looked.

Nothing is asked when an index is made: the first answer that carries the canaries sets their references.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np
from sqlalchemy import func, select, update

from embedlane.ledger.dialects import upsert
from embedlane.ledger.schema import canaries, contents, items
from embedlane.models.card import Lane
from embedlane.text.hashing import content_hash
from embedlane.vectors.drift import drift_error, record_drift

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray
    from sqlalchemy import Connection, RowMapping

    from embedlane.vectors.bound import BoundSpace
    from embedlane.vectors.charges import Origin

#: A cosine below it is drift. The same model differs from itself by far less. Measured as 1 - cosine with
#: a local model: alone or among 64 texts 6e-15, in half precision 4e-8, in whole numbers of 8 bits 3e-5.
#: Another model, or a retrained one, is nowhere near.
THRESHOLD = 0.99
#: Texts that every space has: prose, another language and script, code.
FIXED = (
    "A lighthouse keeper counts the ships that pass the cape at night.",
    "Der Zug nach 京都 fährt heute zwölf Minuten später ab.",
    "def area(radius):\n    return 3.14159 * radius ** 2",
)
#: Contents of the index whose heads are taken besides.
OWN = 3
#: Characters that are taken of each, so that canaries stay cheap.
_OWN_LENGTH = 500
#: Lies in no content hash, so that a canary's row is never taken for a content's.
_PREFIX = "canary-"
#: How a reference lies in the ledger.
_STORED = np.dtype("<f4")


@attrs.frozen(kw_only=True, eq=False)
class Canary:
    """A text whose vector is known, or will be."""

    #: What its row is called in a job.
    key: str
    #: The text, without the space's template.
    text: str
    #: Whether it is the head of a content of an index; the others are the same for all spaces.
    own: bool
    #: Its unit vector; None until an answer has brought one.
    reference: NDArray[np.float32] | None = None
    #: Who gave the reference; empty without one.
    provider: str = ""
    #: In which lane; None without a reference.
    lane: Lane | None = None
    #: When, in seconds since 1970; None without a reference.
    at: float | None = None


@attrs.frozen(kw_only=True)
class Compared:
    """A canary that was answered now."""

    #: The canary, as it was before.
    canary: Canary
    #: The cosine of the answer and the reference; None if the answer became the reference.
    cosine: float | None

    @property
    def drifted(self) -> bool:
        """Whether the answer is not the vector that it was."""
        return self.cosine is not None and not self.cosine >= THRESHOLD


@attrs.frozen
class Canaries:
    """The canaries of one space. All methods take the connection of the caller's transaction."""

    #: The space.
    bound: BoundSpace

    def all(self, connection: Connection) -> list[Canary]:
        """Those that were chosen, the fixed ones first; none before the first answer was asked for."""
        query = select(canaries).where(canaries.c.space_id == self.bound.id)
        found = connection.execute(query.order_by(canaries.c.own, canaries.c.key)).mappings()
        return [_canary(row) for row in found]

    def chosen(self, connection: Connection, index_id: int) -> list[Canary]:
        """The space's canaries; chosen at the first time, and from the first index that has contents.

        Args:
            connection: A write transaction.
            index_id: The index's number in the ledger.
        """
        expected = self.expected(connection, index_id)
        if len(expected) > len(self.all(connection)):
            rows = [
                {"space_id": self.bound.id, "key": canary.key, "text": canary.text, "own": canary.own}
                for canary in expected
            ]
            connection.execute(upsert(connection, canaries).on_conflict_do_nothing(), rows)
        return expected

    def expected(self, connection: Connection, index_id: int) -> list[Canary]:
        """What `chosen` gives, or would give."""
        found = self.all(connection)
        known = found or [Canary(key=canary_key(text), text=text, own=False) for text in FIXED]
        if any(canary.own for canary in known):
            return known
        keys = {canary.key for canary in known}
        own = [Canary(key=canary_key(text), text=text, own=True) for text in self._own(connection, index_id)]
        # A content may be one of the fixed texts.
        return [*known, *(canary for canary in own if canary.key not in keys)]

    def compare(
        self, connection: Connection, answers: Mapping[str, NDArray[np.float32]], origin: Origin, now: float
    ) -> list[Compared]:
        """Compare what *origin* answered with the references, and set those that are missing.

        If one has drifted, that is recorded, and no reference is set.

        Args:
            connection: A write transaction.
            answers: Unit vectors by the canaries' keys; a canary that is missing or refused is no drift.
            origin: Who answered.
            now: Seconds since 1970.
        """
        compared = [
            Compared(canary=canary, cosine=_cosine(canary.reference, answers[canary.key]))
            for canary in self.all(connection)
            if canary.key in answers
        ]
        if any(each.drifted for each in compared):
            record_drift(connection, self.bound, told(compared, origin), origin, now)
            return compared
        for each in compared:
            if each.cosine is None:
                self._set(
                    connection, each.canary.key, answers[each.canary.key], (origin.provider, origin.lane), now
                )
        return compared

    def inherit(self, connection: Connection, larger: Canaries) -> None:
        """Take heads of the references of a *larger* space, whose vectors are cut for this one.

        So answers are held against what the cut vectors are of. References that are here already stay, and
        have to be the same vectors.

        Args:
            connection: A write transaction.
            larger: The canaries of the space that is cut.

        Raises:
            DriftError: If a reference here is another vector; those of two models would meet.
        """
        known = {canary.key: canary.reference for canary in self.all(connection)}
        taken = [canary for canary in larger.all(connection) if canary.reference is not None]
        heads = {canary.key: head for canary in taken if (head := self._head(canary)) is not None}
        if any(reference is not None for reference in known.values()):
            cosines = [_cosine(known.get(key), head) for key, head in heads.items()]
            worst = min((each for each in cosines if each is not None), default=1.0)
            if not worst >= THRESHOLD:
                message = (
                    f"canaries that are cut from {larger.bound.space} are not those of {self.bound.space} "
                    f"(cosine {worst:.4f}, below {THRESHOLD})"
                )
                raise drift_error(connection, self.bound, message)
            return
        for canary in taken:
            if canary.key not in heads or canary.lane is None or canary.at is None:
                continue
            row = {"space_id": self.bound.id, "key": canary.key, "text": canary.text, "own": canary.own}
            connection.execute(upsert(connection, canaries).on_conflict_do_nothing(), row)
            self._set(connection, canary.key, heads[canary.key], (canary.provider, canary.lane), canary.at)

    def _head(self, canary: Canary) -> NDArray[np.float32] | None:
        """The unit head of a reference; None if that has no direction."""
        assert canary.reference is not None
        head = canary.reference[: self.bound.space.dimensions].astype(np.float64)
        length = np.linalg.norm(head)
        return (head / length).astype(np.float32) if length > 0 else None

    def _set(
        self,
        connection: Connection,
        key: str,
        vector: NDArray[np.float32],
        origin: tuple[str, Lane],
        now: float,
    ) -> None:
        provider, lane = origin
        connection.execute(
            update(canaries)
            .where(canaries.c.space_id == self.bound.id, canaries.c.key == key)
            .values(
                vector=vector.astype(_STORED, copy=False).tobytes(),
                provider=provider,
                lane=lane.value,
                at=now,
            )
        )

    def _own(self, connection: Connection, index_id: int) -> Sequence[str]:
        """The heads of the index's first contents, by their hashes."""
        first = (
            select(items.c.content_hash)
            .where(items.c.index_id == index_id)
            .distinct()
            .order_by(items.c.content_hash)
            .limit(OWN)
            .subquery()
        )
        head = func.substr(contents.c.text, 1, _OWN_LENGTH)
        found = connection.scalars(select(head).join(first, first.c.content_hash == contents.c.hash))
        return sorted({text for text in found if text.strip()})


def canary_key(text: str) -> str:
    """What the row of the canary *text* is called in jobs."""
    return _PREFIX + content_hash(text)


def told(compared: Sequence[Compared], origin: Origin) -> str:
    """What has drifted, in words."""
    bad = [each for each in compared if each.drifted]
    worst = min(bad, key=lambda each: each.cosine if each.cosine is not None else 1.0)
    lane, canary = f"the {origin.lane} lane of {origin.provider}", worst.canary
    return (
        f"{lane} answers {len(bad)} of {len(compared)} canaries with other vectors than the {canary.lane} "
        f"lane of {canary.provider} did (cosine {worst.cosine:.4f}, below {THRESHOLD})"
    )


def _cosine(reference: NDArray[np.float32] | None, answer: NDArray[np.float32]) -> float | None:
    return None if reference is None else float(reference @ answer)


def _canary(values: RowMapping) -> Canary:
    vector = values["vector"]
    return Canary(
        key=values["key"],
        text=values["text"],
        own=bool(values["own"]),
        reference=None if vector is None else np.frombuffer(vector, dtype=_STORED),
        provider=values["provider"] or "",
        lane=Lane(values["lane"]) if values["lane"] else None,
        at=values["at"],
    )
