"""A space as the ledger knows it, and the check that keeps spaces apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
from sqlalchemy import select, update

from embedlane.errors import SpaceMismatchError
from embedlane.ledger.dialects import upsert
from embedlane.ledger.schema import spaces
from embedlane.models.space import Space

if TYPE_CHECKING:
    from sqlalchemy import Connection


@attrs.frozen
class BoundSpace:
    """A space with its number in the ledger."""

    #: The row in ``spaces``.
    id: int
    #: The space.
    space: Space

    @classmethod
    def register(cls, connection: Connection, space: Space, now: float) -> BoundSpace:
        """Find *space* in the ledger, or enter it."""
        row = {"fingerprint": space.fingerprint, "canonical": space.canonical, "created_at": now}
        connection.execute(upsert(connection, spaces).on_conflict_do_nothing(), row)
        found = connection.execute(
            select(spaces.c.id, spaces.c.canonical).where(spaces.c.fingerprint == space.fingerprint)
        ).one()
        bound = cls(found.id, Space.parse(found.canonical))
        bound.require(space, "register")
        return bound

    @classmethod
    def find(cls, connection: Connection, space: Space) -> BoundSpace | None:
        """Find *space* in the ledger; None if nothing was ever made in it."""
        number = connection.scalar(select(spaces.c.id).where(spaces.c.fingerprint == space.fingerprint))
        return None if number is None else cls.load(connection, number)

    @classmethod
    def load(cls, connection: Connection, space_id: int) -> BoundSpace:
        """Read the space with the number *space_id*."""
        canonical = connection.scalar(select(spaces.c.canonical).where(spaces.c.id == space_id))
        assert canonical is not None, space_id
        return cls(space_id, Space.parse(canonical))

    def require(self, other: Space, deed: str) -> None:
        """Refuse *deed* unless *other* is this very space.

        Raises:
            SpaceMismatchError: With both spaces side by side.
        """
        if other != self.space:
            raise SpaceMismatchError(
                f"Refused to {deed}: two spaces would meet.\n{self.space.beside(other)}\n"
            )

    def changed(self, connection: Connection) -> None:
        """Count a change of the space's vectors, so that loaded copies are known to be stale."""
        connection.execute(update(spaces).where(spaces.c.id == self.id).values(changes=spaces.c.changes + 1))
