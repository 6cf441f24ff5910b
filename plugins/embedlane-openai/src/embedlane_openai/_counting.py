"""Counting tokens with tiktoken, where its data is at hand."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, final

import attrs
import tiktoken

from embedlane.plugin import InputError
from embedlane_openai import _ranks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from embedlane.plugin import OpenContext

#: Threads of one call: the core may count on several threads already.
_THREADS = 2


@final
@attrs.frozen
class TiktokenCounter:
    """A TokenCounter with the model's own tokens."""

    #: The tokenizer.
    encoding: tiktoken.Encoding
    #: Counts are the model's own.
    exact: bool = attrs.field(default=True, init=False)

    def count(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text; words such as ``<|endoftext|>`` count as the text that they are."""
        return list(map(len, self.encoding.encode_ordinary_batch(list(texts), num_threads=_THREADS)))

    def cut(self, text: str, tokens: int) -> str:
        """The head of *text* with its first tokens, at most *tokens* of them.

        A token may end inside a character, which is then left out. A head may also make more tokens than it
        did with the rest behind it; it is shortened until it does not.
        """
        found = self.encoding.encode_ordinary(text)
        if len(found) <= tokens:
            return text
        for kept in range(tokens, 0, -1):
            size = len(self.encoding.decode_bytes(found[:kept]).decode("utf-8", "ignore"))
            if len(self.encoding.encode_ordinary(text[:size])) <= tokens:
                return text[:size]
        return ""


def open_counter(_context: OpenContext) -> TiktokenCounter:
    """Open the counter; the network is never asked.

    Raises:
        InputError: If tiktoken's data is gone since the route was declared, or is damaged.
    """
    path = _ranks.data_file()
    if path is None or not path.is_file():
        raise InputError(f"tiktoken's data of {_ranks.ENCODING} is gone from {path}.", _ADVICE)
    if hashlib.sha256(path.read_bytes()).hexdigest() != _ranks.DIGEST:
        # tiktoken would drop the file and download another.
        raise InputError(f"{path} is not tiktoken's data of {_ranks.ENCODING}; it may be damaged.", _ADVICE)
    return TiktokenCounter(tiktoken.get_encoding(_ranks.ENCODING))


_ADVICE = "Remove the file to have tokens estimated, or put the right one there: see the plugin's README."
