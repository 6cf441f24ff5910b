"""Queries from the corpus itself, where nobody has written any: titles, headings, first sentences.

Theory of operation. A title is a question that its document answers. It would be no test, though, to ask for
an item that holds the query's very words. So one rule stands above all three methods: items that contain the
query word by word are taken out of its ranking, and what is left of the same document counts as relevant. A
query that leaves nothing is not used. Nothing has to be embedded for that but the queries.
"""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

import attrs

from embedlane.evaluation.queries import Query, QuerySet

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: A method that gives so many queries is good enough; else the next one is tried.
ENOUGH = 50
#: Words of a query: fewer say too little, more are cut off.
_WORDS = (3, 40)
_HEADING = re.compile(r"^#{1,6}[ \t]+(.+?)[ \t]*#*$", re.MULTILINE)
_SENTENCE = re.compile(r"(.+?[.!?])(?:\s|$)", re.DOTALL)
_LEFT = "items that hold its words are taken out, the rest of the document is relevant"


@attrs.frozen(kw_only=True)
class Passage:
    """An item with its text."""

    #: Its id.
    id: str
    #: The document it was cut from.
    document: str
    #: Its text.
    text: str
    #: Its metadata.
    metadata: Mapping[str, object]


def derive_queries(passages: Iterable[Passage], count: int, seed: int) -> QuerySet:
    """Make up to *count* queries from *passages*: from titles, else headings, else first sentences.

    Args:
        passages: All items of the documents to look at.
        count: The most queries.
        seed: Chooses among more.
    """
    documents: dict[str, list[Passage]] = defaultdict(list)
    for passage in passages:
        documents[passage.document].append(passage)
    best = QuerySet(queries=(), method="derived, but nothing was found")
    for name, texts_of in _METHODS.items():
        found = list(_queries(documents, texts_of))
        random.Random(seed).shuffle(found)  # noqa: S311 - a sample that can be drawn again
        if len(found) > len(best.queries):
            chosen = sorted(found[:count], key=lambda query: query.id)
            best = QuerySet(queries=tuple(chosen), method=f"derived from {name}; {_LEFT}")
        if len(found) >= min(ENOUGH, count):
            break
    return best


def _queries(
    documents: Mapping[str, Sequence[Passage]], texts_of: Callable[[Passage], Iterator[str]]
) -> Iterator[Query]:
    for passages in documents.values():
        told = [_normal(passage.text) for passage in passages]
        candidates = [(passage.id, _shortened(text)) for passage in passages for text in texts_of(passage)]
        times = Counter(text for _, text in candidates)
        for place, text in candidates:
            if len(text.split()) < _WORDS[0] or times[text] == 0:
                continue
            times[text] = 0  # the first item that has it names it
            needle = _normal(text)
            held = {passage.id for passage, words in zip(passages, told, strict=True) if needle in words}
            relevant = {passage.id: 1 for passage in passages if passage.id not in held}
            if relevant:
                yield Query(id=place, text=text, relevant=relevant, excluded=frozenset(held))


def _titles(passage: Passage) -> Iterator[str]:
    for key in ("title", "heading", "subject"):
        value = passage.metadata.get(key)
        if isinstance(value, str) and value.strip():
            yield value


def _headings(passage: Passage) -> Iterator[str]:
    found = _HEADING.search(passage.text)
    if found:
        yield found[1]


def _first_sentences(passage: Passage) -> Iterator[str]:
    found = _SENTENCE.match(_HEADING.sub("", passage.text).strip())
    if found:
        yield found[1]


_METHODS: Mapping[str, Callable[[Passage], Iterator[str]]] = {
    "titles": _titles,
    "headings": _headings,
    "first sentences": _first_sentences,
}


def _shortened(text: str) -> str:
    return " ".join(text.split()[: _WORDS[1]])


def _normal(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))
