"""Cutting pending rows into jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from embedlane.jobs.book import JobBook
    from embedlane.jobs.job import Job
    from embedlane.ledger.database import Ledger

#: Rows in a job where neither the provider nor the user sets a limit: a failed job of this size is cheap
#: to repeat, and early results come early.
DEFAULT_ROWS = 50_000


class PendingRows(Protocol):
    """Finds keys of rows that are to be sent."""

    def hashes(self, connection: Connection, now: float, limit: int, after: str = "") -> Sequence[str]:
        """Up to *limit* keys above *after*, in their order."""
        ...


def plan_jobs(
    ledger: Ledger,
    book: JobBook,
    pending: PendingRows,
    space_id: int,
    provider: str,
    *,
    rows_per_job: int | None,
    limit: int | None = None,
) -> list[Job]:
    """Enter planned jobs until nothing is pending, or *limit* rows are planned.

    Finding the rows and putting them in flight is one transaction for each job, so that no row is in two.

    Args:
        ledger: Where jobs are kept.
        book: Enters them.
        pending: Finds the rows.
        space_id: The space they are for.
        provider: The provider that will get them.
        rows_per_job: The most rows in a job; None for `DEFAULT_ROWS`.
        limit: The most rows in all; None for all there are.
    """
    planned: list[Job] = []
    after, left, most = "", limit, rows_per_job or DEFAULT_ROWS
    while left is None or left > 0:
        with ledger.write() as connection:
            keys = pending.hashes(connection, book.clock(), most if left is None else min(left, most), after)
            if not keys:
                break
            planned.append(book.enter(connection, space_id, provider, keys))
        after = keys[-1]
        left = None if left is None else left - len(keys)
    return planned
