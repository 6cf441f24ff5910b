"""The tables of the ledger, as SQLAlchemy Core.

What belongs together: generations bind indexes to spaces; items map to contents, and to what models made of
them; vectors are keyed by space and content hash; refusals and claims keep content from being sent; canaries
tell whether a model still answers as it did, drifts that one does not; jobs, their rows and their events are
the batch lane; job sets hold requests to be generated for and their responses; charges are the bill.

There is no column that says "pending". Pending is wanted (an item has the content) minus stored (a vector),
in flight (an open row or a live claim) and refused for good.
"""

from __future__ import annotations

from embedlane.ledger.tables.indexes import (
    contents,
    generations,
    imports,
    indexes,
    item_variants,
    items,
    spaces,
)
from embedlane.ledger.tables.jobs import charges, job_events, job_rows, jobs, jobsets, requests
from embedlane.ledger.tables.metadata import metadata
from embedlane.ledger.tables.vectors import canaries, claims, drifts, refusal_events, refusals, vectors

__all__ = [
    "HEAD",
    "VERSION_TABLE",
    "canaries",
    "charges",
    "claims",
    "contents",
    "drifts",
    "generations",
    "imports",
    "indexes",
    "item_variants",
    "items",
    "job_events",
    "job_rows",
    "jobs",
    "jobsets",
    "metadata",
    "refusal_events",
    "refusals",
    "requests",
    "spaces",
    "vectors",
]

#: The migration that the code is written for; a test compares it with Alembic's head.
HEAD = "0001"
#: Where Alembic notes it. Not under its own name: on a server others may use Alembic beside us.
VERSION_TABLE = "embedlane_version"
