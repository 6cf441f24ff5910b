"""Two spaces of one index, judged on the same queries: what the gate of a migration asks for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from embedlane.evaluation.judging import Judgments, measure
from embedlane.evaluation.queries import QuerySet
from embedlane.indexes.binding import load_index
from embedlane.indexes.corpus import corpus_vectors
from embedlane.indexes.gates import DEEPEST
from embedlane.vectors.bound import BoundSpace
from embedlane.vectors.reading import known_spaces, stored_contents
from embedlane.workspace.querying import ask
from embedlane.workspace.trial import prepare

if TYPE_CHECKING:
    from embedlane.evaluation.judging import Measured
    from embedlane.ledger.database import Ledger
    from embedlane.models.space import Space
    from embedlane.workspace.lanes import Lanes
    from embedlane.workspace.trial import Trial

#: The depths at which recall and nDCG are measured.
_DEPTHS = range(1, DEEPEST + 1)


@attrs.frozen(kw_only=True)
class QualityJudge:
    """Measures two spaces whose vectors are stored. Nothing is embedded but the queries."""

    ledger: Ledger
    lanes: Lanes
    #: A file of queries, or queries; None to derive them from the index's own texts.
    queries: str | Path | QuerySet | None = None
    #: TREC judgments, for a file of queries that has none.
    qrels: str | Path | None = None
    #: Chooses among derived queries.
    seed: int = 0

    def __call__(self, index: str, old: Space, new: Space) -> dict[str, tuple[float, float]]:
        """The means of ``recall@k`` and ``ndcg@k`` for k from 1 to 100, and of ``mrr``: (old, new).

        An item without a vector in a space is not found there, which counts against that space.

        Args:
            index: The index's name.
            old: The space that is compared with.
            new: The other one.

        Raises:
            InputError: If queries can't be read or derived, or none has a relevant item.
            CapabilityError: If queries can't be embedded in one of the spaces.
        """
        with self.ledger.read() as connection:
            record = load_index(connection, index)
            trial = prepare(connection, record, self.queries, self.qrels, None, self.seed)
        before, after = self._measured(trial, old), self._measured(trial, new)
        found = {"mrr": (float(before.rr.mean()), float(after.rr.mean()))}
        for k in _DEPTHS:
            found[f"recall@{k}"] = (float(before.recall[k].mean()), float(after.recall[k].mean()))
            found[f"ndcg@{k}"] = (float(before.ndcg[k].mean()), float(after.ndcg[k].mean()))
        return found

    def _measured(self, trial: Trial, space: Space) -> Measured:
        with self.ledger.read() as connection:
            known = {bound.space: bound for bound in known_spaces(connection)}
            bound = known.get(space, BoundSpace(-1, space))
            matrix = corpus_vectors(connection, bound, trial.items)
            stored = stored_contents(connection, bound, trial.contents)
        absent = [place for place, item in enumerate(trial.items) if item.content not in stored]
        positions = {item.id: place for place, item in enumerate(trial.items)}
        judgments = [Judgments.of(query, positions, absent) for query in trial.queries]
        asked = ask(self.lanes.queries(space), trial.queries)
        return measure(matrix, asked.vectors, judgments, list(_DEPTHS))
