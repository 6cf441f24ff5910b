"""What canaries add to what is sent: once to a run of the sync lane, and once to each job."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from embedlane.jobs.planning import DEFAULT_ROWS
from embedlane.vectors.canaries import Canaries
from embedlane.workspace.lanes import lower

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection

    from embedlane.indexes.binding import IndexRecord
    from embedlane.providers.values import BatchLimits
    from embedlane.vectors.canaries import Canary
    from embedlane.vectors.meter import Meter
    from embedlane.workspace.lanes import Lanes

#: Bytes that a job must take, so that canaries, a few thousand characters, do not crowd out its rows.
_ROOM = 1 << 20


@attrs.frozen(kw_only=True)
class Carried:
    """The canaries that go with each sending of contents."""

    #: The canaries; none where they are switched off, or a job has no room for them.
    canaries: Sequence[Canary] = ()
    #: The most contents in one sending; None for any number.
    rows: int | None = None

    @classmethod
    def in_jobs(cls, canaries: Sequence[Canary], theirs: BatchLimits, ours: BatchLimits) -> Carried:
        """Make room in jobs: the user's limit is on contents, the provider's is on all rows.

        Args:
            canaries: Those of the space.
            theirs: What the provider takes.
            ours: The same, or what the user allows where that is less.
        """
        small = theirs.size is not None and theirs.size < _ROOM
        if small or (theirs.rows is not None and theirs.rows <= len(canaries)):
            canaries = ()
        room = None if theirs.rows is None else theirs.rows - len(canaries)
        return cls(canaries=canaries, rows=lower(ours.rows, room) or DEFAULT_ROWS)

    def sizes(self, meter: Meter) -> list[tuple[str, int]]:
        """The keys of the canaries, and the tokens that each is planned at."""
        return [(canary.key, meter.by_rule(len(canary.text))) for canary in self.canaries]

    def besides(self, meter: Meter) -> Callable[[int], int]:
        """What says how many tokens the canaries have that go with so many contents."""
        each = sum(tokens for _, tokens in self.sizes(meter))
        return lambda rows: each * (-(-rows // self.rows) if self.rows else min(rows, 1))


def expected_canaries(connection: Connection, record: IndexRecord, lanes: Lanes) -> Sequence[Canary]:
    """The canaries that would be carried now; chooses none for good."""
    return Canaries(record.bound).expected(connection, record.id) if lanes.config.canaries else ()
