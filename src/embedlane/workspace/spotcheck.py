"""Comparing a sample of vectors that came from elsewhere with new ones of the same texts."""

from __future__ import annotations

import random
import uuid
from typing import TYPE_CHECKING

import attrs
import numpy as np

from embedlane.errors import RefusedError, RequestRefusedError
from embedlane.models.card import Lane, Role
from embedlane.providers.requests import cut_requests
from embedlane.vectors.bound import BoundSpace
from embedlane.vectors.charges import Charges, Origin, Usage, as_said
from embedlane.workspace.transfers import Compared, SampleReport

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from embedlane.ledger.database import Ledger
    from embedlane.models.space import Space
    from embedlane.providers.caller import Answer
    from embedlane.providers.embedder import Embedder
    from embedlane.transfer.records import Record
    from embedlane.workspace.lanes import Lanes

#: The lowest cosine of two vectors of one text that counts as the same. What the same model answers another
#: time, through another lane, or rounded to 16 or 8 bits, is above 0.999; another task type, a prefix that
#: was left out or another chunk of the same document falls below, and another model is near 0.
ALIKE = 0.99
_CAUSES = (
    "The usual causes: another model, or another revision of it; another task type or prefix; vectors of a "
    "longer or shorter text than the one beside them; rows in another order than their texts."
)


@attrs.define
class Sample:
    """Keeps some of the records that pass by, each with the same chance; the same ones each time."""

    #: How many.
    size: int
    #: What was kept.
    records: list[Record] = attrs.field(factory=list, init=False)
    _seen: int = attrs.field(default=0, init=False)
    _random: random.Random = attrs.field(factory=lambda: random.Random(0), init=False)  # noqa: S311

    def offer(self, record: Record) -> None:
        """Let *record* pass by (Vitter's algorithm R)."""
        self._seen += 1
        if len(self.records) < self.size:
            self.records.append(record)
        elif (place := self._random.randrange(self._seen)) < self.size:
            self.records[place] = record


@attrs.define(kw_only=True)
class SpotCheck:
    """Embeds the texts of a sample through the sync lane, and puts that on the bill."""

    ledger: Ledger
    lanes: Lanes
    space: Space
    #: Whose bill it is on: the name of the index.
    account: str
    now: float
    _vectors: dict[str, NDArray[np.float32]] = attrs.field(factory=dict, init=False)
    _usage: Usage = attrs.field(factory=Usage, init=False)

    def compare(self, records: Sequence[Record]) -> SampleReport:
        """Compare the vectors of *records* with new ones.

        Raises:
            RefusedError: If one of them differs; shows all.
            CapabilityError: If the model has no sync lane here, or is retired.
            ProviderError: If the provider fails.
        """
        embedder = self.lanes.embedder(self.space)
        try:
            self._embed(embedder, list(dict.fromkeys(record.text for record in records)))
        finally:
            embedder.close()
            provider = embedder.caller.checker.provider
            self._charge(provider)
        report = SampleReport(
            provider=provider,
            rows=tuple(Compared(record.id, self._cosine(record)) for record in records),
            tokens=self._usage.tokens,
            cost=self.lanes.registry.card(self.space.model).price.cost(Lane.SYNC, self._usage.tokens),
        )
        if report.lowest is None or report.lowest < ALIKE:
            raise refusal(self.space, report.rows)
        return report

    def _embed(self, embedder: Embedder, texts: Sequence[str]) -> None:
        for request in cut_requests(texts, embedder.caller.checker.card):
            for embedded, answer in embedder.caller.call_each(request, Role.DOCUMENT, _passed_over):
                self._vectors.update(zip(embedded, answer.vectors, strict=True))
                self._usage += self._used(embedded, answer)

    def _used(self, texts: Sequence[str], answer: Answer) -> Usage:
        rendered = [self.space.render(text, Role.DOCUMENT) for text in texts]
        card, said = self.lanes.registry.card(self.space.model), as_said(answer.tokens)
        planned = card.estimate_tokens(sum(map(len, rendered)), len(rendered))
        # No rows: nothing of it is stored.
        return Usage(planned=planned, measured=said or 0, estimated=planned if said is None else 0)

    def _charge(self, provider: str) -> None:
        origin = Origin(
            provider=provider,
            lane=Lane.SYNC,
            run=f"import-{uuid.uuid4().hex}",
            account=self.account,
            price=self.lanes.registry.card(self.space.model).price.sync,
        )
        with self.ledger.write() as connection:
            bound = BoundSpace.register(connection, self.space, self.now)
            Charges(bound.id, origin).add(connection, self._usage, self.now)

    def _cosine(self, record: Record) -> float | None:
        new = self._vectors.get(record.text)
        return None if new is None else cosine(new, record.vector)


def cosine(one: NDArray[np.float32], other: NDArray[np.float32] | None) -> float:
    """The cosine of two unit vectors, to six places; -1 where there is no other."""
    return -1.0 if other is None else round(float(one.astype(np.float64) @ other.astype(np.float64)), 6)


def refusal(space: Space, rows: Sequence[Compared]) -> RefusedError:
    """Say which of *rows* differ, and how far."""
    width = max(len(row.id) for row in rows)
    lines = "\n".join(f"  {row.id:<{width}}  {_shown(row.cosine)}" for row in rows)
    compared = [row.cosine for row in rows if row.cosine is not None]
    unlike = sum(found < ALIKE for found in compared)
    what = (
        f"{unlike} of {len(compared)} vectors are not what {space} gives for their texts"
        if compared
        else "The provider refused all texts of the sample, so that nothing could be compared"
    )
    return RefusedError(
        f"{what}; nothing was imported.\n  {'item':<{width}}  cosine, at least {ALIKE}\n{lines}\n{_CAUSES}\n",
        "Name the model that they are of with --model, or make an index and embed the texts again. "
        "--no-check imports them as they are.",
    )


def _shown(cosine: float | None) -> str:
    if cosine is None:
        return "refused by the provider"
    return f"{cosine:.4f}" if cosine >= ALIKE else f"{cosine:.4f}  ≠"


def _passed_over(_text: str, _error: RequestRefusedError) -> None:
    """A text that the provider will not take is not compared."""
