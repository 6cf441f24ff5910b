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
    from embedlane.providers.caller import Answer, Caller
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
        self._require_fit([text], Role.QUERY)
        vector: NDArray[np.float32] = self.caller.call([text], Role.QUERY).vectors[0]
        return vector

    def embed_documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed documents, in as many requests as the limits ask for.

        Returns:
            Unit vectors in the order of *texts*, of shape (len(texts), dimensions).

        Raises:
            UsageError: If a text is empty or over the model's limit, or *texts* is a single text.
            ProviderError: If the provider fails, after retries.
        """
        requests = self._requests(texts)
        with ThreadPoolExecutor(self.concurrency) as pool:
            answers = list(pool.map(lambda request: self.caller.call(request, Role.DOCUMENT), requests))
        return self._together(answers)

    async def aembed_query(self, text: str) -> NDArray[np.float32]:
        """Do what `embed_query` does, without blocking the event loop."""
        self._require_fit([text], Role.QUERY)
        answer = await self.caller.acall([text], Role.QUERY)
        vector: NDArray[np.float32] = answer.vectors[0]
        return vector

    async def aembed_documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Do what `embed_documents` does, without blocking the event loop."""
        places = asyncio.Semaphore(self.concurrency)

        async def call(request: Sequence[str]) -> Answer:
            async with places:
                return await self.caller.acall(request, Role.DOCUMENT)

        return self._together(await asyncio.gather(*map(call, self._requests(texts))))

    def close(self) -> None:
        """Give back the provider's connections and memory."""
        self.caller.embedder.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _requests(self, texts: Sequence[str]) -> list[list[str]]:
        if isinstance(texts, str):
            raise UsageError("embed_documents got one text.", "Give it a list: embed_documents([text]).")
        self._require_fit(texts, Role.DOCUMENT)
        return list(cut_requests(texts, self.caller.checker.card))

    def _together(self, answers: Sequence[Answer]) -> NDArray[np.float32]:
        if not answers:
            return np.empty((0, self.space.dimensions), dtype=np.float32)
        return np.concatenate([answer.vectors for answer in answers])

    def _require_fit(self, texts: Sequence[str], role: Role) -> None:
        for number, text in enumerate(texts):
            if not text.strip():
                raise UsageError(f"Text {number} is empty.", "Leave it out: an empty text has no direction.")
        limit = self.caller.checker.card.limits.tokens_per_input
        if limit is None:
            return
        rendered = [self.space.render(text, role) for text in texts]
        # A token takes at least one byte, and tokenizers add at most two of their own. Beyond ASCII one
        # character can be several tokens.
        suspects = [n for n, text in enumerate(rendered) if len(text) + 2 > limit or not text.isascii()]
        counts = self.counter.count([rendered[number] for number in suspects]) if suspects else ()
        for number, tokens in zip(suspects, counts, strict=True):
            if tokens > limit:
                about = "" if self.counter.exact else "about "
                raise UsageError(
                    f"Text {number} has {about}{tokens} tokens; {self.space.model} takes {limit}.",
                    "Cut it into pieces, or add it to an index with on_too_long = 'chunk' or 'truncate'.",
                )
