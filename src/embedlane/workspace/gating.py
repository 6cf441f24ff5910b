"""The gate of a migration: what the quality of a new generation must be, kept and measured."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from embedlane.errors import RefusedError, UsageError
from embedlane.evaluation.queries import read_queries
from embedlane.indexes.gates import Gate
from embedlane.workspace.judging import QualityJudge

if TYPE_CHECKING:
    from embedlane.indexes.generations import Generation
    from embedlane.ledger.database import Ledger
    from embedlane.workspace.lanes import Lanes


@attrs.frozen(kw_only=True)
class QualityGate:
    """A gate with the queries that it is measured on."""

    #: The condition, such as ``ndcg@10 >= 0.98 * current``.
    condition: str
    #: A file of queries; None to derive them from the index's own texts.
    queries: str | Path | None = None
    #: TREC judgments, for a file of queries that has none.
    qrels: str | Path | None = None


def terms_of_swap(gate: str | QualityGate) -> Mapping[str, str]:
    """The terms of a swap as a generation keeps them; none if *gate* is empty.

    Raises:
        UsageError: If the gate is none, or there are queries and no condition.
        InputError: If the queries can't be read.
    """
    if isinstance(gate, str):
        gate = QualityGate(condition=gate)
    if not gate.condition:
        if gate.queries is not None or gate.qrels is not None:
            raise UsageError("There are queries, but no gate to measure with them.", "Add a gate.")
        return {}
    condition = Gate.parse(gate.condition)
    if gate.queries is not None:
        read_queries(Path(gate.queries), None if gate.qrels is None else Path(gate.qrels))
    elif gate.qrels is not None:
        raise UsageError("There are judgments, but no queries.", "Name a file of queries, too.")
    files = {"queries": gate.queries, "qrels": gate.qrels}
    kept = {name: str(Path(file).resolve()) if file else "" for name, file in files.items()}
    return {"gate": str(condition), **kept}


def measure_gate(
    ledger: Ledger, lanes: Lanes, name: str, serving: Generation, building: Generation
) -> Mapping[str, tuple[float, float]]:
    """What the gate's metric is in both generations of the index *name*; empty if there is no gate.

    Raises:
        RefusedError: If the gate does not hold.
        InputError: If its queries can't be read, or derived.
    """
    if not building.gate:
        return {}
    gate = Gate.parse(building.gate)
    judge = QualityJudge(
        ledger=ledger, lanes=lanes, queries=building.queries or None, qrels=building.qrels or None
    )
    old, new = judge(name, serving.bound.space, building.bound.space)[gate.metric]
    if not gate.holds(old, new):
        raise RefusedError(
            f"Generation {building.number} of '{name}' does not pass its gate {gate}: {gate.metric} "
            f"is {new:.4f}, {gate.needed(old):.4f} is needed, and the serving generation has {old:.4f}.",
            f"`embedlane migrate abort {name}` gives it up; `embedlane migrate start` with another "
            "--gate changes the gate.",
        )
    return {gate.metric: (old, new)}
