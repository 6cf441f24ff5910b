"""The sync lane: from pending contents to stored vectors, now.

Theory of operation. One thread owns the ledger: it claims a window of pending contents, cuts it into
requests, hands them to a pool of callers, and commits each answer as it comes. Callers know no database.
Claims are written before the first byte is sent; the vector and the end of its claim are one transaction. A
kill at any instruction therefore loses at most the answers that were not yet committed, and the next run
starts where this one stopped; what is billed for an answer is written down with its vectors.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import attrs

from embedlane.errors import RequestRefusedError
from embedlane.models.card import Lane, Role
from embedlane.providers.halt import Halt
from embedlane.providers.requests import cut_requests
from embedlane.telemetry import count
from embedlane.vectors.archive import Archive, Refused
from embedlane.vectors.charges import Charges, Origin, Usage, as_said
from embedlane.vectors.claims import LEASE, Claims
from embedlane.vectors.listening import Listener
from embedlane.vectors.pending import Part, Pending, Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from embedlane.ledger.database import Ledger
    from embedlane.providers.caller import Answer, Caller
    from embedlane.vectors.bound import BoundSpace
    from embedlane.vectors.canaries import Canary
    from embedlane.vectors.meter import Meter

_log = logging.getLogger(__name__)

#: Texts claimed at once for each concurrent request of usual size.
_WINDOW = 256


@attrs.frozen(kw_only=True)
class SyncReport:
    """What a run of the sync lane did."""

    #: Vectors stored.
    stored: int = 0
    #: Contents that the provider refused.
    refused: int = 0
    #: Requests answered.
    requests: int = 0
    #: Tokens that the provider billed, or the estimate where it does not say.
    tokens: int = 0
    #: Whether all of `tokens` was said by the provider.
    tokens_measured: bool = True
    #: US dollars for them; None where no price is known.
    cost: float | None = None
    #: Whether it stopped because the next request might have cost more than was allowed.
    exhausted: bool = False
    #: Whether the run was interrupted.
    interrupted: bool = False


@attrs.define(eq=False)
class _Outcome:
    """What one request came to, on its way from a caller's thread to the ledger's."""

    request: list[Text]
    #: Answers, also those that came before an error.
    answers: list[tuple[Sequence[str], Answer]] = attrs.field(factory=list)
    refused: list[tuple[str, RequestRefusedError]] = attrs.field(factory=list)
    error: BaseException | None = None

    def refuse(self, text: str, error: RequestRefusedError) -> None:
        """Note that the provider will not take *text*."""
        self.refused.append((text, error))


@attrs.define(kw_only=True)
class SyncLane:
    """Embeds the pending contents of an index through one sync route."""

    ledger: Ledger
    bound: BoundSpace
    caller: Caller
    concurrency: int
    clock: Callable[[], float]
    #: Whose bill it is on: the name of the index.
    account: str
    #: Says how many tokens a content has, before it is billed.
    meter: Meter
    #: The most tokens that may be billed; None for any number.
    allowance: int | None = None
    #: Texts whose vectors are known; asked for before the first request.
    canaries: Sequence[Canary] = ()
    #: The part of the index to embed; None for all of it.
    part: Part | None = None
    #: The generation that the vectors are for, as in `Pending`.
    generation_id: int | None = None
    #: Which texts of the items are wanted; empty for their own.
    variant: str = ""
    #: Called with the number of contents that were answered.
    on_progress: Callable[[int], None] = lambda _count: None
    #: Seconds after which claims are renewed.
    renew_after: float = LEASE / 3
    _report: SyncReport = attrs.field(factory=SyncReport, init=False)
    _claims: Claims = attrs.field(
        init=False, default=attrs.Factory(lambda self: Claims(self.bound.id), takes_self=True)
    )
    _renewed: float = attrs.field(default=0.0, init=False)
    # Tokens that were billed, or are planned for the requests under way.
    _spoken_for: int = attrs.field(default=0, init=False)
    _halt: Halt = attrs.field(factory=Halt, init=False)
    # Callers append, the ledger's thread takes from the left, and only after the commit: whatever an
    # interrupt hits, a paid answer is in here or in the ledger.
    _outcomes: deque[_Outcome] = attrs.field(factory=deque, init=False)
    _ready: threading.Semaphore = attrs.field(factory=lambda: threading.Semaphore(0), init=False)

    def run(self, index_id: int, limit: int | None = None) -> SyncReport:
        """Embed until nothing is pending, or *limit* contents have been sent.

        On Ctrl-C nothing more is sent; requests under way are waited for and stored, for they are paid.

        Args:
            index_id: The index's number in the ledger.
            limit: The most contents to send; None for all.

        Raises:
            ProviderError: If a request fails for good; answers that came before are stored.
        """
        self._renewed = self.clock()
        self._spoken_for = self._planned_canaries()
        with self.ledger.write() as connection:
            self._claims.reap(connection)
        try:
            with ThreadPoolExecutor(self.concurrency, thread_name_prefix="embedlane-sync") as pool:
                self._drive(pool, self._requests(index_id, limit))
        finally:
            with self.ledger.write() as connection:
                self._claims.release(connection)
        return self._report

    def _drive(self, pool: ThreadPoolExecutor, requests: Iterator[list[Text]]) -> None:
        """Keep the pool busy, and store what it answers."""
        under_way, listened = 0, False
        try:
            for request in requests:
                if not listened:
                    self._listen()
                    listened = True
                pool.submit(self._work, request)
                under_way += 1
                # One request waits beside those under way, so that no caller idles during a commit.
                while under_way > self.concurrency:
                    under_way -= self._settle_next()
            while under_way:
                under_way -= self._settle_next()
        except BaseException as error:
            self._halt.turn()
            if isinstance(error, KeyboardInterrupt):
                _log.warning("interrupted: waiting for the requests that were sent, for they are paid")
            pool.shutdown(wait=True, cancel_futures=True)
            self._settle_rest()
            if not isinstance(error, KeyboardInterrupt):
                raise
            self._report = attrs.evolve(self._report, interrupted=True)

    def _listen(self) -> None:
        """Make sure that the model still answers as it did, before anything of its answers is stored."""
        if not self.canaries:
            return
        self._spoken_for -= self._planned_canaries()
        listener = Listener(
            ledger=self.ledger,
            bound=self.bound,
            caller=self.caller,
            origin=self._origin,
            planned=self.meter.by_rule,
            clock=self.clock,
        )
        self._bill(listener.require_the_same(self.canaries, self._halt))

    def _planned_canaries(self) -> int:
        return sum(self.meter.by_rule(len(canary.text)) for canary in self.canaries)

    def _requests(self, index_id: int, limit: int | None) -> Iterator[list[Text]]:
        """Claim pending contents window by window and cut them into requests."""
        pending = Pending(index_id, self.bound.id, self.part, self.generation_id, self.variant)
        after, left = "", limit
        while left is None or left > 0:
            size = _WINDOW * self.concurrency if left is None else min(left, _WINDOW * self.concurrency)
            with self.ledger.write() as connection:
                now = self.clock()
                window = pending.texts(connection, now, size, after)
                self._claims.take(connection, [text.hash for text in window], now)
            if not window:
                return
            after = window[-1].hash
            left = None if left is None else left - len(window)
            texts = iter(window)
            for cut in cut_requests([text.text for text in window], self.caller.checker.card):
                request = [next(texts) for _ in cut]
                if not self._afford(request):
                    return
                yield request

    def _afford(self, request: Sequence[Text]) -> bool:
        """Set aside what *request* is planned at, if that is allowed."""
        tokens = self._planned(request)
        if self.allowance is not None and self._spoken_for + tokens > self.allowance:
            self._report = attrs.evolve(self._report, exhausted=True)
            return False
        self._spoken_for += tokens
        return True

    def _planned(self, texts: Sequence[Text]) -> int:
        return sum(self.meter.tokens(text.hash, len(text.text)) for text in texts)

    def _work(self, request: list[Text]) -> None:
        """Do one request, in a caller's thread."""
        outcome = _Outcome(request)
        texts = [text.text for text in request]
        try:
            for answer in self.caller.call_each(texts, Role.DOCUMENT, outcome.refuse, self._halt):
                outcome.answers.append(answer)
        except BaseException as error:
            outcome.error = error
        self._outcomes.append(outcome)
        self._ready.release()

    def _settle_next(self) -> int:
        """Commit the next outcome, and raise its error; return how many outcomes that were."""
        found = self._ready.acquire(timeout=self.renew_after)
        self._renew()
        if not found:
            return 0
        outcome = self._outcomes[0]
        self._require_some_success(outcome)
        usage = self._store(outcome)
        self._outcomes.popleft()
        self._count(outcome, usage)
        if outcome.error is not None:
            raise outcome.error
        return 1

    def _settle_rest(self) -> None:
        """Store what was answered after the run has failed or was interrupted."""
        while self._outcomes:
            outcome = self._outcomes.popleft()
            # Each is tried once: a ledger that can't be written to is an error that stands already.
            with contextlib.suppress(Exception):
                self._count(outcome, self._store(outcome, again=True))

    def _require_some_success(self, outcome: _Outcome) -> None:
        """Tell a refusal of the route, a retired model say, from a refusal of a text."""
        if outcome.answers or len(outcome.refused) < 2 or self._report.stored:
            return
        self._outcomes.popleft()
        _, error = outcome.refused[0]
        raise RequestRefusedError(
            f"Provider {self.caller.checker.provider} refused all {len(outcome.refused)} texts of the first "
            f"request: {error.message}",
            error.hint or "`embedlane doctor` looks for the cause; nothing was recorded against the texts.",
            error.code,
        )

    def _renew(self) -> None:
        """Keep what was claimed but not answered yet, however slow the provider is."""
        now = self.clock()
        if now - self._renewed >= self.renew_after:
            with self.ledger.write() as connection:
                self._claims.renew(connection, now)
            self._renewed = now

    def _store(self, outcome: _Outcome, *, again: bool = False) -> Usage:
        """Store what one request came to, and what is billed for it.

        Args:
            outcome: Answers and refusals.
            again: It may be stored already: an interrupt can come right after the commit.
        """
        sent = {text.text: text for text in outcome.request}
        refused = [
            Refused(sent[text].hash, error.code or "refused", error.message)
            for text, error in outcome.refused
        ]
        answers = [([sent[text] for text in texts], answer) for texts, answer in outcome.answers]
        usage = sum((self._usage(texts, answer) for texts, answer in answers), Usage())
        archive, origin = Archive(self.bound), self._origin
        with self.ledger.write() as connection:
            if again and not self._claims.held(connection, _settled(answers, refused)):
                return usage
            for texts, answer in answers:
                archive.store(connection, [text.hash for text in texts], answer.vectors)
            archive.refuse(connection, refused, origin, self.clock())
            Charges(self.bound.id, origin).add(connection, usage, self.clock())
        return usage

    def _usage(self, texts: Sequence[Text], answer: Answer) -> Usage:
        planned, measured = self._planned(texts), as_said(answer.tokens)
        return Usage(
            rows=len(texts),
            characters=sum(len(text.text) + self.meter.overhead for text in texts),
            planned=planned,
            measured=measured or 0,
            estimated=planned if measured is None else 0,
        )

    @property
    def _origin(self) -> Origin:
        checker = self.caller.checker
        return Origin(
            provider=checker.provider,
            lane=Lane.SYNC,
            run=self._claims.owner,
            account=self.account,
            price=checker.card.price.sync,
        )

    def _count(self, outcome: _Outcome, usage: Usage) -> None:
        self._spoken_for -= self._planned(outcome.request)
        self._bill(usage)
        labels = {"embedlane.lane": "sync", "gen_ai.provider.name": self.caller.checker.provider}
        count("embedlane.rows", usage.rows, {**labels, "embedlane.outcome": "stored"})
        count("embedlane.rows", len(outcome.refused), {**labels, "embedlane.outcome": "refused"})
        report = self._report
        self._report = attrs.evolve(
            report,
            stored=report.stored + usage.rows,
            refused=report.refused + len(outcome.refused),
            requests=report.requests + len(outcome.answers),
        )
        self.on_progress(len(outcome.request))

    def _bill(self, usage: Usage) -> None:
        report, tokens = self._report, self._report.tokens + usage.tokens
        self._spoken_for += usage.tokens
        self._report = attrs.evolve(
            report,
            tokens=tokens,
            tokens_measured=report.tokens_measured and not usage.estimated,
            cost=self.caller.checker.card.price.cost(Lane.SYNC, tokens),
        )


def _settled(answers: Sequence[tuple[Sequence[Text], Answer]], refused: Sequence[Refused]) -> list[str]:
    """The contents of a request that were answered or refused: their claims end when that is stored."""
    return [text.hash for texts, _ in answers for text in texts] + [no.content_hash for no in refused]
