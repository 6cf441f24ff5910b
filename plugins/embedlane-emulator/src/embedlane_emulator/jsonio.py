"""JSON in and out, numpy arrays and ready-made fragments included."""

from __future__ import annotations

from typing import Any

import orjson


def dump(value: Any) -> bytes:
    """Serialise; arrays of numbers and `orjson.Fragment` may stand anywhere."""
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)


def load(data: bytes) -> Any:
    """Parse.

    Raises:
        ValueError: With the place, if it is not JSON.
    """
    return orjson.loads(data)


def fragment(data: bytes) -> orjson.Fragment:
    """JSON that is written already."""
    return orjson.Fragment(data)
