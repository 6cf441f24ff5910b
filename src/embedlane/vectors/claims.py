"""Claims: contents that a process is about to send through the sync lane.

A claim is written before the content is sent, so that two processes on one ledger never pay for it twice.
It ends with the vector, with the process that owns it, or by its deadline.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
from sqlalchemy import delete, select, update

from embedlane.ledger.dialects import among, upsert
from embedlane.ledger.schema import claims
from embedlane.ledger.workers import is_dead, new_worker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

#: Seconds after which a claim is void even if its owner can't be asked, as on another machine. Longer than
#: the longest request with all its retries; a run that works on renews its claims.
LEASE = 900.0


@attrs.frozen
class Claims:
    """The claims of one run in one space."""

    #: The space's number in the ledger.
    space_id: int
    #: The run: machine, process, and a name of its own.
    owner: str = attrs.field(factory=new_worker)

    def take(self, connection: Connection, hashes: Sequence[str], now: float) -> None:
        """Claim *hashes*, which the same transaction found to be pending."""
        if not hashes:
            return
        statement = upsert(connection, claims)
        statement = statement.on_conflict_do_update(
            index_elements=["space_id", "content_hash"],
            set_={"owner": statement.excluded.owner, "expires_at": statement.excluded.expires_at},
        )
        connection.execute(
            statement,
            [
                {
                    "space_id": self.space_id,
                    "content_hash": content,
                    "owner": self.owner,
                    "expires_at": now + LEASE,
                }
                for content in hashes
            ],
        )

    def held(self, connection: Connection, hashes: Sequence[str]) -> bool:
        """Whether any of *hashes* is claimed by this run."""
        query = select(claims.c.content_hash).where(
            claims.c.space_id == self.space_id,
            claims.c.owner == self.owner,
            among(claims.c.content_hash, hashes),
        )
        return connection.scalar(query.limit(1)) is not None

    def renew(self, connection: Connection, now: float) -> None:
        """Let all claims of this run last for another lease."""
        connection.execute(update(claims).where(claims.c.owner == self.owner).values(expires_at=now + LEASE))

    def release(self, connection: Connection) -> None:
        """Give up all claims of this run."""
        connection.execute(delete(claims).where(claims.c.owner == self.owner))

    def reap(self, connection: Connection) -> int:
        """Void the claims of runs on this machine whose process is gone; return how many there were."""
        owners = connection.scalars(select(claims.c.owner).distinct()).all()
        dead = [owner for owner in owners if owner != self.owner and is_dead(owner)]
        return connection.execute(delete(claims).where(among(claims.c.owner, dead))).rowcount if dead else 0
