"""What the suites embed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from embedlane.models.card import ModelCard
    from embedlane.text.tokens import TokenCounter

#: Ordinary texts; no two share much.
PLAIN = (
    "The cat sat on the mat.",
    "Interest rates rise again this autumn.",
    "A ship leaves the harbour at dawn, bound for the islands.",
    "def area(radius): return 3.14159 * radius ** 2",
    "Water boils at a hundred degrees.",
)
#: The name of each is what it is known for; no two mean or spell the same.
UNICODE = {
    "umlauts": "Größe, naïveté, Ångström und œuvre",
    "greek": "Καλημέρα κόσμε",
    "cyrillic": "Доброе утро, мир",
    "arabic, right to left": "صباح الخير يا عالم",
    "devanagari, combining marks": "सुप्रभात दुनिया",
    "chinese": "早上好,世界",
    "korean": "좋은 아침이에요 여러분",
    "emoji beyond the basic plane": "well done 🎉👩‍🚀 astronaut",
    "decomposed accents": "cafe\u0301 re\u0301sume\u0301",
    "line separators": "first\u2028second\u2029third\x85fourth",
    "line breaks and tabs": "a list:\r\n\t- apples\n\t- pears\n",
    "quotes and backslashes": 'she said "C:\\new\\table" {and} [left]',
    "control characters": "bell\x07 and escape\x1b here",
    "a byte order mark": "\ufeffmarked text",
}
#: How the documents of a job that tests order are told apart.
_NUMBERED = "Record number {} of the register, filed under the letter {}."
#: Of the tokens that an estimate allows, the share that surely fits.
_SURE = 0.8
#: Characters of the longest text where the card knows no limit.
_LONG = 6_000


def numbered(count: int) -> list[str]:
    """*count* different texts of ordinary length."""
    return [_NUMBERED.format(number, chr(ord("a") + number % 26) * 3) for number in range(count)]


def longest(card: ModelCard, counter: TokenCounter) -> str:
    """A text with as many tokens as *card* allows, or surely not many fewer."""
    limit = card.limits.tokens_per_input
    prose = " ".join(PLAIN) + " "
    if limit is None:
        return (prose * (_LONG // len(prose) + 1))[:_LONG]
    # A token is seldom longer than twelve characters; a text that is too short by then is only less strict.
    text = prose * (limit * 12 // len(prose) + 1)
    return counter.cut(text, limit if counter.exact else int(limit * _SURE))
