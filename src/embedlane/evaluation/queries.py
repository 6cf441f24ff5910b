"""Queries with relevance, read from files: JSON Lines, or TREC's two files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import orjson

from embedlane.errors import InputError

_FORM = 'A line is {"id": "q1", "text": "…", "relevant": {"item": grade}} or "relevant": ["item", …].'
_QRELS_FORM = "A line of qrels is: query 0 item grade."


@attrs.frozen(kw_only=True)
class Query:
    """A query, and what is relevant to it."""

    #: Its name.
    id: str
    #: Its text.
    text: str
    #: Grades by item id; 0 and below is not relevant.
    relevant: Mapping[str, int]
    #: Ids of items that are taken out of its ranking.
    excluded: frozenset[str] = frozenset()


@attrs.frozen(kw_only=True)
class QuerySet:
    """Queries, and where they come from."""

    #: The queries.
    queries: tuple[Query, ...]
    #: How they were made, as a phrase.
    method: str


def read_queries(path: Path, qrels: Path | None = None) -> QuerySet:
    """Read queries with relevance.

    Args:
        path: JSON Lines; or, beside *qrels*, also lines of id and text with a tab between them.
        qrels: TREC judgments: lines of query, an unused column, item, and grade.

    Raises:
        InputError: If a file or a line can't be read, or there is no query; names the place.
    """
    judged = None if qrels is None else _read_qrels(qrels)
    queries: dict[str, Query] = {}
    for number, line in _lines(path):
        place = f"{path}:{number}"
        query = _json(line, place, judged) if line.startswith("{") else _tabbed(line, place, judged)
        if query.id in queries:
            raise InputError(f"{place}: there is a query '{query.id}' already.", "Give each its own id.")
        queries[query.id] = query
    if not queries:
        raise InputError(f"{path} holds no query.", _FORM)
    origin = f"{path.name}" if qrels is None else f"{path.name} with {qrels.name}"
    return QuerySet(queries=tuple(queries.values()), method=f"read from {origin}")


def _lines(path: Path) -> list[tuple[int, str]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise InputError(f"{path} can't be read: {reason}.", _FORM) from error
    return [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]


def _json(line: str, place: str, judged: Mapping[str, Mapping[str, int]] | None) -> Query:
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise InputError(f"{place}: not JSON: {error}.", _FORM) from error
    name, text = found.get("id"), found.get("text")
    if isinstance(name, int) and not isinstance(name, bool):
        name = str(name)
    if not (isinstance(name, str) and name and isinstance(text, str) and text.strip()):
        raise InputError(f"{place}: 'id' or 'text' is missing or empty.", _FORM)
    relevant = _relevant(found.get("relevant"), place) if judged is None else judged.get(name, {})
    return Query(id=name, text=text, relevant=relevant)


def _relevant(found: Any, place: str) -> dict[str, int]:
    if isinstance(found, list):
        found = dict.fromkeys(map(str, found), 1)
    if not isinstance(found, dict) or not all(
        isinstance(grade, int) and not isinstance(grade, bool) for grade in found.values()
    ):
        raise InputError(f"{place}: 'relevant' is {found!r}.", _FORM)
    return found


def _tabbed(line: str, place: str, judged: Mapping[str, Mapping[str, int]] | None) -> Query:
    name, tab, text = line.strip().partition("\t")
    if judged is None:
        raise InputError(f"{place}: not JSON.", f"{_FORM} For a file of id, tab and text add --qrels FILE.")
    if not tab or not text.strip():
        raise InputError(f"{place}: no tab between the query's id and its text.", _FORM)
    return Query(id=name, text=text.strip(), relevant=judged.get(name, {}))


def _read_qrels(path: Path) -> dict[str, dict[str, int]]:
    judged: dict[str, dict[str, int]] = {}
    for number, line in _lines(path):
        # An item's id may hold blanks: it is what stands between the second column and the last.
        start = line.split(maxsplit=2)
        end = start[2].rsplit(maxsplit=1) if len(start) == 3 else []
        if len(end) != 2 or not end[1].lstrip("-").isdigit():
            raise InputError(f"{path}:{number}: {line.strip()!r} is no judgment.", _QRELS_FORM)
        judged.setdefault(start[0], {})[end[0]] = int(end[1])
    if not judged:
        raise InputError(f"{path} holds no judgment.", _QRELS_FORM)
    return judged
