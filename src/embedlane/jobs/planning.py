"""Cutting pending rows into jobs."""

from __future__ import annotations

from itertools import accumulate, takewhile
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
        """Up to *limit* keys above *after*, in their order, with the tokens they are planned at."""
        ...


@attrs.frozen(kw_only=True)
class JobSize:
    """How large jobs may be."""

    #: Rows of a job; None for `DEFAULT_ROWS`.
    rows: int | None = None
    #: Planned tokens of a job; None for any number.
    tokens: int | None = None
    #: Planned tokens of all jobs together; None for any number.
    in_all: int | None = None
    #: Keys of rows that each job carries besides, with the tokens they are planned at.
    canaries: Sequence[tuple[str, int]] = ()

    def cut(self, sizes: Sequence[tuple[str, int]], spent: int = 0) -> Sequence[tuple[str, int]]:
        """The head of *sizes* that fits into a job: at least one, unless all jobs would be too large.

        Args:
            sizes: Keys with the tokens they are planned at.
            spent: Tokens in the jobs before.
        """
        canaries = sum(tokens for _, tokens in self.canaries)
        fitting = _head(sizes, None if self.tokens is None else self.tokens - canaries) or sizes[:1]
        return _head(fitting, None if self.in_all is None else self.in_all - spent - canaries)


def _head(sizes: Sequence[tuple[str, int]], most: int | None) -> Sequence[tuple[str, int]]:
    """The longest head of *sizes* that has at most *most* tokens."""
    if most is None:
        return sizes
    totals = accumulate(tokens for _, tokens in sizes)
    return sizes[: sum(1 for _ in takewhile(lambda total: total <= most, totals))]


def plan_jobs(  # noqa: PLR0913 - what a job is entered with, and how large
    ledger: Ledger,
    book: JobBook,
    pending: PendingRows,
    space_id: int | None,
    provider: str,
    *,
    size: JobSize,
    limit: int | None = None,
    account: str = "",
    jobset_id: int | None = None,
) -> list[Job]:
    """Enter planned jobs until nothing is pending, or all that is allowed is planned.

    Finding the rows and putting them in flight is one transaction for each job, so that no row is in two.

    Args:
        ledger: Where jobs are kept.
        book: Enters them.
        pending: Finds the rows.
        space_id: The space that their vectors are for; None for jobs that generate.
        provider: The provider that will get them.
        size: How large jobs may be. Where one has expired, the next are half as large.
        limit: The most rows in all; None for all there are.
        account: Whose bill they are on.
        jobset_id: The job set that their responses are for; None for jobs that embed.
    """
    planned: list[Job] = []
    after, left = "", limit
    while left is None or left > 0:
        with ledger.write() as connection:
            fitting = book.fitting_rows(connection, space_id, provider, jobset_id)
            most = min(rows for rows in (size.rows or DEFAULT_ROWS, left, fitting) if rows is not None)
            sizes = pending.sizes(connection, book.clock(), most, after)
            spent = sum(job.estimated_tokens for job in planned)
            rows = size.cut(sizes, spent)
            if not rows:
                break
            keys, tokens = zip(*rows, strict=True)
            planned.append(
                book.enter(connection, space_id, provider, keys, tokens, account, size.canaries, jobset_id)
            )
        after = keys[-1]
        left = None if left is None else left - len(keys)
    return planned
