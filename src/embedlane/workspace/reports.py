"""What the workspace's deeds came to, as values."""

from __future__ import annotations

from datetime import timedelta

import attrs

from embedlane.indexes.items import Changes
from embedlane.jobs.job import Job, RowCounts
from embedlane.models.card import Lane
from embedlane.text.cutting import Refused
from embedlane.text.documents import Unreadable
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
    #: US dollars; None where the price is not known.
    cost: float | None = None
    #: How long it usually takes; None where nothing is known.
    time: timedelta | None = None


@attrs.frozen(kw_only=True)
class Plan:
    """What embedding the pending contents would cost, before a cent is spent."""

    #: Contents to be sent.
    rows: int
    #: Their tokens.
    tokens: int
    #: How the tokens were found: ``counted``, ``sampled`` or ``estimated``.
    basis: str
    #: Each lane.
    lanes: tuple[LanePlan, ...]
    #: Where the index's contents stand.
    tally: Tally


@attrs.frozen(kw_only=True)
class JobReport:
    """A job with the counts of its rows."""

    #: The job.
    job: Job
    #: The index's model, as publisher:model.
    model: str
    #: What its rows came to.
    rows: RowCounts
    #: US dollars for the tokens that were billed; None where tokens or price are not known.
    cost: float | None = None


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
