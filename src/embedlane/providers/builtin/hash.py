"""The `hash` provider: a deterministic embedder in pure Python, for both lanes.

Words and character trigrams are hashed into the slots of a vector (feature hashing with signs, Weinberger et
al. 2009, "Feature Hashing for Large Scale Multitask Learning"). It knows no meaning, only spelling: texts
that share words or parts of words are near. Nothing here depends on Python's own ``hash()``, so that one text
has one vector on every machine.
"""

from __future__ import annotations

import math
import re
from array import array
from collections import Counter
from functools import lru_cache
from hashlib import blake2b
from itertools import chain
from typing import TYPE_CHECKING, final

import attrs

from embedlane.providers.builtin.settings import Settings
from embedlane.providers.builtin.spool import open_spool
from embedlane.providers.values import RawEmbeddings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from embedlane.models.card import Role
    from embedlane.providers.builtin.spool import SpoolEmbedder
    from embedlane.providers.interfaces import OpenContext

#: The provider's id.
PROVIDER = "hash"

_WORD = re.compile(r"\w+")
#: Words whose features are kept; natural language has few words that are frequent.
_CACHED_WORDS = 1 << 15
#: A longer word (a base64 blob, say) is hashed once and not kept.
_CACHED_LENGTH = 64
#: The rows of a slice that are committed together; the embedder is quick, a commit is not.
_BATCH = 256
#: 1 + ln(count) for the counts that occur.
_SUBLINEAR = tuple(1.0 + math.log(count) for count in range(1, 257))


def hash_vector(text: str, dimensions: int) -> array[float]:
    """Embed *text* as a unit vector of *dimensions* float32 numbers.

    Features are the lower-cased words and the trigrams of each word between boundary marks. A feature that
    occurs n times weighs 1 + ln n. A text without features, or one whose features cancel out, gets the vector
    of one fixed feature: there is no zero vector.
    """
    return _vector(_WORD.findall(text.lower()), dimensions)


@final
@attrs.frozen
class HashEmbedder:
    """A SyncEmbedder around `hash_vector`."""

    #: Numbers in a vector.
    dimensions: int = attrs.field(validator=attrs.validators.gt(0))

    def embed(self, inputs: Sequence[str], role: Role) -> RawEmbeddings:  # noqa: ARG002 -- the model has no roles
        """Embed each text; words count as tokens."""
        words = [_WORD.findall(text.lower()) for text in inputs]
        return RawEmbeddings(
            vectors=[_vector(each, self.dimensions) for each in words], tokens=sum(map(len, words))
        )

    def close(self) -> None:
        """Do nothing: there is nothing to give back."""


def open_sync(context: OpenContext) -> HashEmbedder:
    """Open the sync lane.

    Raises:
        ConfigError: If the provider's settings can't be right.
    """
    Settings(PROVIDER, context.settings).known_keys()
    return HashEmbedder(context.space.dimensions)


def open_batch(context: OpenContext) -> SpoolEmbedder:
    """Open the batch lane: a spool in the provider's folder.

    Raises:
        ConfigError: If the provider's settings can't be right.
    """
    return open_spool(Settings(PROVIDER, context.settings), context, open_sync(context), batch=_BATCH)


def _vector(words: Sequence[str], dimensions: int) -> array[float]:
    """The unit vector of lower-cased *words*."""
    sums = [0.0] * dimensions
    for feature, count in Counter(chain.from_iterable(map(_features, words))).items():
        weight = _SUBLINEAR[count - 1] if count <= len(_SUBLINEAR) else 1.0 + math.log(count)
        sums[(feature >> 1) % dimensions] += weight if feature & 1 else -weight
    norm = math.hypot(*sums)
    if norm == 0.0:
        feature = _hashed("")
        sums[(feature >> 1) % dimensions] = norm = 1.0
    return array("f", [number / norm for number in sums])


def _features(word: str) -> tuple[int, ...]:
    return _cached_features(word) if len(word) <= _CACHED_LENGTH else _all_features(word)


def _all_features(word: str) -> tuple[int, ...]:
    """The hashes of *word* and of its trigrams; marks keep the two kinds and the word's ends apart."""
    marked = f"<{word}>"
    grams = (marked[start : start + 3] for start in range(len(marked) - 2))
    return (_hashed(f"={word}"), *map(_hashed, grams))


_cached_features = lru_cache(maxsize=_CACHED_WORDS)(_all_features)


def _hashed(feature: str) -> int:
    """64 bits of BLAKE2b (RFC 7693) over UTF-8: the lowest is the sign, the others choose the slot."""
    return int.from_bytes(blake2b(feature.encode(), digest_size=8).digest(), "little")
