"""Counting tokens: exactly where the model's tokenizer is at hand, by a calibrated rule elsewhere."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

import attrs

if TYPE_CHECKING:
    from collections.abc import Sequence


class TokenCounter(Protocol):
    """Counts tokens as the model does, without loading the model."""

    @property
    def exact(self) -> bool:
        """Whether counts are the model's own; False for estimates."""
        ...

    def count(self, texts: Sequence[str]) -> Sequence[int]:
        """Tokens of each text, special tokens included."""
        ...

    def cut(self, text: str, tokens: int) -> str:
        """The longest head of *text* that has at most *tokens* tokens."""
        ...


@attrs.frozen
class EstimatedCounter:
    """Counts by a number of characters per token, where no tokenizer is at hand."""

    #: From the model card; measured on English prose.
    characters_per_token: float
    #: An estimate is never exact.
    exact: bool = attrs.field(default=False, init=False)

    def count(self, texts: Sequence[str]) -> Sequence[int]:
        """Estimated tokens of each text, rounded up."""
        return [math.ceil(len(text) / self.characters_per_token) for text in texts]

    def cut(self, text: str, tokens: int) -> str:
        """The head of *text* with the characters of *tokens* estimated tokens."""
        return text[: self.characters(tokens)]

    def characters(self, tokens: int) -> int:
        """The most characters that count as *tokens* tokens."""
        most = int(tokens * self.characters_per_token)
        # The product may have been rounded up to a whole number.
        return most - 1 if math.ceil(most / self.characters_per_token) > tokens else most
