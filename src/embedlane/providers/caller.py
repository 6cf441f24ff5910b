"""Calling a sync embedder: within the rate, again where that helps, and checked."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import attrs
import tenacity

from embedlane.errors import RequestRefusedError, TransientError
from embedlane.models.card import Role
from embedlane.providers.halt import Halt
from embedlane.telemetry import count, span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    import numpy as np
    from numpy.typing import NDArray

    from embedlane.providers.checks import Checker
    from embedlane.providers.interfaces import SyncEmbedder
    from embedlane.providers.rates import RateLimit
    from embedlane.providers.values import RawEmbeddings

_log = logging.getLogger(__name__)


@attrs.frozen(kw_only=True)
class Retries:
    """How long a request is tried again after a `TransientError`."""

    #: Attempts in all.
    attempts: int = 8
    #: A failure later than these seconds after the first attempt is final; so is one whose provider asks
    #: for a longer pause than that (a quota that is renewed tomorrow, say).
    seconds: float = 300.0
    #: Seconds of the first pause; doubled each time, up to `longest_pause`.
    first_pause: float = 0.5
    #: Seconds of the longest pause that is not asked for by the provider.
    longest_pause: float = 30.0


@attrs.frozen(kw_only=True, eq=False)
class Answer:
    """What one request came to."""

    #: An (inputs, dimensions) array of unit vectors.
    vectors: NDArray[np.float32]
    #: Tokens that the provider billed; None if it does not say.
    tokens: int | None


@attrs.frozen(kw_only=True, eq=False)
class Caller:
    """A sync embedder with the core's rules around it. May be used from several threads."""

    #: The plugin's embedder.
    embedder: SyncEmbedder
    #: Checks what comes back.
    checker: Checker
    #: Shared by all threads of the route.
    rate: RateLimit
    #: When to try again.
    retries: Retries = Retries()

    def call(self, texts: Sequence[str], role: Role, halt: Halt | None = None) -> Answer:
        """Embed *texts*, which the limits allow in one request.

        Args:
            texts: The texts, without the space's template.
            role: What they are for.
            halt: Ends waits for the rate and before a retry.

        Raises:
            TransientError: If it still fails after all retries.
            RequestRefusedError: If the provider will not take the request.
            ResponseError: If the answer breaks the contract.
            CredentialError: If the provider does not take the secret.
            HaltedError: If *halt* was turned before the request was sent.
        """
        halt = halt or Halt()
        rendered = self._rendered(texts, role)

        def send() -> RawEmbeddings:
            self.rate.wait(len(rendered), self._estimate(rendered), halt)
            halt.check()
            with self._traced(rendered):
                return self.embedder.embed(rendered, role)

        return self._answer(tenacity.Retrying(sleep=halt.sleep, **self._rules())(send), len(texts))

    async def acall(self, texts: Sequence[str], role: Role) -> Answer:
        """Do what `call` does, without blocking the event loop: natively where the plugin can."""
        native = getattr(self.embedder, "aembed", None)
        if native is None:
            return await asyncio.to_thread(self.call, texts, role)
        rendered = self._rendered(texts, role)

        async def send() -> RawEmbeddings:
            await asyncio.to_thread(self.rate.wait, len(rendered), self._estimate(rendered), Halt())
            with self._traced(rendered):
                raw: RawEmbeddings = await native(rendered, role)
            return raw

        return self._answer(await tenacity.AsyncRetrying(**self._rules())(send), len(texts))

    def call_each(
        self,
        texts: Sequence[str],
        role: Role,
        refuse: Callable[[str, RequestRefusedError], Any],
        halt: Halt | None = None,
    ) -> Iterator[tuple[Sequence[str], Answer]]:
        """Embed *texts*, halving a refused request until the texts at fault stand alone.

        Args:
            texts: What the limits allow in one request.
            role: What they are for.
            refuse: Called with each text that is refused by itself, and the refusal.
            halt: Ends waits for the rate and before a retry.

        Yields:
            Texts with their answer as it comes, together all that were not refused.
        """
        try:
            answer = self.call(texts, role, halt)
        except RequestRefusedError as error:
            if len(texts) == 1:
                refuse(texts[0], error)
                return
            _log.info("a request of %d texts was refused, trying its halves: %s", len(texts), error)
        else:
            yield texts, answer
            return
        middle = len(texts) // 2
        yield from self.call_each(texts[:middle], role, refuse, halt)
        yield from self.call_each(texts[middle:], role, refuse, halt)

    def _traced(self, texts: Sequence[str]) -> AbstractContextManager[Any]:
        """A span for one request, named as OpenTelemetry's conventions for generative AI say."""
        return span(
            f"embeddings {self.checker.card.id.model}",
            {
                "gen_ai.operation.name": "embeddings",
                "gen_ai.provider.name": self.checker.provider,
                "gen_ai.request.model": self.checker.card.id.model,
                "embedlane.texts": len(texts),
            },
        )

    def _rendered(self, texts: Sequence[str], role: Role) -> list[str]:
        return [self.checker.space.render(text, role) for text in texts]

    def _answer(self, raw: RawEmbeddings, inputs: int) -> Answer:
        answer = Answer(vectors=self.checker.call(raw, inputs), tokens=raw.tokens)
        labels = {"embedlane.lane": "sync", "gen_ai.provider.name": self.checker.provider}
        count("embedlane.tokens", raw.tokens or 0, labels)
        return answer

    def _estimate(self, texts: Sequence[str]) -> int:
        return self.checker.card.estimate_tokens(sum(map(len, texts)), len(texts))

    def _rules(self) -> dict[str, Any]:
        """When to try again, and when no more."""
        retries = self.retries
        return {
            "retry": tenacity.retry_if_exception(self._may_pass),
            "wait": self._pause,
            "stop": tenacity.stop_after_attempt(retries.attempts)
            | tenacity.stop_after_delay(retries.seconds),
            "reraise": True,
        }

    def _may_pass(self, error: BaseException) -> bool:
        return isinstance(error, TransientError) and (error.retry_after or 0.0) <= self.retries.seconds

    def _pause(self, state: tenacity.RetryCallState) -> float:
        """Seconds until the next attempt: the provider's own, where it said so."""
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, TransientError) and error.retry_after is not None:
            # A time that has passed by now comes out negative.
            return max(0.0, error.retry_after)
        first, longest = self.retries.first_pause, self.retries.longest_pause
        wait = tenacity.wait_exponential(multiplier=first) + tenacity.wait_random(0, first)
        return min(wait(state), longest)
