"""What the deeds of a migration came to, as values."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from embedlane.indexes.generations import Generation
from embedlane.indexes.states import GenerationState
from embedlane.jobs.job import Job
from embedlane.models.space import Space
from embedlane.vectors.pending import Tally
from embedlane.workspace.reports import EmbedReport, Plan


@attrs.frozen(kw_only=True)
class MigrationPlan:
    """What moving an index to another space would take, before a cent is spent."""

    #: The index.
    index: str
    #: The space of the generation that serves.
    old: Space
    #: The space that it would move to.
    new: Space
    #: Whether the new vectors are cut from stored ones: no call, no cost.
    resize: bool
    #: What the move means for the vectors, in words.
    means: str
    #: What the contents that lack a vector there would cost in each lane, and where all contents stand there.
    plan: Plan
    #: Contents that are longer than the new model takes, as far as their tokens are known.
    too_long: int
    #: Tokens that the new model takes; None where no limit is known.
    limit: int | None


@attrs.frozen(kw_only=True)
class MigrationStatus:
    """Where the generations of an index stand."""

    #: The index.
    index: str
    #: The generation that answers queries.
    serving: Generation
    #: The one that is being built or kept; None if no migration is under way.
    other: Generation | None
    #: Where the index's contents stand in that one; in the serving one if there is no other.
    tally: Tally
    #: Jobs that are not over, for that one.
    jobs: tuple[Job, ...]
    #: US dollars billed since that one was begun, in its space; None where no price is known.
    billed: float | None
    #: All generations there ever were.
    generations: tuple[Generation, ...]

    @property
    def missing(self) -> int:
        """Contents that lack a vector there."""
        return self.tally.wanted - self.tally.stored

    @property
    def complete(self) -> bool:
        """Whether the generation that is being built lacks nothing."""
        return self.building and not self.missing

    @property
    def building(self) -> bool:
        """Whether a generation is being built."""
        return self.other is not None and self.other.state is GenerationState.BUILDING


@attrs.frozen(kw_only=True)
class BuildReport:
    """What starting or resuming a migration came to."""

    #: How it stands now.
    status: MigrationStatus
    #: Vectors that were cut from stored ones.
    cut: int = 0
    #: What embedding came to; None where vectors are cut.
    embedded: EmbedReport | None = None


@attrs.frozen(kw_only=True)
class AbortReport:
    """What giving up a migration came to."""

    #: How the index stands now.
    status: MigrationStatus
    #: Jobs that the provider never saw, and never will.
    cancelled: tuple[Job, ...]
    #: Jobs that go on at the provider; they are billed, and their vectors are kept.
    running: tuple[Job, ...]


@attrs.frozen(kw_only=True)
class SwapReport:
    """What a swap or a rollback came to."""

    #: How the index stands now.
    status: MigrationStatus
    #: Contents that the generation which serves now has no vector of.
    missing: int
    #: What the gate's metrics were, in the old generation and in the new.
    measured: Mapping[str, tuple[float, float]] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class FinishReport:
    """What the end of a migration came to."""

    #: How the index stands now.
    status: MigrationStatus
    #: The generation that was dropped.
    dropped: Generation
    #: Vectors that were removed with it.
    removed: int
