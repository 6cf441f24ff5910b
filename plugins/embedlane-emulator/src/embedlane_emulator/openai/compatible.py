"""Servers that speak OpenAI's wire format, by what they do otherwise."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from embedlane_emulator.openai.settings import OpenAISettings

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What they have in common: models of their own, no batches, no keys, no limit to a request.
_ALL: Mapping[str, Any] = {
    "own_models": False,
    "batches": False,
    "keyless": True,
    "strict": False,
    "max_inputs": 0,
    "request_tokens": 0,
}
#: The servers, each with its settings.
SERVERS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        # One model under every name; a text above the physical batch size is a fault of the server.
        "llama.cpp": {**_ALL, "any_model": True, "dimensions": "ignore", "limit_status": 500},
        # The releases that know of neither base64 nor dimensions.
        "ollama": {**_ALL, "dimensions": "ignore", "base64": "floats", "long_inputs": "truncate"},
        # text-embeddings-inference, with its default of 32 texts to a request.
        "tei": {
            **_ALL,
            "any_model": True,
            "max_inputs": 32,
            "list_models": False,
            "limit_status": 413,
            "errors": "flat",
        },
        # Refuses dimensions for models that are not known to be Matryoshka's.
        "vllm": {**_ALL, "dimensions": "refuse", "errors": "flat"},
    }
)


def settings_of(server: str | None = None, **changes: Any) -> OpenAISettings:
    """The settings of OpenAI's API, or of a kind of *server*, with *changes*.

    Raises:
        ValueError: For a server that is not known, or one that has no model.
    """
    if server is None:
        return OpenAISettings(**changes)
    if server not in SERVERS:
        raise ValueError(f"unknown server {server!r}; the servers are {', '.join(SERVERS)}")
    if not changes.get("models"):
        raise ValueError(f"a server like {server} needs a model; give it one, such as bge-m3=1024")
    return OpenAISettings(**{**SERVERS[server], **changes})
