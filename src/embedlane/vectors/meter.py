"""How many tokens a content will be billed for: counted, or estimated by a rule that says what it is.

Plans, budgets, jobs and charges all use these numbers, so that what was planned can be compared with what was
billed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

import attrs

from embedlane.models.card import Role
from embedlane.vectors.charges import billed_texts

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from embedlane.models.card import ModelCard
    from embedlane.models.space import Space
    from embedlane.text.tokens import TokenCounter
    from embedlane.vectors.pending import Pending

#: Contents whose tokens are counted one by one. Pages are in the order of hashes, so the first ones are a
#: fair sample of all.
SAMPLE = 4000
#: Texts that must have been billed before their characters per token are believed.
ENOUGH = 100


class Basis(StrEnum):
    """How tokens were found."""

    #: All of them by the model's own tokenizer.
    COUNTED = "counted"
    #: The first `SAMPLE` contents by the model's own tokenizer, the others by their characters.
    SAMPLED = "sampled"
    #: By the characters per token that the index was billed for so far.
    CALIBRATED = "calibrated"
    #: By the characters per token on the model's card.
    ESTIMATED = "estimated"


@attrs.frozen(kw_only=True)
class Meter:
    """Says how many tokens a content of an index has, before it is billed."""

    #: How they are found.
    basis: Basis
    #: Characters that make one token, where they are not counted.
    characters_per_token: float
    #: Characters that the space's template adds to each text.
    overhead: int = 0
    #: Tokens by content hash, where they are counted.
    counted: Mapping[str, int] = MappingProxyType({})
    #: What the counted contents have more, or fewer, than by the rule.
    correction: int = 0

    @property
    def rule(self) -> str:
        """How they are found, in words."""
        each = f"{self.characters_per_token:.3g} characters per token"
        match self.basis:
            case Basis.COUNTED:
                return "by the model's own tokenizer"
            case Basis.SAMPLED:
                return f"by the model's own tokenizer on {len(self.counted):,} texts: {each}"
            case Basis.CALIBRATED:
                return f"{each}, as the index was billed so far"
            case Basis.ESTIMATED:
                return f"{each}, from the model's card"

    def tokens(self, content: str, characters: int) -> int:
        """Tokens of the content with the hash *content*, whose text has *characters*."""
        known = self.counted.get(content)
        return self.by_rule(characters) if known is None else known

    def total(self, lengths: Mapping[int, int]) -> int:
        """Tokens of all pending contents.

        Args:
            lengths: For each number of characters, how many pending contents have it.
        """
        found = (self.by_rule(characters) * number for characters, number in lengths.items())
        return sum(found) + self.correction

    def by_rule(self, characters: int) -> int:
        """Tokens of a text with so many characters, where they are not counted."""
        # A quotient that is whole but for the error of a float is not rounded up.
        return max(1, math.ceil((characters + self.overhead) / self.characters_per_token - 1e-9))


def read_meter(
    connection: Connection,
    pending: Pending,
    space: Space,
    card: ModelCard,
    counter: TokenCounter,
    account: str,
    now: float,
) -> Meter:
    """Find out how tokens of the *pending* contents are best known.

    Args:
        connection: A transaction.
        pending: What is to be sent.
        space: The space it is for.
        card: The space's model.
        counter: The best counter that is installed for it.
        account: The index, whose bills so far say more than the card.
        now: Seconds since 1970.
    """
    overhead = len(space.render("", Role.DOCUMENT))
    sample = pending.texts(connection, now, SAMPLE) if counter.exact else []
    if sample:
        counts = counter.count([space.render(text.text, Role.DOCUMENT) for text in sample])
        counted = {text.hash: tokens for text, tokens in zip(sample, counts, strict=True)}
        characters = sum(len(text.text) + overhead for text in sample)
        meter = Meter(
            basis=Basis.COUNTED if len(sample) < SAMPLE else Basis.SAMPLED,
            characters_per_token=max(characters, 1) / max(sum(counts), 1),
            overhead=overhead,
            counted=MappingProxyType(counted),
        )
        expected = sum(meter.by_rule(len(text.text)) for text in sample)
        return attrs.evolve(meter, correction=sum(counts) - expected)
    known = billed_texts(connection, pending.space_id, account)
    if known.rows >= ENOUGH and known.measured:
        return Meter(
            basis=Basis.CALIBRATED,
            characters_per_token=known.characters / known.measured,
            overhead=overhead,
        )
    return Meter(basis=Basis.ESTIMATED, characters_per_token=card.characters_per_token, overhead=overhead)


@attrs.frozen
class MeteredRows:
    """The pending contents of an index with their tokens, as jobs and budgets are planned from them."""

    #: The contents.
    pending: Pending
    #: Says how many tokens they have.
    meter: Meter
    #: Tokens of what goes with so many of them.
    besides: Callable[[int], int] = lambda _rows: 0

    def sizes(self, connection: Connection, now: float, limit: int, after: str = "") -> list[tuple[str, int]]:
        """Up to *limit* hashes above *after*, in their order, with the tokens of their texts."""
        found = self.pending.sizes(connection, now, limit, after)
        return [(content, self.meter.tokens(content, characters)) for content, characters in found]
