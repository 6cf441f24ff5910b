"""What the workspace's deeds came to, as values."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType

import attrs

from embedlane.generation.sets import GenerationTally
from embedlane.indexes.items import Changes
from embedlane.jobs.job import Job, RowCounts
from embedlane.models.card import Lane
from embedlane.models.space import Space
from embedlane.text.cutting import Refused
from embedlane.text.documents import Unreadable
from embedlane.vectors.meter import Basis
from embedlane.vectors.pending import Tally
from embedlane.vectors.sync_lane import SyncReport

#: How many ids or places a report keeps of each kind; the counts are complete.
KEPT = 100


@attrs.frozen(kw_only=True)
class AddReport:
    """What adding came to."""

    #: Documents read.
    documents: int = 0
    #: Items added, updated, unchanged and removed.
    changes: Changes = Changes()
    #: Number of inputs that were cut at the limit.
    truncated: int = 0
    #: Ids of the first of them.
    truncated_items: tuple[str, ...] = ()
    #: Number of inputs over the limit that were not taken.
    refused: int = 0
    #: The first of them, with their tokens.
    refused_items: tuple[Refused, ...] = ()
    #: Number of files and lines that could not be read.
    unreadable: int = 0
    #: The first of them, with their reasons.
    unreadable_places: tuple[Unreadable, ...] = ()
    #: Where the index's contents stand now.
    tally: Tally = Tally()

    @property
    def complete(self) -> bool:
        """Whether everything was taken."""
        return not (self.refused or self.unreadable)


@attrs.frozen(kw_only=True)
class EmbedReport:
    """What embedding came to."""

    #: The lane.
    lane: Lane
    #: The provider.
    provider: str
    #: What the sync lane did; None in the batch lane.
    sync: SyncReport | None = None
    #: The jobs of the batch lane, as they are now.
    jobs: tuple[Job, ...] = ()
    #: Where the index's contents stand now.
    tally: Tally

    @property
    def complete(self) -> bool:
        """Whether every content of the index has a vector."""
        return self.tally.stored == self.tally.wanted


@attrs.frozen(kw_only=True)
class LanePlan:
    """What the pending contents would cost in one lane."""

    #: The lane.
    lane: Lane
    #: The provider; empty if the lane can't be used.
    provider: str = ""
    #: Why the lane can't be used; empty if it can.
    obstacle: str = ""
    #: Tokens that will be billed, those of the canaries included.
    tokens: int | None = None
    #: Tokens of the canaries among them.
    canary_tokens: int = 0
    #: How they were found; None if the lane can't be used.
    basis: Basis | None = None
    #: US dollars; None where the price is not known.
    cost: float | None = None
    #: How long it usually takes; None where nothing is known.
    time: timedelta | None = None


@attrs.frozen(kw_only=True)
class Plan:
    """What embedding the pending contents would cost, before a cent is spent."""

    #: Contents to be sent.
    rows: int
    #: Their tokens, without those of the canaries that go with them.
    tokens: int
    #: How the tokens were found.
    basis: Basis
    #: The same in words, with the rule.
    rule: str
    #: Each lane.
    lanes: tuple[LanePlan, ...]
    #: Where the index's contents stand.
    tally: Tally


@attrs.frozen(kw_only=True)
class EmbedPlan:
    """What a comparison has to embed in one space."""

    #: The space.
    space: Space
    #: The lane for contents.
    lane: Lane
    #: The provider; empty if nothing has to be embedded.
    provider: str
    #: Contents to be sent: those without a vector there.
    rows: int
    #: Their tokens, those of the canaries included.
    tokens: int
    #: US dollars for them; None where the price is not known.
    cost: float | None
    #: Tokens of the queries, estimated.
    query_tokens: int
    #: US dollars for them in the sync lane; None where the price is not known.
    query_cost: float | None
    #: Tokens of all contents of the index.
    whole_tokens: int


@attrs.frozen(kw_only=True)
class ComparePlan:
    """What a comparison would cost, before a cent is spent."""

    #: Names of the candidates.
    candidates: tuple[str, ...]
    #: Items of the index.
    items: int
    #: Items that will be ranked.
    ranked: int
    #: Queries.
    queries: int
    #: Where they come from.
    method: str
    #: What has to be embedded; sizes that are cut from others are not among it.
    embeds: tuple[EmbedPlan, ...]
    #: What to know before the figures are believed.
    notes: tuple[str, ...]

    @property
    def cost(self) -> float | None:
        """US dollars for contents and queries together; None where a price is not known."""
        total = 0.0
        for embed in self.embeds:
            if embed.cost is None or embed.query_cost is None:
                return None
            total += embed.cost + embed.query_cost
        return total


@attrs.frozen(kw_only=True)
class GenerationPlan:
    """What answering the requests of a file would cost in the batch lane, before a cent is spent."""

    #: The model, as publisher:model.
    model: str
    #: The provider.
    provider: str
    #: Requests in the file.
    rows: int
    #: Those that were not answered before, and are not in flight.
    pending: int
    #: Their tokens, by the characters per token on the model's card.
    tokens: int
    #: Tokens that each answer is taken to have, unless its request allows fewer.
    answer_tokens: int
    #: Tokens of all answers by that.
    output_tokens: int
    #: US dollars; None where a price is not known.
    cost: float | None = None
    #: How long it usually takes; None where nothing is known.
    time: timedelta | None = None


@attrs.frozen(kw_only=True)
class GenerationReport:
    """A job set and where it stands."""

    #: Its name, by which any process finds it.
    name: str
    #: Its model, as publisher:model.
    model: str
    #: Where its requests came from.
    source: str
    #: Seconds since 1970.
    created_at: float
    #: Where its requests stand.
    tally: GenerationTally
    #: The jobs that were cared for, as they are now.
    jobs: tuple[Job, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether every request has a response."""
        return self.tally.answered == self.tally.rows


