"""What was asked of a model before, in any job set: a request is known again by its key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
from sqlalchemy import select

from embedlane.generation.sets import FINAL
from embedlane.ledger.dialects import among
from embedlane.ledger.schema import jobsets, requests

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection


@attrs.frozen(kw_only=True)
class Asked:
    """A request that was given before."""

    #: The number of the job set that it is in.
    jobset_id: int
    #: The provider whose API it is for.
    provider: str
    #: The response as JSON; None if there is none.
    response: str | None
    #: Whether it is sent no more although there is none.
    refused: bool


def asked_before(connection: Connection, model: str, keys: Iterable[str]) -> dict[str, Asked]:
    """Which of *keys* were asked of *model*, and what came of it: an answer, where any set has one."""
    query = (
        select(
            requests.c.key,
            requests.c.jobset_id,
            requests.c.response,
            FINAL.label("final"),
            jobsets.c.provider,
        )
        .join(jobsets, jobsets.c.id == requests.c.jobset_id)
        .where(among(requests.c.key, keys), jobsets.c.model == model)
        .order_by(requests.c.response.is_not(None), requests.c.jobset_id)
    )
    # Of several the last one stays.
    return {
        row.key: Asked(
            jobset_id=row.jobset_id,
            provider=row.provider,
            response=row.response,
            refused=row.response is None and bool(row.final),
        )
        for row in connection.execute(query)
    }
