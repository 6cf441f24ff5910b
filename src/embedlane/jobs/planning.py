"""Cutting pending rows into jobs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

import attrs

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

    def sizes(
        self, connection: Connection, now: float, limit: int, after: str = ""
    ) -> Sequence[tuple[str, int]]:
        """Up to *limit* keys above *after*, in their order, with the characters in their texts."""
        ...


@attrs.frozen(kw_only=True)
class JobSize:
    """How large a job may be."""

    #: Rows; None for `DEFAULT_ROWS`.
    rows: int | None = None
    #: Estimated tokens; None for any number.
    tokens: int | None = None
    #: Characters in a token, for the estimate.
    characters_per_token: float = 4.0

    def cut(self, sizes: Sequence[tuple[str, int]]) -> tuple[list[str], int]:
        """The keys from the start of *sizes* that fit into one job, at least one, and their tokens."""
        keys: list[str] = []
        total = 0
        for key, characters in sizes:
            tokens = math.ceil(characters / self.characters_per_token)
            if keys and self.tokens is not None and total + tokens > self.tokens:
                break
            keys.append(key)
            total += tokens
        return keys, total


def plan_jobs(
    ledger: Ledger,
    book: JobBook,
    pending: PendingRows,
    space_id: int,
    provider: str,
    *,
    size: JobSize,
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
        size: How large a job may be. Where one has expired, the next are half as large.
        limit: The most rows in all; None for all there are.
    """
    planned: list[Job] = []
    after, left = "", limit
    while left is None or left > 0:
        with ledger.write() as connection:
            fitting = book.fitting_rows(connection, space_id, provider)
            most = min(rows for rows in (size.rows or DEFAULT_ROWS, left, fitting) if rows is not None)
            sizes = pending.sizes(connection, book.clock(), most, after)
            if not sizes:
                break
            keys, tokens = size.cut(sizes)
            planned.append(book.enter(connection, space_id, provider, keys, tokens))
        after = keys[-1]
        left = None if left is None else left - len(keys)
    return planned
