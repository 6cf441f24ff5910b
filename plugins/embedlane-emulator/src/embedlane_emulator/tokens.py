"""How texts are counted: four characters make a token, whatever the model.

The real counts need each model's own vocabulary; this one is the same everywhere and on every machine, and
near enough for English prose. Code has more tokens than it says.
"""

from __future__ import annotations

import math

_CHARACTERS = 4


def count_tokens(characters: int) -> int:
    """Tokens of a text of so many characters."""
    return math.ceil(characters / _CHARACTERS)


def cut_text(text: str, tokens: int) -> str:
    """The head of a text that has so many tokens."""
    return text[: tokens * _CHARACTERS]