@attrs.frozen(kw_only=True)
class JobReport:
    """A job with the counts of its rows."""

    #: The job.
    job: Job
    #: The model, as publisher:model.
    model: str
    #: What its rows came to.
    rows: RowCounts
    #: US dollars billed for it so far; None where nothing is, or no price is known.
    cost: float | None = None
    #: US dollars that it is planned at, by today's price; None where no price is known.
    planned_cost: float | None = None


@attrs.frozen(kw_only=True)
class Cost:
    """What was billed, beside what was planned. Amounts are US dollars; None where no price is known."""

    #: Vectors or responses that were stored.
    rows: int = 0
    #: Tokens that they were planned at.
    planned_tokens: int = 0
    #: Tokens that providers say they billed.
    measured_tokens: int = 0
    #: Tokens of answers whose provider does not say, as they were planned.
    estimated_tokens: int = 0
    #: Tokens of responses, by the provider's word; vectors have none.
    output_tokens: int = 0
    #: Tokens of the input that no price was known for.
    unpriced_tokens: int = 0
    #: The planned tokens at the price of that time; None with responses, whose length nobody plans.
    planned: float | None = None
    #: The billed tokens at the price of that time.
    billed: float | None = None
    #: Billed less planned.
    difference: float | None = None
    #: The billed tokens at today's price of the other lane.
    other_lane: float | None = None
    #: That less billed: below zero if the other lane is the cheaper one.
    saved: float | None = None

    @property
    def tokens(self) -> int:
        """Tokens of the input that were billed."""
        return self.measured_tokens + self.estimated_tokens


@attrs.frozen(kw_only=True)
class LaneCost:
    """What one index or job set cost in one lane."""

    #: The index, which may be gone by now, or the job set.
    index: str
    #: Its model, as publisher:model.
    model: str
    #: The lane.
    lane: Lane
    #: What was billed.
    cost: Cost


@attrs.frozen(kw_only=True)
class CostReport:
    """What was billed."""

    #: For each index and lane.
    lanes: tuple[LaneCost, ...] = ()
    #: Together.
    total: Cost = Cost()
    #: Jobs that are not over: what they cost is not known yet.
    open_jobs: int = 0
    #: Tokens that they were planned at.
    open_tokens: int = 0


class CanaryVerdict(StrEnum):
    """What a canary's answer says."""

    #: It is the vector that it was.
    SAME = "same"
    #: It is another one.
    DRIFTED = "drifted"
    #: It is the first one: answers are compared with it from now on.
    FIRST = "first"
    #: There is none: it was refused.
    SILENT = "no answer"


@attrs.frozen(kw_only=True)
class CanaryCheck:
    """What one provider says to one canary now."""

    #: The provider that was asked, in the sync lane.
    provider: str
    #: The space whose canary it is: model, size and fingerprint.
    space: str
    #: The canary's text.
    text: str
    #: Whether it is the head of a content of an index; the others are the same for all spaces.
    own: bool
    #: The cosine of the answer and the reference; None without both.
    cosine: float | None = None
    #: Whose answer the reference is; empty without one.
    reference: str = ""
    #: In which lane; None without a reference.
    lane: Lane | None = None
    #: When, in seconds since 1970; None without a reference.
    at: float | None = None
    #: What the answer says.
    verdict: CanaryVerdict


@attrs.frozen(kw_only=True)
class CheckReport:
    """Whether the model of an index still answers as it did."""

    #: Each canary, for each provider that answers now.
    canaries: tuple[CanaryCheck, ...] = ()
    #: Why providers that are in use did not answer, by their ids.
    silent: Mapping[str, str] = attrs.field(factory=lambda: MappingProxyType({}))
    #: Why writes to the index's space are stopped; empty if they are not.
    drift: str = ""
    #: Whether writes were stopped until now.
    released: bool = False
    #: Providers in use that have no sync lane to ask; their next job will tell.
    unasked: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class Finding:
    """One thing that ``embedlane doctor`` looked at."""

    #: ``ok``, ``warning`` or ``problem``.
    level: str
    #: What was looked at.
    subject: str
    #: What was found.
    message: str
    #: The next step, if there is one.
    hint: str = ""
