"""An embedder for people who want vectors and no index."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Self

import attrs
import numpy as np

from embedlane.errors import UsageError
from embedlane.models.card import Role
from embedlane.providers.requests import cut_requests

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from embedlane.models.space import Space
    from embedlane.providers.caller import Caller
    from embedlane.text.tokens import TokenCounter


@attrs.frozen(kw_only=True, eq=False)
class Embedder:
    """Embeds queries and documents through one route, checked and normalised.

    All vectors are float32 with unit length, so that a dot product is the cosine. Use it as a context
    manager, or close it. It may be used from several threads.
    """

    #: Calls the provider.
    caller: Caller
    #: Counts tokens, for the check of the limit.
    counter: TokenCounter
    #: Requests that may be under way at once.
    concurrency: int = 1

    @property
    def space(self) -> Space:
        """The space of its vectors."""
        return self.caller.checker.space

    def embed_query(self, text: str) -> NDArray[np.float32]:
        """Embed a query.

        Returns:
            A unit vector of shape (dimensions,).

        Raises:
            UsageError: If the text is empty or over the model's limit.
            ProviderError: If the provider fails, after retries.
        """
        self._require_fit([text])
        vector: NDArray[np.float32] = self.caller.call([text], Role.QUERY).vectors[0]
        return vector

    def embed_documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed documents, in as many requests as the limits ask for.

        Returns:
            Unit vectors in the order of *texts*, of shape (len(texts), dimensions).

        Raises:
            UsageError: If a text is empty or over the model's limit.
            ProviderError: If the provider fails, after retries.
        """
        if not texts:
            return np.empty((0, self.space.dimensions), dtype=np.float32)
        self._require_fit(texts)
        requests = list(cut_requests(texts, self.caller.checker.card))
        with ThreadPoolExecutor(self.concurrency) as pool:
            answers = pool.map(lambda request: self.caller.call(request, Role.DOCUMENT).vectors, requests)
            return np.concatenate(list(answers))

    async def aembed_query(self, text: str) -> NDArray[np.float32]:
        """Do what `embed_query` does, without blocking the event loop."""
        return await asyncio.to_thread(self.embed_query, text)

    async def aembed_documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Do what `embed_documents` does, without blocking the event loop."""
        return await asyncio.to_thread(self.embed_documents, texts)

    def close(self) -> None:
        """Give back the provider's connections and memory."""
        self.caller.embedder.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _require_fit(self, texts: Sequence[str]) -> None:
        for number, text in enumerate(texts):
            if not text.strip():
                raise UsageError(f"Text {number} is empty.", "Leave it out: an empty text has no direction.")
        limit = self.caller.checker.card.limits.tokens_per_input
        if limit is None:
            return
        # A token takes at least one character, and tokenizers add at most two of their own.
        suspects = [number for number, text in enumerate(texts) if len(text) + 2 > limit]
        counts = self.counter.count([texts[number] for number in suspects]) if suspects else ()
        for number, tokens in zip(suspects, counts, strict=True):
            if tokens > limit:
                about = "" if self.counter.exact else "about "
                raise UsageError(
                    f"Text {number} has {about}{tokens} tokens; {self.space.model} takes {limit}.",
                    "Cut it into pieces, or add it to an index with on_too_long = 'chunk' or 'truncate'.",
                )
