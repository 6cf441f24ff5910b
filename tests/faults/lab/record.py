"""The record: what all cases came to when ``make faults`` was last run. The documentation is made from it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Self

import attrs
from lab.results import Result

FILE = Path(__file__).parents[1] / "outcomes.json"


@attrs.define
class Record:
    """Results by service and case."""

    #: Of every fault alone.
    singles: dict[str, dict[str, Result]] = attrs.field(factory=dict)
    #: Of pairs: what became of the rows, and the most jobs under one tag.
    pairs: dict[str, dict[str, tuple[str, int]]] = attrs.field(factory=dict)

    @classmethod
    def load(cls) -> Self:
        """Read it."""
        data = json.loads(FILE.read_text("utf-8"))
        singles = {
            service: {name: Result(**result) for name, result in results.items()}
            for service, results in data["singles"].items()
        }
        pairs = {
            service: {name: (fate, most) for name, (fate, most) in results.items()}
            for service, results in data["pairs"].items()
        }
        return cls(singles, pairs)

    def save(self) -> None:
        """Write it, a line for each case."""
        singles = {
            service: {name: attrs.asdict(result) for name, result in results.items()}
            for service, results in self.singles.items()
        }
        FILE.write_text(_lines({"singles": singles, "pairs": self.pairs}) + "\n", "utf-8")


def _lines(value: Any, depth: int = 0) -> str:
    """JSON whose first three levels have lines of their own."""
    if depth == 3:
        return json.dumps(value, ensure_ascii=False)
    indent = "  " * depth
    inner = ",\n".join(
        f"{indent}  {json.dumps(key)}: {_lines(each, depth + 1)}" for key, each in value.items()
    )
    return f"{{\n{inner}\n{indent}}}" if inner else "{}"
