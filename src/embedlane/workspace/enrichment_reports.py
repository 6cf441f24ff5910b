"""What enriching an index would take, and what it came to, as values."""

from __future__ import annotations

import attrs

from embedlane.models.card import Lane
from embedlane.workspace.migration_reports import BuildReport
from embedlane.workspace.reports import EmbedReport, GenerationReport


@attrs.frozen(kw_only=True)
class EnrichmentTally:
    """Where the chunks of an index stand with an enricher and a model."""

    #: Those that have what was made of them, as they are now.
    enriched: int = 0
    #: Those that are their whole document, for an enricher that has nothing to say of such.
    alone: int = 0
    #: Those that the model was never asked about; equal ones in equal surroundings are asked about once.
    new: int = 0
    #: Those that were asked about and have no answer yet.
    waiting: int = 0
    #: Those whose answer is there, and is kept by the next run.
    answered: int = 0
    #: Those that the provider refused for good.
    refused: int = 0
    #: Those whose answer can't be used: empty, no list of questions, or too long to be embedded.
    unusable: int = 0

    @property
    def plain(self) -> int:
        """Chunks that stay as they are although they were asked about."""
        return self.refused + self.unusable


@attrs.frozen(kw_only=True)
class EnrichmentPlan:
    """What enriching an index would take, before a cent is spent."""

    #: The index.
    index: str
    #: The enricher's name.
    enricher: str
    #: The model that is asked, as publisher:model.
    model: str
    #: Where the chunks stand.
    tally: EnrichmentTally
    #: Requests that were never made.
    requests: int
    #: Their tokens, by the characters per token on the model's card.
    tokens: int
    #: Tokens of all their answers, by the enricher's guess.
    output_tokens: int
    #: US dollars for asking, in the batch lane; None where a price is not known.
    cost: float | None
    #: The lane that embeds; None where nothing is to be embedded.
    lane: Lane | None = None
    #: Tokens to embed, by the characters per token on the embedding model's card.
    embedding_tokens: int = 0
    #: US dollars for that; None where the price is not known.
    embedding_cost: float | None = 0.0

    @property
    def total(self) -> float | None:
        """US dollars for all of it; None where a price is not known."""
        parts = (self.cost if self.requests else 0.0, self.embedding_cost if self.embedding_tokens else 0.0)
        return None if None in parts else sum(part or 0.0 for part in parts)


@attrs.frozen(kw_only=True)
class EnrichmentReport:
    """What enriching an index came to."""

    #: The index.
    index: str
    #: The enricher's name.
    enricher: str
    #: The model that was asked, as publisher:model.
    model: str
    #: Where the chunks stand now.
    tally: EnrichmentTally
    #: Chunks that got what was made of them in this run.
    kept: int
    #: The job sets that were asked in this run.
    sets: tuple[GenerationReport, ...] = ()
    #: What building the new generation came to; None if there was nothing to build, or not yet.
    build: BuildReport | None = None
    #: What embedding came to, of an index that serves the enriched texts already.
    embedded: EmbedReport | None = None
