"""What candidates are tried on: the queries, the items that are ranked, and what to know of both."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from embedlane.errors import InputError, UsageError
from embedlane.evaluation.deriving import Passage, derive_queries
from embedlane.evaluation.queries import Query, QuerySet, read_queries
from embedlane.indexes.corpus import read_corpus, read_texts
from embedlane.vectors.pending import Part

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import Connection

    from embedlane.indexes.binding import IndexRecord
    from embedlane.indexes.corpus import CorpusItem

#: Queries that are derived where none are given.
DERIVED = 100
#: Documents that are read for them.
_DOCUMENTS = 1000
#: Fewer queries than these tell little.
_FEW = 50


@attrs.frozen(kw_only=True, eq=False)
class Trial:
    """A corpus and queries, the same for all candidates."""

    #: All items of the index.
    corpus: Sequence[CorpusItem]
    #: The items to rank, in the order of their ids.
    items: Sequence[CorpusItem]
    #: The queries that can be judged.
    queries: Sequence[Query]
    #: Where the queries come from.
    method: str
    #: What to know before the figures are believed.
    notes: tuple[str, ...]

    @property
    def contents(self) -> tuple[str, ...]:
        """The distinct contents of the items."""
        return tuple(dict.fromkeys(item.content for item in self.items))

    @property
    def total(self) -> int:
        """Number of items of the index."""
        return len(self.corpus)

    @property
    def part(self) -> Part | None:
        """The part of the index to embed; None for all of it."""
        if len(self.items) == self.total:
            return None
        wanted = set(self.contents)
        others = tuple({item.content for item in self.corpus} - wanted)
        return Part(others, without=True) if len(others) < len(wanted) else Part(self.contents)

    def without(self, missing: Collection[str], model: str, name: str) -> Trial:
        """The trial without some contents, and without queries that then have nothing to find.

        Args:
            missing: Hashes of contents.
            model: Who can't take them, and why.
            name: The index.

        Raises:
            InputError: If no query is left.
        """
        items = [item for item in self.items if item.content not in missing]
        left_out = len(self.items) - len(items)
        if not left_out:
            return self
        kept = {item.id for item in items}
        queries = [query for query in self.queries if _has_relevant(query, kept)]
        if not queries:
            raise InputError(
                f"All that is relevant in index '{name}' is too long for {model}.",
                "Make an index for that model, which cuts texts to its size, and compare on that one.",
            )
        note = f"{left_out:,} of {len(self.items):,} items are left out: they are too long for {model}."
        if len(queries) < len(self.queries):
            note += f" So are queries that ask for nothing else: {len(self.queries) - len(queries)}."
        return attrs.evolve(self, items=items, queries=queries, notes=(*self.notes, note))


def prepare(
    connection: Connection,
    record: IndexRecord,
    queries: str | Path | QuerySet | None,
    qrels: str | Path | None,
    sample: int | None,
    seed: int,
) -> Trial:
    """Find out what candidates for an index are tried on.

    Args:
        connection: A transaction.
        record: The index.
        queries: A file or queries; None to derive them from the corpus.
        qrels: Judgments for a file of queries that has none.
        sample: How many items to rank; None for all.
        seed: Chooses the sample, and among derived queries.

    Raises:
        InputError: If queries can't be read, can't be derived, or none has a relevant item in the index.
        UsageError: If the index is empty, or there are judgments and no queries.
    """
    corpus = read_corpus(connection, record.id, record.variant)
    if not corpus:
        raise UsageError(f"Index '{record.name}' has no items.", f"`embedlane add {record.name} PATH` adds.")
    if isinstance(queries, QuerySet):
        found = queries
    elif queries is not None:
        found = read_queries(Path(queries), None if qrels is None else Path(qrels))
    elif qrels is not None:
        raise UsageError("There are judgments, but no queries.", "Add --queries FILE.")
    else:
        found = _derived(connection, record, corpus, seed)
    judged, notes = _judged(found, corpus, record.name)
    ranked = corpus if sample is None else _sampled(corpus, judged, sample, seed)
    if len(ranked) < len(corpus):
        notes.append(
            f"{len(ranked):,} of {len(corpus):,} items were ranked: all that are relevant to a query, and a "
            f"sample with seed {seed}. Fewer items are easier to rank: compare candidates, not with figures "
            "of the whole."
        )
    return Trial(corpus=corpus, items=ranked, queries=judged, method=found.method, notes=tuple(notes))


def _derived(
    connection: Connection, record: IndexRecord, corpus: Sequence[CorpusItem], seed: int
) -> QuerySet:
    documents = sorted({item.document for item in corpus})
    if len(documents) > _DOCUMENTS:
        documents = random.Random(seed).sample(documents, _DOCUMENTS)  # noqa: S311 - can be drawn again
    found = derive_queries(
        (
            Passage(id=item, document=document, text=text, metadata=metadata)
            for item, document, text, metadata in read_texts(connection, record.id, documents)
        ),
        DERIVED,
        seed,
    )
    if not found.queries:
        raise InputError(
            f"No queries can be derived from index '{record.name}': no document has a title, a heading or a "
            "first sentence, and text beside it that does not hold the same words.",
            "Write some queries with the ids of what they should find: --queries FILE, lines of "
            '{"id": "q1", "text": "…", "relevant": ["item"]}.',
        )
    return found


def _judged(found: QuerySet, corpus: Sequence[CorpusItem], name: str) -> tuple[list[Query], list[str]]:
    """The queries that have a relevant item in the index, and what to say of the others."""
    known = {item.id for item in corpus}
    relevant = {item for query in found.queries for item, grade in query.relevant.items() if grade > 0}
    unknown = sorted(relevant - known)
    judged = [query for query in found.queries if _has_relevant(query, known)]
    if not judged:
        shown = f", such as {unknown[0]!r}" if unknown else ""
        raise InputError(
            f"No query has a relevant item in index '{name}'{shown}.",
            f"Its items have ids such as {corpus[0].id!r}; `embedlane search {name} QUERY` shows more.",
        )
    notes = []
    if unknown:
        notes.append(f"Relevant items that are not in the index: {len(unknown)}, such as {unknown[0]!r}.")
    if len(judged) < len(found.queries):
        left = len(found.queries) - len(judged)
        notes.append(
            f"Queries left out, for they have no relevant item here: {left} of {len(found.queries)}."
        )
    if len(judged) < _FEW:
        notes.append(f"{len(judged)} queries are few: expect wide intervals.")
    return judged, notes


def _has_relevant(query: Query, known: Collection[str]) -> bool:
    return any(grade > 0 and item in known for item, grade in query.relevant.items())


def _sampled(
    corpus: Sequence[CorpusItem], queries: Sequence[Query], size: int, seed: int
) -> Sequence[CorpusItem]:
    """All relevant items, and others up to *size*."""
    if size >= len(corpus):
        return corpus
    wanted = {item for query in queries for item, grade in query.relevant.items() if grade > 0}
    others = [item.id for item in corpus if item.id not in wanted]
    here = sum(item.id in wanted for item in corpus)
    room = min(max(size - here, 0), len(others))
    wanted.update(random.Random(seed).sample(others, room))  # noqa: S311 - can be drawn again
    return [item for item in corpus if item.id in wanted]
