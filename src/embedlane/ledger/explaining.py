"""From a database's words to what they mean for the person who sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from embedlane.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Iterable


@attrs.frozen
class Meaning:
    """What some errors of a database mean."""

    #: Parts of the database's words, in small letters; one is enough.
    signs: tuple[str, ...]
    #: What happened, after "The ledger …".
    what: str
    #: The next step.
    advice: str
    #: What its code may begin with.
    codes: tuple[str, ...] = ()


#: Another process writes, and goes on for longer than this one waits.
HELD = "is held by another process"
#: What to do then.
WAIT = "Wait for the other embedlane to finish, and run the same command again; nothing was lost."
#: The disk.
FULL = "can't grow: the disk is full or fails"
#: What to do then.
FREE_SPACE = "Free some space and run the same command again; all that was committed is safe."


def explanation(place: str, words: str, code: str, meanings: Iterable[Meaning]) -> LedgerError:
    """What an error of the ledger at *place* means.

    Args:
        place: What people call the ledger.
        words: The database's own.
        code: Its code; empty if it gave none.
        meanings: What is known of the database's errors; the first that fits is taken.
    """
    lowered, words = words.lower(), " ".join(words.split())
    for meaning in meanings:
        if code.startswith(meaning.codes) if code else any(sign in lowered for sign in meaning.signs):
            return LedgerError(f"The ledger {place} {meaning.what} ({words}).", meaning.advice)
    return LedgerError(f"The ledger {place} refused an operation ({words}).", "Run `embedlane doctor`.")
