"""Rules for the wire of the sync lane: requests are counted, and replies are broken."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pytest

from embedlane.errors import CredentialError, EmbedlaneError, ResponseError, TransientError
from embedlane.models.card import Lane, Role
from embedlane.testing.lanes import LaneSuite
from embedlane.testing.relay import RETRY_AFTER
from embedlane.testing.texts import PLAIN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from embedlane.providers.interfaces import SyncEmbedder
    from embedlane.testing.bench import Bench
    from embedlane.testing.relay import Relay

_TABLE = "correct the table that turns your SDK's exceptions into errors of embedlane.plugin"


class SyncWireRules(LaneSuite):
    """What a sync embedder sends, and what it makes of each failure."""

    lane: ClassVar[Lane] = Lane.SYNC

    @pytest.fixture
    def wired(self, bench: Bench, relay: Relay) -> SyncEmbedder:
        """The embedder, with the relay before its service."""
        return bench.sync(settings=bench.through(relay))

    def failures(self, wired: SyncEmbedder, relay: Relay, *faults: str) -> dict[str, Exception | None]:
        """What `embed` raises while each of *faults* strikes."""
        return {fault: self._failure_of(wired, relay, fault) for fault in faults}

    def _failure_of(self, wired: SyncEmbedder, relay: Relay, fault: str) -> Exception | None:
        with relay.striking(fault):
            try:
                wired.embed(PLAIN[:1], Role.DOCUMENT)
            except Exception as error:
                return error
        return None

    def test_a_call_is_one_request(self, wired: SyncEmbedder, relay: Relay) -> None:
        """One call is one request, whatever the number of its inputs."""
        with relay.striking(""):
            wired.embed(PLAIN, Role.DOCUMENT)
            found = list(relay.requests)
        self.require(
            len(found) == 1,
            f"embed() of {len(PLAIN)} texts sent {len(found)} requests: {', '.join(found)}",
            "send all inputs in one; if the service takes one, say limits.inputs_per_request = 1 on the card",
        )

    def test_a_failure_is_one_request(self, wired: SyncEmbedder, relay: Relay) -> None:
        """A call that failed is not repeated by the plugin, nor by its SDK."""
        sent = {}
        for fault in ("429", "500", "503", "drop", "lose"):
            self._failure_of(wired, relay, fault)
            sent[fault] = len(relay.requests)
        self.require(
            set(sent.values()) == {1},
            f"one call sent more than one request: {sent}",
            "turn the SDK's own retries off, such as max_retries=0: the core waits and tries again",
        )

    def test_what_may_pass_is_transient(self, wired: SyncEmbedder, relay: Relay) -> None:
        """A full quota, an overload and a lost connection are TransientErrors."""
        found = self.failures(wired, relay, "429", "500", "502", "503", "504", "drop", "lose")
        wrong = told(
            {fault: error for fault, error in found.items() if not isinstance(error, TransientError)}
        )
        self.require(not wrong, wrong, _TABLE)

    def test_what_cannot_pass_is_final(self, wired: SyncEmbedder, relay: Relay) -> None:
        """A refusal is an error of the core, and none that is tried again."""
        found = self.failures(wired, relay, "400", "403", "404", "413", "422")
        wrong = told(
            {
                fault: error
                for fault, error in found.items()
                if not isinstance(error, EmbedlaneError) or isinstance(error, TransientError)
            }
        )
        self.require(not wrong, wrong, f"{_TABLE}: RequestRefusedError for most")

    def test_a_key_that_is_not_taken_is_told(self, wired: SyncEmbedder, relay: Relay) -> None:
        """The status 401 is a CredentialError."""
        found = self.failures(wired, relay, "401")
        self.require(isinstance(found["401"], CredentialError), told(found), _TABLE)

    def test_an_unreadable_answer_is_told(self, wired: SyncEmbedder, relay: Relay) -> None:
        """Half an answer, and one that is no JSON, are a TransientError or a ResponseError."""
        found = self.failures(wired, relay, "garble", "cut")
        good = (TransientError, ResponseError)
        wrong = told({fault: error for fault, error in found.items() if not isinstance(error, good)})
        self.require(not wrong, wrong, f"{_TABLE}: those of decoding come up, too")

    def test_the_pause_that_is_asked_for_is_handed_on(self, wired: SyncEmbedder, relay: Relay) -> None:
        """The seconds of a Retry-After header become retry_after of the TransientError."""
        pause = getattr(self._failure_of(wired, relay, "429"), "retry_after", None)
        self.require(
            pause == RETRY_AFTER,
            f"the answer said Retry-After: {RETRY_AFTER}, and retry_after is {pause!r}",
            "read the header where the SDK keeps it, and raise TransientError(…, retry_after=seconds)",
        )


def told(errors: Mapping[str, Exception | None]) -> str:
    """What became of each fault, in words; empty if there is none."""
    return "; ".join(
        f"{fault!r} became {type(error).__name__}: {error}" if error else f"{fault!r} raised nothing"
        for fault, error in errors.items()
    )
