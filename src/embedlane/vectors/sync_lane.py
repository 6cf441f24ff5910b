"""The sync lane: from pending contents to stored vectors, now.

Theory of operation. One thread owns the ledger: it claims a window of pending contents, cuts it into
requests, hands them to a pool of callers, and commits each answer as it comes. Callers know no database.
Claims are written before the first byte is sent; the vector and the end of its claim are one transaction. A
kill at any instruction therefore loses at most the answers that were not yet committed, and the next run
starts where this one stopped.
"""

from __future__ import annotations

import contextlib
import logging
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

import attrs

from embedlane.models.card import Role
from embedlane.providers.requests import cut_requests
from embedlane.vectors.archive import Archive, Refused
from embedlane.vectors.claims import Claims
from embedlane.vectors.pending import Pending, Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from embedlane.errors import RequestRefusedError
    from embedlane.ledger.database import Ledger
    from embedlane.providers.caller import Answer, Caller
    from embedlane.vectors.bound import BoundSpace

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
    #: Whether the run was interrupted.
    interrupted: bool = False


@attrs.frozen(eq=False)
class _Answered:
    """One request's outcome, on its way from a caller's thread to the ledger's."""

    answers: list[tuple[Sequence[str], Answer]]
    refused: list[tuple[str, RequestRefusedError]]


@attrs.define(kw_only=True)
class SyncLane:
    """Embeds the pending contents of an index through one sync route."""

    ledger: Ledger
    bound: BoundSpace
    caller: Caller
    concurrency: int
    clock: Callable[[], float]
    #: Called with the number of contents that were answered.
    on_progress: Callable[[int], None] = lambda _count: None
    _report: SyncReport = attrs.field(factory=SyncReport, init=False)

    def run(self, index_id: int, limit: int | None = None) -> SyncReport:
        """Embed until nothing is pending, or *limit* contents have been sent.

        On Ctrl-C nothing more is sent; requests under way are waited for and stored, for they are paid.

        Args:
            index_id: The index's number in the ledger.
            limit: The most contents to send; None for all.

        Raises:
            ProviderError: If a request fails for good; answers that came before are stored.
        """
        claims = Claims(self.bound.id)
        with self.ledger.write() as connection:
            claims.reap(connection)
        try:
            with ThreadPoolExecutor(self.concurrency, thread_name_prefix="embedlane-sync") as pool:
                self._drive(pool, self._requests(index_id, claims, limit))
        finally:
            with self.ledger.write() as connection:
                claims.release(connection)
        return self._report

    def _drive(self, pool: ThreadPoolExecutor, requests: Iterator[list[Text]]) -> None:
        """Keep the pool busy, and store what it answers."""
        under_way: dict[Future[_Answered], list[Text]] = {}
        try:
            for request in requests:
                under_way[pool.submit(self._call, request)] = request
                # One request waits beside those under way, so that no caller idles during a commit.
                while len(under_way) > self.concurrency:
                    self._store_next(under_way)
            while under_way:
                self._store_next(under_way)
        except KeyboardInterrupt:
            self._report = attrs.evolve(self._report, interrupted=True)
            _log.warning("interrupted: waiting for %d requests that are already paid", len(under_way))
            self._settle(under_way)
        except BaseException:
            self._settle(under_way)
            raise

    def _settle(self, under_way: dict[Future[_Answered], list[Text]]) -> None:
        """Send nothing more; store what still comes, and let the first error of the run stand."""
        for future in [future for future in under_way if future.cancel()]:
            del under_way[future]
        while under_way:
            with contextlib.suppress(Exception):
                self._store_next(under_way)

    def _requests(self, index_id: int, claims: Claims, limit: int | None) -> Iterator[list[Text]]:
        """Claim pending contents window by window and cut them into requests."""
        pending = Pending(index_id, self.bound.id)
        after, left = "", limit
        while left is None or left > 0:
            size = _WINDOW * self.concurrency if left is None else min(left, _WINDOW * self.concurrency)
            with self.ledger.write() as connection:
                now = self.clock()
                window = pending.texts(connection, now, size, after)
                claims.take(connection, [text.hash for text in window], now)
            if not window:
                return
            after = window[-1].hash
            left = None if left is None else left - len(window)
            texts = iter(window)
            for request in cut_requests([text.text for text in window], self.caller.checker.card):
                yield [next(texts) for _ in request]

    def _call(self, request: list[Text]) -> _Answered:
        refused: list[tuple[str, RequestRefusedError]] = []
        answers = self.caller.call_each(
            [text.text for text in request],
            Role.DOCUMENT,
            lambda text, error: refused.append((text, error)),
        )
        return _Answered(answers, refused)

    def _store_next(self, under_way: dict[Future[_Answered], list[Text]]) -> None:
        """Commit the next answer, or raise the next error."""
        done, _ = wait(under_way, return_when=FIRST_COMPLETED)
        future = done.pop()
        request = under_way[future]
        if future.exception() is not None:
            del under_way[future]
        answered = future.result()
        hashes = {text.text: text.hash for text in request}
        refused = [
            Refused(hashes[text], error.code or "refused", error.message) for text, error in answered.refused
        ]
        archive = Archive(self.bound)
        with self.ledger.write() as connection:
            for texts, answer in answered.answers:
                archive.store(connection, [hashes[text] for text in texts], answer.vectors)
            archive.refuse(connection, refused, self.clock())
        # Only now: an interrupt before the commit must find the paid answer still here.
        del under_way[future]
        self._count(answered)
        self.on_progress(len(request))

    def _count(self, answered: _Answered) -> None:
        report, card = self._report, self.caller.checker.card
        for texts, answer in answered.answers:
            characters = sum(map(len, texts))
            tokens = answer.tokens if answer.tokens is not None else card.estimate_tokens(characters)
            report = attrs.evolve(
                report,
                stored=report.stored + len(texts),
                requests=report.requests + 1,
                tokens=report.tokens + tokens,
                tokens_measured=report.tokens_measured and answer.tokens is not None,
            )
        self._report = attrs.evolve(report, refused=report.refused + len(answered.refused))
