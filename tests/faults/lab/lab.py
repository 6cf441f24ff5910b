"""The laboratory: benches, set up when they are first needed, and the runs that others are held against."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import attrs
from lab.bench import Bench
from lab.cases import Case
from lab.services import SERVICES
from lab.trial import Trial, try_case

if TYPE_CHECKING:
    from lab.services import Service

#: Seconds that a client waits for an answer: on a machine that may be busy, and where none will come.
_PATIENCE, _IMPATIENCE = 30.0, 1.0


@attrs.define
class Lab:
    """Tries cases, one after the other."""

    #: A folder of its own.
    root: Path
    _benches: dict[tuple[str, float, bool], Bench] = attrs.field(factory=dict, init=False)
    _undisturbed: dict[tuple[str, str, bool], Trial] = attrs.field(factory=dict, init=False)

    def run(self, service: str, case: Case, *, canaries: bool = False) -> tuple[Trial, Trial]:
        """Try *case*; return what came of it, and of the same without a fault.

        Args:
            service: A key of `SERVICES`.
            case: What goes wrong.
            canaries: Whether they are carried; without them, numbers of rows are those of the contents.
        """
        bench = self._bench(SERVICES[service], case, canaries=canaries)
        return try_case(bench, case), self.undisturbed(service, case.lane, canaries=canaries)

    def undisturbed(self, service: str, lane: str, *, canaries: bool = False) -> Trial:
        """A run in which nothing goes wrong."""
        key = (service, lane, canaries)
        if key not in self._undisturbed:
            case = Case(lane, "nothing", "at no time", ())
            bench = self._bench(SERVICES[service], case, canaries=canaries)
            self._undisturbed[key] = try_case(bench, case)
        return self._undisturbed[key]

    def close(self) -> None:
        """Stop all benches."""
        for bench in self._benches.values():
            bench.close()

    def _bench(self, service: Service, case: Case, *, canaries: bool) -> Bench:
        patience = _IMPATIENCE if "hang" in case.kinds else _PATIENCE
        key = (service.name, patience, canaries)
        if key not in self._benches:
            folder = self.root / f"{service.name}-{patience:.0f}-{canaries}"
            folder.mkdir()
            self._benches[key] = Bench.start(service, folder, patience, canaries=canaries)
        return self._benches[key]
