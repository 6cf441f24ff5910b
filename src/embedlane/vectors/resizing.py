"""Smaller vectors from stored ones, without a call: heads of Matryoshka vectors, of unit length again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np
from sqlalchemy import select

from embedlane.ledger.schema import vectors
from embedlane.vectors.archive import STORED, Archive
from embedlane.vectors.canaries import Canaries
from embedlane.vectors.effective import wants
from embedlane.vectors.pending import while_building

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from sqlalchemy import Connection

    from embedlane.ledger.database import Ledger
    from embedlane.models.card import ModelCard
    from embedlane.models.space import Space
    from embedlane.vectors.bound import BoundSpace

#: Vectors that are cut in one transaction.
_PAGE = 5000


def can_be_cut(card: ModelCard, old: Space, new: Space) -> bool:
    """Whether vectors of *new* are heads of those of *old*, by the model's own rule."""
    same = attrs.evolve(old, dimensions=new.dimensions) == new
    smaller = new.dimensions < old.dimensions
    return same and smaller and card.dimensions.matryoshka and card.dimensions.allows(new.dimensions)


@attrs.frozen(kw_only=True)
class Resizer:
    """Cuts the vectors of one index for a generation that is being built."""

    ledger: Ledger
    #: The index's number.
    index_id: int
    #: The generation's number; nothing is cut once it is paused or over.
    generation_id: int
    #: Where the vectors are.
    source: BoundSpace
    #: Where their heads go.
    target: BoundSpace
    #: Which texts of its items both hold; empty for their own.
    variant: str = ""
    #: Called with the number of vectors that were cut.
    on_progress: Callable[[int], None] = lambda _count: None

    def run(self) -> int:
        """Cut what is not there yet, page by page; return how many vectors were stored.

        Raises:
            DriftError: If what is in the target's space is of a model that has changed since.
        """
        stored, after = 0, ""
        while True:
            with self.ledger.write() as connection:
                page = self._page(connection, after)
                if not page:
                    return stored
                if not after:
                    Canaries(self.target).inherit(connection, Canaries(self.source))
                hashes, heads = self._cut(page)
                Archive(self.target).store(connection, hashes, heads)
            after = page[-1][0]
            stored += len(hashes)
            self.on_progress(len(hashes))

    def _page(self, connection: Connection, after: str) -> Sequence[tuple[str, bytes]]:
        known = vectors.alias()
        there = select(known.c.id).where(
            known.c.space_id == self.target.id, known.c.content_hash == vectors.c.content_hash
        )
        wanted = wants(self.index_id, self.variant, vectors.c.content_hash)
        query = (
            select(vectors.c.content_hash, vectors.c.vector)
            .where(vectors.c.space_id == self.source.id, vectors.c.content_hash > after)
            .where(wanted, ~there.exists(), *while_building(self.generation_id))
            .order_by(vectors.c.content_hash)
            .limit(_PAGE)
        )
        return [(row.content_hash, row.vector) for row in connection.execute(query)]

    def _cut(self, page: Sequence[tuple[str, bytes]]) -> tuple[list[str], NDArray[np.float32]]:
        """Unit vectors of shape (n, the target's dimensions); a head of nothing but zeros is left out."""
        whole = np.frombuffer(b"".join(vector for _, vector in page), dtype=STORED).reshape(len(page), -1)
        heads = whole[:, : self.target.space.dimensions].astype(np.float64)
        lengths = np.linalg.norm(heads, axis=1)
        usable = lengths > 0
        units: NDArray[np.float32] = (heads[usable] / lengths[usable, None]).astype(np.float32)
        return [content for (content, _), good in zip(page, usable, strict=True) if good], units
