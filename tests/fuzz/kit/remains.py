"""What a run has left behind: in the ledger, in the folder, at the provider, on the bill."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any, Self

import attrs

if TYPE_CHECKING:
    from pathlib import Path

    from dialects import Dialect

    from embedlane_emulator.bill import Charge
    from embedlane_emulator.emulator import Emulator


@attrs.frozen(kw_only=True)
class Remains:
    """All of it, read once the last process has ended."""

    #: The jobs' rows in the ledger.
    jobs: tuple[Mapping[str, Any], ...]
    #: For each tag, how many rows came to what.
    verdicts: Mapping[str, Counter[str]]
    #: For each tag, what is told of the job.
    stories: Mapping[str, str]
    #: For each tag, rows and tokens that the ledger says were billed.
    billed: Mapping[str, tuple[int, int]]
    #: Vectors by content hash, or responses by key.
    vectors: Mapping[str, bytes | str]
    #: Files in the folders of batch files and of the provider.
    files: tuple[str, ...]
    #: What the service charges for jobs.
    charges: tuple[Charge, ...]
    #: States of the jobs that the service still shows, by their names.
    remote_jobs: Mapping[str, str]
    #: What we called the files that the service still has of us.
    remote_files: tuple[str, ...]
    #: How often faults struck.
    struck: int

    @classmethod
    def of(cls, folder: Path, dialect: Dialect, emulator: Emulator[Any]) -> Self:
        """Read all of it."""
        struck = sum(fault["fired"] for fault in emulator.faults.as_json())
        charges = tuple(emulator.bill.charges("batch"))
        jobs, store, now = emulator._service.jobs, emulator._core.store, emulator.clock.now()
        kind, field = dialect.files
        results = ("GENERATED", "batch_output")
        ours = [doc for doc in store.oldest(kind) if doc.get("source", doc.get("purpose")) not in results]
        with closing(sqlite3.connect(folder / ".embedlane" / "lane.db")) as connection:
            connection.row_factory = sqlite3.Row
            return cls(
                **_ledger(connection),
                files=_files(folder / ".embedlane"),
                charges=charges,
                remote_jobs={job.id: str(job.state(now)) for job in jobs.all() if not job.deleted},
                remote_files=tuple(doc[field].removesuffix(".jsonl") for doc in ours),
                struck=struck,
            )


def _ledger(connection: sqlite3.Connection) -> dict[str, Any]:
    jobs = tuple(dict(row) for row in connection.execute("SELECT * FROM jobs ORDER BY id"))
    verdicts: dict[str, Counter[str]] = {job["tag"]: Counter() for job in jobs}
    stories: dict[str, list[str]] = {job["tag"]: [] for job in jobs}
    query = "SELECT tag, verdict FROM job_rows JOIN jobs ON jobs.id = job_id"
    for tag, verdict in connection.execute(query):
        verdicts[tag][verdict] += 1
    query = "SELECT tag, event, detail FROM job_events JOIN jobs ON jobs.id = job_id ORDER BY job_events.id"
    for tag, event, detail in connection.execute(query):
        stories[tag].append(f"{event}: {detail}")
    query = "SELECT run, rows, measured_tokens + estimated_tokens AS tokens FROM charges WHERE rows OR tokens"
    billed = {row["run"]: (row["rows"], row["tokens"]) for row in connection.execute(query)}
    vectors = connection.execute(
        "SELECT content_hash, vector FROM vectors "
        "UNION ALL SELECT key, response FROM requests WHERE response IS NOT NULL"
    ).fetchall()
    return {
        "jobs": jobs,
        "verdicts": verdicts,
        "billed": billed,
        "stories": {tag: "\n".join(lines) for tag, lines in stories.items()},
        "vectors": {row["content_hash"]: row["vector"] for row in vectors},
    }


def _files(place: Path) -> tuple[str, ...]:
    found = [path for name in ("jobs", "providers") for path in (place / name).rglob("*") if path.is_file()]
    return tuple(str(path.relative_to(place)) for path in found)
