"""Reading what the service answered, without trust: the core checks the numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
from google.protobuf.json_format import ParseError

from embedlane.plugin import RawEmbeddings

if TYPE_CHECKING:
    from embedlane_gemini_legacy._sdk import protos


def of_body(body: bytes) -> RawEmbeddings:
    """Read the JSON of a ``BatchEmbedContentsResponse``.

    Raises:
        orjson.JSONDecodeError: If it is no JSON.
        google.protobuf.json_format.ParseError: If it is JSON of something else.
    """
    answer = orjson.loads(body)
    embeddings = answer.get("embeddings", []) if isinstance(answer, dict) else None
    if not isinstance(embeddings, list):
        raise ParseError("there is no list 'embeddings' in it")
    return RawEmbeddings(vectors=[_values(each) for each in embeddings], tokens=_tokens(answer))


def of_message(answer: protos.BatchEmbedContentsResponse) -> RawEmbeddings:
    """Read the protobuf message, which does not know the tokens that were billed."""
    # The generated message: its wrapper makes each number an object of its own.
    message: Any = type(answer).pb(answer)
    return RawEmbeddings(vectors=[np.array(each.values, dtype=np.float32) for each in message.embeddings])


def _values(embedding: Any) -> list[float]:
    values = embedding.get("values", []) if isinstance(embedding, dict) else None
    if not isinstance(values, list):
        raise ParseError("an embedding in it has no list 'values'")
    return values


def _tokens(answer: dict[str, Any]) -> int | None:
    """Tokens billed; releases of 2025 do not say."""
    usage = answer.get("usageMetadata")
    count = usage.get("promptTokenCount") if isinstance(usage, dict) else None
    if isinstance(count, str) and count.isdecimal():
        return int(count)
    return count if isinstance(count, int) and not isinstance(count, bool) else None
