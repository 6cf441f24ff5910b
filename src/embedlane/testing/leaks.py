"""The rule that a secret stays one."""

from __future__ import annotations

import logging
import traceback
from typing import TYPE_CHECKING

import pytest

from embedlane.testing.lanes import LaneSuite

if TYPE_CHECKING:
    from embedlane.providers.route import Route
    from embedlane.testing.bench import Bench

_FAULTS = ("400", "401", "429", "500", "drop", "garble")


class LeakRules(LaneSuite):
    """What a plugin writes."""

    def test_the_secret_is_never_shown(
        self, bench: Bench, route: Route, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The secret is in no message, traceback, representation or log, whatever the service answers."""
        if not route.credentials:
            pytest.skip("the route names no credentials")
        written: dict[str, str] = {}
        with caplog.at_level(logging.DEBUG):
            if bench.subject.url:
                written |= self._written_in_trouble(bench)
            embedder = self.open(bench)
            written["repr() of the embedder"] = f"{embedder!r} {embedder}"
            self.ask(embedder)
        for record in caplog.records:
            written[f"a log record of {record.name}"] = f"{record.getMessage()} {vars(record)}"
        places = [place for place, text in written.items() if bench.subject.secret in text]
        self.require(
            not places,
            f"the secret stands in {', '.join(places)}",
            "leave it out of repr (attrs.field(repr=False)), mask it in the service's words before you make "
            "an error of them, and raise from None where the SDK's own error shows it",
        )

    def _written_in_trouble(self, bench: Bench) -> dict[str, str]:
        """What an application that logs its errors would write, by the place it comes from."""
        relay = bench.relay()
        embedder = self.open(bench, settings=bench.through(relay))
        written = {}
        for fault in _FAULTS:
            with relay.striking(fault):
                try:
                    self.ask(embedder)
                except Exception as error:
                    shown = "".join(traceback.format_exception(error))
                    written[f"the error for {fault!r}"] = f"{shown} {error!r} {error.args}"
        return written
