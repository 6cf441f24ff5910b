"""Claims: who may send what."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from sqlalchemy import select

from embedlane.ledger.schema import claims
from embedlane.ledger.workers import this_machine
from embedlane.vectors.claims import LEASE, Claims
from embedlane.vectors.pending import Pending


@pytest.fixture
def record(fill):
    """An index with two pending contents."""
    return fill(["a", "b"])


def _held(connection):
    return {row.content_hash: row.owner for row in connection.execute(select(claims))}


def test_a_claimed_content_is_not_pending_until_the_lease_ends(ledger, record):
    """A claim keeps its contents from every other run for the time of a lease."""
    pending = Pending(record.id, record.bound.id)
    with ledger.write() as connection:
        mine, others = pending.hashes(connection, 0.0, 1), pending.hashes(connection, 0.0, 9)[1:]
        Claims(record.bound.id).take(connection, mine, 0.0)
        assert pending.hashes(connection, LEASE - 1, 9) == others
        assert pending.hashes(connection, LEASE, 9) == mine + others


def test_renewing_starts_another_lease(ledger, record):
    """Claims of a run that works on do not end; those of other runs are not touched."""
    mine, other = Claims(record.bound.id), Claims(record.bound.id)
    with ledger.write() as connection:
        mine.take(connection, ["a"], 0.0)
        other.take(connection, ["b"], 0.0)
        mine.renew(connection, 500.0)
        ends = {row.content_hash: row.expires_at for row in connection.execute(select(claims))}
    assert ends == {"a": 500.0 + LEASE, "b": LEASE}


def test_an_expired_claim_can_be_taken_over(ledger, record):
    """Who finds a content pending gets it, whoever claimed it before."""
    first, second = Claims(record.bound.id), Claims(record.bound.id)
    with ledger.write() as connection:
        first.take(connection, ["a"], 0.0)
        second.take(connection, ["a"], LEASE)
        first.release(connection)
        assert _held(connection) == {"a": second.owner}
        second.release(connection)
        assert _held(connection) == {}
        second.take(connection, [], 0.0)


def test_claims_of_a_dead_process_are_reaped(ledger, record):
    """A process of this machine that is gone holds nothing; living ones and other machines keep theirs."""
    gone = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True
    )
    owners = {
        "dead": f"{this_machine()}/{int(gone.stdout)}/1",
        "alive": f"{this_machine()}/{os.getppid()}/1",
        "elsewhere": f"{this_machine()}.elsewhere/{int(gone.stdout)}/1",
    }
    with ledger.write() as connection:
        for content, owner in owners.items():
            Claims(record.bound.id, owner).take(connection, [content], 0.0)
        reaper = Claims(record.bound.id)
        reaper.take(connection, ["mine"], 0.0)
        assert reaper.reap(connection) == 1
        assert set(_held(connection)) == {"alive", "elsewhere", "mine"}
        assert reaper.reap(connection) == 0


def test_a_process_of_another_user_is_alive(ledger, record):
    """Process 1 is never ours to signal, or is; either way it is there."""
    with ledger.write() as connection:
        Claims(record.bound.id, f"{this_machine()}/1/x").take(connection, ["a"], 0.0)
        assert Claims(record.bound.id).reap(connection) == 0
