"""The answer to a request for embeddings, alone or in a batch."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from embedlane_emulator.openai.inputs import Asked


def item(asked: Asked, index: int, vector: NDArray[np.float32] | None) -> dict[str, Any]:
    """One embedding; without its vector where that was lost."""
    found: dict[str, Any] = {"object": "embedding", "index": index}
    if vector is not None and asked.base64:
        found["embedding"] = base64.b64encode(vector.astype("<f4").tobytes()).decode()
    elif vector is not None:
        # A NaN becomes null here, as JSON has no word for it.
        found["embedding"] = vector
    return found


def whole(asked: Asked, items: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The list of embeddings with its usage."""
    usage = {"prompt_tokens": asked.tokens, "total_tokens": asked.tokens}
    return {"object": "list", "data": list(items), "model": asked.model.name, "usage": usage}
