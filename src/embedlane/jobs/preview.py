"""Reading a job's results ahead, until its canaries are seen.

Canaries are at the beginning of a batch file, but results may come in any order, and what they say must be
known before the first vector is stored. What is read on the way is held, up to `_HELD` results; if that is
not enough, the results are read to where the canaries are, and then again from the beginning.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import attrs

from embedlane.providers.values import Malformed, Vector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from embedlane.providers.values import RowResult

#: Results that are held in memory; a thousand vectors of 3072 numbers are 24 MB.
_HELD = 1000


@attrs.frozen(eq=False)
class Preview:
    """A job's results, with those of its canaries in advance."""

    #: Vectors of the canaries under their keys, as the provider gave them. Refused ones are not among them.
    canaries: tuple[Vector, ...] = ()
    #: All results from the first on, the canaries' too.
    results: Iterable[RowResult] = ()


def preview_results(read: Callable[[], Iterator[RowResult]], names: Mapping[str, str]) -> Preview:
    """Read results until each canary is seen, or there are no more.

    Args:
        read: Begins to read the results.
        names: The canaries' keys by what the provider calls their rows.
    """
    stream = iter(read())
    held: list[RowResult] = []
    seen: dict[str, RowResult] = {}
    read_ahead = 0
    while len(seen) < len(names) and (result := next(stream, None)) is not None:
        read_ahead += 1
        if read_ahead <= _HELD:
            held.append(result)
        if not isinstance(result, Malformed) and result.key in names:
            seen.setdefault(result.key, result)
    vectors = (
        attrs.evolve(result, key=names[name]) for name, result in seen.items() if isinstance(result, Vector)
    )
    if read_ahead <= _HELD:
        return Preview(tuple(vectors), chain(held, stream))
    # A download that is not read to its end is given up now, not some time.
    getattr(stream, "close", bool)()
    return Preview(tuple(vectors), read())
