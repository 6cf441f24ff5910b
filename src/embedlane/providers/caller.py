"""Calling a sync embedder: within the rate, again where that helps, and checked."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import attrs
import stamina

from embedlane.errors import RequestRefusedError, TransientError
from embedlane.models.card import Role

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from embedlane.providers.checks import Checker
    from embedlane.providers.interfaces import SyncEmbedder
    from embedlane.providers.rates import RateLimit

_log = logging.getLogger(__name__)


@attrs.frozen(kw_only=True)
class Retries:
    """How long a request is tried again after a `TransientError`."""

    #: Attempts in all.
    attempts: int = 8
    #: Seconds from the first attempt after which no other is begun.
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

    def call(self, texts: Sequence[str], role: Role) -> Answer:
        """Embed *texts*, which the limits allow in one request.

        Raises:
            TransientError: If it still fails after all retries.
            RequestRefusedError: If the provider will not take the request.
            ResponseError: If the answer breaks the contract.
            CredentialError: If the provider does not take the secret.
        """
        space = self.checker.space
        rendered = [space.render(text, role) for text in texts]
        for attempt in stamina.retry_context(
            on=_pause,
            attempts=self.retries.attempts,
            timeout=self.retries.seconds,
            wait_initial=self.retries.first_pause,
            wait_max=self.retries.longest_pause,
        ):
            with attempt:
                self.rate.wait(len(texts), self._estimate(rendered))
                raw = self.embedder.embed(rendered, role)
        return Answer(vectors=self.checker.call(raw, len(texts)), tokens=raw.tokens)

    def call_each(
        self, texts: Sequence[str], role: Role, refuse: Callable[[str, RequestRefusedError], Any]
    ) -> list[tuple[Sequence[str], Answer]]:
        """Embed *texts*, halving a refused request until the texts at fault stand alone.

        Args:
            texts: What the limits allow in one request.
            role: What they are for.
            refuse: Called with each text that is refused by itself, and the refusal.

        Returns:
            Texts with their answer, together all that were not refused.
        """
        try:
            return [(texts, self.call(texts, role))]
        except RequestRefusedError as error:
            if len(texts) == 1:
                refuse(texts[0], error)
                return []
            _log.info("a request of %d texts was refused, trying its halves: %s", len(texts), error)
        middle = len(texts) // 2
        return self.call_each(texts[:middle], role, refuse) + self.call_each(texts[middle:], role, refuse)

    def _estimate(self, texts: Sequence[str]) -> int:
        return self.checker.card.estimate_tokens(sum(map(len, texts)), len(texts))


def _pause(error: Exception) -> bool | float:
    """Whether to try again after *error*: at the time the provider asked for, where it did."""
    if not isinstance(error, TransientError):
        return False
    return True if error.retry_after is None else float(error.retry_after)
