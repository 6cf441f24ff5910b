"""Rules for the wire of the batch lane: a create is one request, and a failure proves nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import pytest

from embedlane.errors import CreateAmbiguousError, CreateRejectedError, EmbedlaneError
from embedlane.providers.values import Malformed, RemoteState
from embedlane.testing.job_suite import JobSuite
from embedlane.testing.jobs import new_tag
from embedlane.testing.sync_wire import told
from embedlane.testing.texts import PLAIN

if TYPE_CHECKING:
    from collections.abc import Callable

    from embedlane.providers.interfaces import BatchEmbedder
    from embedlane.providers.values import StagedInput
    from embedlane.testing.bench import Bench
    from embedlane.testing.jobs import Driver
    from embedlane.testing.relay import Relay

_DOUBTFUL = ("500", "503", "drop", "lose", "cut", "garble")
_OUTCOMES = (
    "raise CreateRejectedError for answers that prove that nothing was created, and CreateAmbiguousError for "
    "all else"
)


class BatchWireRules(JobSuite):
    """What a batch embedder sends, and what it makes of each failure."""

    @pytest.fixture
    def wired(self, bench: Bench, driver: Driver, relay: Relay) -> Driver:
        """A driver with the relay before its service."""
        return attrs.evolve(driver, batch=bench.batch(settings=bench.through(relay)))

    @pytest.fixture
    def staged(self, wired: Driver) -> StagedInput:
        """Input that the service holds."""
        return wired.batch.stage(wired.write(self.rows(wired, PLAIN)), new_tag())

    def creates(
        self, wired: Driver, relay: Relay, staged: StagedInput, *faults: str
    ) -> dict[str, Exception | None]:
        """What a create raises while each of *faults* strikes."""
        return {
            fault: _failure(relay, fault, lambda: wired.batch.create(staged, new_tag())) for fault in faults
        }

    def test_a_create_is_one_request(self, wired: Driver, relay: Relay, staged: StagedInput) -> None:
        """A create sends one request, whether it succeeds or not."""
        sent = {}
        for fault in ("", "429", *_DOUBTFUL):
            _failure(relay, fault, lambda: wired.batch.create(staged, new_tag()))
            sent[fault or "no fault"] = len(relay.writes())
        self.require(
            set(sent.values()) == {1},
            f"requests that one create sent: {sent}",
            "turn the SDK's own retries off, such as max_retries=0: each may make a job that is paid for",
        )

    def test_a_refused_create_is_rejected(self, wired: Driver, relay: Relay, staged: StagedInput) -> None:
        """A create that the service refused is a CreateRejectedError."""
        found = self.creates(wired, relay, staged, "400", "401", "403", "404", "413")
        wrong = told(
            {fault: error for fault, error in found.items() if not isinstance(error, CreateRejectedError)}
        )
        self.require(not wrong, wrong, _OUTCOMES)

    def test_a_full_queue_may_pass(self, wired: Driver, relay: Relay, staged: StagedInput) -> None:
        """A create that meets a full quota is a CreateRejectedError that is retryable."""
        found = self.creates(wired, relay, staged, "429")
        self.require(
            isinstance(found["429"], CreateRejectedError) and found["429"].retryable,
            told(found),
            "raise CreateRejectedError(…, retryable=True): the job waits until there is room",
        )

    def test_a_doubtful_create_is_ambiguous(self, wired: Driver, relay: Relay, staged: StagedInput) -> None:
        """A create without an answer that proves something is a CreateAmbiguousError."""
        found = self.creates(wired, relay, staged, *_DOUBTFUL)
        wrong = told(
            {fault: error for fault, error in found.items() if not isinstance(error, CreateAmbiguousError)}
        )
        self.require(not wrong, wrong, _OUTCOMES)

    def test_a_lost_create_is_found_by_its_tag(
        self, wired: Driver, relay: Relay, staged: StagedInput
    ) -> None:
        """After a lost reply, the tag finds the job that was created, and none that was not."""
        found = {}
        for fault in ("drop", "lose"):
            tag = new_tag()
            _failure(relay, fault, lambda tag=tag: wired.batch.create(staged, tag))  # type: ignore[misc]
            with self.succeeding("finding the tag of a create without a reply"):
                found[fault] = len(wired.batch.find(tag))
        self.require(
            found == {"lose": 1, "drop": 0},
            f"jobs found by the tag of a create that lost its reply, and of one that was dropped: {found}",
            "send the tag inside the create itself, not in a later request",
        )

    def test_a_failed_search_proves_nothing(self, wired: Driver, relay: Relay) -> None:
        """A list that can't be had is an error, never an empty list: the job would be created again."""
        found = {fault: _failure(relay, fault, lambda: wired.batch.find(new_tag())) for fault in _DOUBTFUL}
        wrong = told(
            {fault: error for fault, error in found.items() if not isinstance(error, EmbedlaneError)}
        )
        self.require(not wrong, wrong, "let find() raise what the failure is, such as TransientError")

    def test_a_failed_look_is_not_the_end(self, wired: Driver, relay: Relay, staged: StagedInput) -> None:
        """A state that can't be had is an error or UNKNOWN, never an end: the rows would be sent again."""
        name = wired.batch.create(staged, new_tag()).name
        found = {fault: _look(relay, fault, wired.batch, name) for fault in _DOUBTFUL}
        wrong = {
            fault: state for fault, state in found.items() if state not in ("error", RemoteState.UNKNOWN)
        }
        self.require(
            not wrong,
            f"get() said, though no answer could be read: {wrong}",
            "raise TransientError; GONE is what the service itself says of a job",
        )

    def test_a_broken_download_is_told(self, wired: Driver, relay: Relay) -> None:
        """Results that break off are an error or Malformed, never just fewer rows."""
        submitted = self.submit(wired, PLAIN)
        job = self.finish(wired, submitted).job
        with relay.striking(""):
            list(wired.batch.results(job))
            last = len(relay.requests) - 1
        change = "compare what came with what was announced, try again, and raise TransientError in the end"
        with relay.striking("cut", spared=last):
            try:
                results = list(wired.batch.results(job))
            except EmbedlaneError:
                return
            except Exception as error:
                self.broken(f"results() raised {type(error).__name__}: {error}", change)
        self.require(
            len(results) >= len(PLAIN) or any(isinstance(result, Malformed) for result in results),
            f"half of the last reply came through, and results() gave {len(results)} of {len(PLAIN)} rows",
            change,
        )

    def test_failures_are_errors_of_the_core(self, wired: Driver, relay: Relay) -> None:
        """Whatever fails in any call ends as an error of the core."""
        submitted = self.submit(wired, PLAIN)
        batch, file = wired.batch, wired.write(submitted.rows)
        calls: dict[str, Callable[[], object]] = {
            "stage": lambda: batch.stage(file, submitted.tag),
            "find": lambda: batch.find(submitted.tag),
            "get": lambda: batch.get(submitted.job.name),
            "results": lambda: list(batch.results(submitted.job)),
            "cancel": lambda: batch.cancel(submitted.job.name),
            "delete": lambda: batch.delete(submitted.job.name),
        }
        found = {
            f"{fault} in {name}()": _failure(relay, fault, call)
            for name, call in calls.items()
            for fault in ("401", "500", "drop", "garble")
        }
        foreign = told({f: e for f, e in found.items() if e and not isinstance(e, EmbedlaneError)})
        change = "turn the exceptions of every call of the SDK into errors of embedlane.plugin"
        self.require(not foreign, foreign, change)


def _failure(relay: Relay, fault: str, call: Callable[[], object]) -> Exception | None:
    """What *call* raises while *fault* strikes."""
    with relay.striking(fault):
        try:
            call()
        except Exception as error:
            return error
    return None


def _look(relay: Relay, fault: str, batch: BatchEmbedder, name: str) -> str:
    with relay.striking(fault):
        try:
            return batch.get(name).state
        except EmbedlaneError:
            return "error"
