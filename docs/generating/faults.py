"""What comes of faults: the record of tests/faults, as tables."""

from __future__ import annotations

import json
from collections import Counter
from functools import cache, partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from generating.code import table_of

_RECORD = Path(__file__).parents[2] / "tests" / "faults" / "outcomes.json"
_SERVICES = MappingProxyType(
    {"gemini": "Gemini", "openai": "OpenAI", "gemini-generating": "Gemini, generating"}
)
#: Kinds by which vectors are stored that nobody can tell from right ones.
_UNSEEN = "drift"


@cache
def _record() -> dict[str, Any]:
    record: dict[str, Any] = json.loads(_RECORD.read_text(encoding="utf-8"))
    return record


def lane(name: str) -> str:
    """A table for each service of every fault alone in the lane *name*."""
    parts = []
    for service, results in _record()["singles"].items():
        rows = [_row(each) for each in results.values() if each["lane"] == name]
        if rows:
            parts.append(f"### {_SERVICES[service]}, {name} lane\n\n{table_of(_HEADS[name], rows)}")
    return "\n\n".join(parts)


batch, sync = partial(lane, "batch"), partial(lane, "sync")

_HEADS = MappingProxyType(
    {
        "batch": ("fault", "strikes", "outcome", "rows", "jobs", "creates", "billed", "what is said"),
        "sync": ("fault", "strikes", "outcome", "rows", "calls billed", "billed", "what is said"),
    }
)


def _row(result: dict[str, Any]) -> tuple[str, ...]:
    counts = ("stored", "refused", "in_flight", "pending")
    rows = ", ".join(f"{result[name]} {name.replace('_', ' ')}" for name in counts if result[name])
    creates = str(result["charges"])
    if result["most_per_tag"] > 1:
        creates += f", {result['most_per_tag']} under one tag"
    jobs = (_jobs(result["jobs"]),) if result["lane"] == "batch" else ()
    said = f"{result['status']}: {_plain(result['said'])}" if result["status"] else "0"
    return (
        result["fault"],
        result["when"],
        f"**{result['fate']}**",
        rows,
        *jobs,
        creates,
        str(result["billed"]),
        said,
    )


def _jobs(jobs: list[str]) -> str:
    """The jobs, those that are alike together."""
    told = Counter(jobs)
    return "<br>".join(_plain(f"{count} × {job}" if count > 1 else job) for job, count in told.items())


def _plain(text: str) -> str:
    return text.replace("<", "&lt;").replace("*", "\\*")


def pairs() -> str:
    """How pairs of faults ended, and those that are worth a remark."""
    services = _record()["pairs"]
    head = (
        "service",
        "pairs",
        "complete under both faults",
        "complete only without them",
        "drift not noticed",
    )
    rows = [(_SERVICES[service], *map(str, _counts(results))) for service, results in services.items()]
    remarks = [remark for service, results in services.items() for remark in _remarks(service, results)]
    listed = "\n".join(f"- {remark}" for remark in remarks) or _NOTHING
    return f"{table_of(head, rows)}\n\n{listed}"


_NOTHING = "No pair made a second job under a tag, had a row refused for good, or left one in flight."


def _counts(results: dict[str, list[Any]]) -> tuple[int, int, int, int]:
    fates = Counter(fate for fate, _ in results.values())
    complete, unseen = fates["unharmed"] + fates["overcome"], fates["not noticed"]
    return len(results), complete, len(results) - complete - unseen, unseen


def _remarks(service: str, results: dict[str, list[Any]]) -> list[str]:
    groups = {
        "two jobs under one tag": [name for name, (_, most) in results.items() if most > 1],
        "wrong vectors without drift": [
            name
            for name, (fate, _) in results.items()
            if fate == "not noticed" and _UNSEEN not in name.split(" + ")
        ],
        "refused for good": [name for name, (fate, _) in results.items() if fate == "refused"],
        "in flight after three days": [name for name, (fate, _) in results.items() if fate == "waiting"],
    }
    return [
        f"{_SERVICES[service]}, {title}: {', '.join(f'`{name}`' for name in names)}."
        for title, names in groups.items()
        if names
    ]
