"""Which generations of an index a deed finds, and what to say where it finds none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from embedlane.errors import RefusedError
from embedlane.indexes.binding import IndexRecord, load_index
from embedlane.indexes.generations import Generation, GenerationBook
from embedlane.indexes.states import GenerationState
from embedlane.workspace.building import billed_since, open_jobs, tally_in
from embedlane.workspace.migration_reports import MigrationStatus

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from embedlane.jobs.manager import BatchManager
    from embedlane.models.space import Space


@attrs.frozen
class Standing:
    """An index and its generations, as they are in one transaction."""

    #: The index, with the generation that serves.
    record: IndexRecord
    #: All its generations.
    book: GenerationBook
    #: The generation that serves.
    serving: Generation
    #: The one beside it; None if no migration is under way.
    beside: Generation | None

    @classmethod
    def of(cls, connection: Connection, name: str) -> Standing:
        """Read it.

        Raises:
            UnknownNameError: If there is no such index.
        """
        record = load_index(connection, name)
        book = GenerationBook(record.id, name)
        return cls(record, book, book.serving(connection), book.beside(connection))

    def building_in(self, space: Space, variant: str) -> Generation | None:
        """The generation that is being built in *space*, of that *variant*; None if none is."""
        found = self.beside
        if found is None or found.state is not GenerationState.BUILDING:
            return None
        return found if (found.bound.space, found.variant) == (space, variant) else None

    @property
    def building(self) -> Generation:
        """The generation that is being built.

        Raises:
            RefusedError: If none is.
        """
        found, name = self.beside, self.record.name
        if found is None:
            hint = f"`embedlane migrate plan {name} --to MODEL` says what moving it would take."
        elif found.state is GenerationState.BUILDING:
            return found
        else:
            hint = (
                f"Its generation {found.number} is kept: `embedlane migrate rollback {name}` switches back "
                f"to it, `embedlane migrate finish {name}` drops it."
            )
        raise RefusedError(f"No generation of '{name}' is being built.", hint)

    @property
    def kept(self) -> Generation:
        """The generation that served before a swap.

        Raises:
            RefusedError: If none is kept.
        """
        found, name = self.beside, self.record.name
        if found is None:
            hint = f"`embedlane migrate status {name}` shows how it stands."
        elif found.state is GenerationState.KEPT:
            return found
        else:
            hint = (
                f"Its generation {found.number} is being built: `embedlane migrate swap {name}` switches to "
                f"it, `embedlane migrate abort {name}` gives it up."
            )
        raise RefusedError(f"No generation of '{name}' is kept from before a swap.", hint)


def paused(name: str) -> RefusedError:
    """That nothing is sent for the migration of the index *name*."""
    return RefusedError(
        f"The migration of '{name}' is paused.", f"`embedlane migrate resume {name}` goes on."
    )


def status_of(connection: Connection, manager: BatchManager, name: str) -> MigrationStatus:
    """How the generations of an index stand."""
    found = Standing.of(connection, name)
    shown = found.beside or found.serving
    return MigrationStatus(
        index=name,
        serving=found.serving,
        other=found.beside,
        tally=tally_in(connection, shown, manager.clock()),
        jobs=open_jobs(connection, manager, name, found.beside) if found.beside else (),
        billed=billed_since(connection, name, shown),
        generations=tuple(found.book.all(connection)),
    )
