"""What an enrichment has left to do: which chunks lack what is made of them, and what was asked of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import orjson

from embedlane.generation.answers import Asked, asked_before
from embedlane.indexes.binding import load_index
from embedlane.indexes.variants import Chunk, VariantBook
from embedlane.models.card import Role
from embedlane.text.enrichers import Enricher, Purpose
from embedlane.text.excerpts import Whole, in_order
from embedlane.workspace.enrichers import variant_name
from embedlane.workspace.enrichment_reports import EnrichmentTally

if TYPE_CHECKING:
    from collections.abc import Iterator

    from embedlane.indexes.binding import IndexRecord
    from embedlane.ledger.database import Ledger
    from embedlane.models.card import GenerationCard
    from embedlane.providers.interfaces import RequestForm
    from embedlane.workspace.lanes import Lanes

#: Documents that are looked at together.
_PAGE = 100


@attrs.frozen
class Need:
    """A chunk of which something is to be made."""

    #: The chunk.
    chunk: Chunk
    #: What it is asked with.
    enricher: Enricher
    #: Its document, and which of its chunks it is.
    whole: Whole
    place: int

    @property
    def prompt(self) -> str:
        """What the model is asked. Not kept: it may hold the whole document."""
        around = self.whole.around(self.place, self.enricher.excerpt)
        return self.enricher.ask(around, self.chunk.text)


@attrs.frozen(kw_only=True)
class Needs:
    """What one enricher and one model have left to do for one index."""

    ledger: Ledger
    lanes: Lanes
    #: The index's name.
    index: str
    #: What is asked.
    enricher: Enricher
    #: The model that is asked.
    card: GenerationCard

    def tally(self) -> EnrichmentTally:
        """Count where the chunks stand."""
        record, counts = self.record(), dict.fromkeys(("new", "waiting", "answered", "refused"), 0)
        unusable = 0
        for needs in self.pages(record):
            for need, _, asked in needs:
                state = state_of(asked)
                if state == "answered" and self.made(record, need, asked) is None:
                    unusable += 1
                else:
                    counts[state] += 1
        with self.ledger.read() as connection:
            book = self.book(record)
            made, alone = book.made(connection), 0
            if self.enricher.needs_others:
                alone = book.alone(connection)
        return EnrichmentTally(enriched=made, alone=alone, unusable=unusable, **counts)

    def record(self) -> IndexRecord:
        """The index as it is now.

        Raises:
            UnknownNameError: If there is none.
        """
        with self.ledger.read() as connection:
            return load_index(connection, self.index)

    def book(self, record: IndexRecord) -> VariantBook:
        """What was made of its items so far."""
        return VariantBook(record.id, variant_name(self.enricher, self.card))

    def pages(self, record: IndexRecord) -> Iterator[list[tuple[Need, str, Asked | None]]]:
        """What lacks it, with the keys of the requests, and what was asked of them before."""
        book, after = self.book(record), ""
        while True:
            with self.ledger.read() as connection:
                names = book.lacking(connection, _PAGE, after)
                if not names:
                    return
                documents = book.documents(connection, names)
                needs = [need for document in documents for need in self._needs(record, document)]
                keys = [self.enricher.key(need.prompt) for need in needs]
                asked = asked_before(connection, str(self.card.id), keys)
            yield [(need, key, asked.get(key)) for need, key in zip(needs, keys, strict=True)]
            after = names[-1]

    def _needs(self, record: IndexRecord, document: list[Chunk]) -> list[Need]:
        if len(document) == 1 and self.enricher.needs_others:
            return []
        by_id = {chunk.id: chunk for chunk in document}
        chunks = [by_id[name] for name in in_order(by_id)]
        overlapping = bool(record.settings.chunks.overlap)
        whole = Whole.of([chunk.text for chunk in chunks], overlapping=overlapping)
        return [
            Need(chunk, self.enricher, whole, place) for place, chunk in enumerate(chunks) if chunk.lacking
        ]

    def made(self, record: IndexRecord, need: Need, asked: Asked | None) -> str | None:
        """What is kept of an answer; None where there is none, or none that can be used."""
        if asked is None or asked.response is None:
            return None
        text = self._form(asked.provider).text(orjson.loads(asked.response)).strip().replace("\0", "")
        if self.enricher.purpose is Purpose.QUESTIONS:
            return _questions(text)
        if not text:
            return None
        enriched = f"{text}\n\n{need.chunk.text}"
        return enriched if self._fits(record, enriched) else None

    def _form(self, provider: str) -> RequestForm:
        return self.lanes.form(self.card, provider)[1]

    def _fits(self, record: IndexRecord, text: str) -> bool:
        """Whether the embedding model takes *text* whole."""
        space = record.bound.space
        limit = self.lanes.registry.card(space.model).limits.tokens_per_input
        rendered = space.render(text, Role.DOCUMENT)
        # A token takes a character at least, so what is shorter fits.
        if limit is None or (len(rendered) < limit and rendered.isascii()):
            return True
        return self.lanes.counter(space).count([rendered])[0] <= limit


def state_of(asked: Asked | None) -> str:
    """Where a request stands: new, waiting, answered, or refused."""
    if asked is None:
        return "new"
    if asked.response is not None:
        return "answered"
    return "refused" if asked.refused else "waiting"


def _questions(text: str) -> str | None:
    """The questions in an answer as JSON; None if there are none."""
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    asked = (
        [each.strip() for each in found if isinstance(each, str) and each.strip()]
        if isinstance(found, list)
        else []
    )
    return orjson.dumps(asked).decode() if asked else None
