"""The model's tokenizer: counting, cutting, and the ids that go into the model."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Self, final

import attrs
from tokenizers import Tokenizer

from embedlane.plugin.offline import Settings
from embedlane_minilm._weights import PROVIDER, TOKENIZER, find_folder, verified

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from embedlane.plugin import OpenContext

#: [CLS] before each text and [SEP] after it.
_SPECIAL = 2


@final
@attrs.define
class MiniLmTokens:
    """A TokenCounter with the model's own tokens."""

    #: Neither truncates nor pads.
    tokenizer: Tokenizer
    #: Counts are the model's own.
    exact: bool = attrs.field(default=True, init=False)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the tokenizer from its JSON file."""
        # Threads inside the tokenizer don't survive a fork, and it warns of that. The model takes the time.
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        tokenizer = Tokenizer.from_file(str(path))
        # The file asks for 128 tokens exactly: counts would stop there.
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return cls(tokenizer)

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each text, special tokens included."""
        return [encoding.ids for encoding in self.tokenizer.encode_batch_fast(list(texts))]

    def count(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, special tokens included."""
        return list(map(len, self.encode(texts)))

    def cut(self, text: str, tokens: int) -> str:
        """The longest head of *text* that has at most *tokens* tokens, special tokens included."""
        offsets = self.tokenizer.encode(text).offsets
        if len(offsets) <= tokens:
            return text
        if tokens < _SPECIAL:
            return ""
        # A head that ends where a token begins has just the tokens before it: WordPiece takes the longest
        # piece from the left. Where one character makes several tokens (Hangul does), all begin at its place.
        first_dropped = tokens - _SPECIAL + 1
        return text[: offsets[first_dropped][0]]


def open_counter(context: OpenContext) -> MiniLmTokens:
    """Open the counter; the weights are neither read nor verified.

    Raises:
        ConfigError: If the setting ``path`` can't be right.
        MissingDependencyError: If the model's files are not installed.
        InputError: If the tokenizer's file is not the model's.
    """
    folder = find_folder(Settings(PROVIDER, context.settings))
    return MiniLmTokens.load(verified(folder / TOKENIZER, context.directory))
