"""A stand-in for text generation: every prompt has one answer, which names it."""

from __future__ import annotations

import hashlib
from typing import Any

from embedlane_emulator.tokens import count_tokens


def prompt_tokens(request: dict[str, Any]) -> int:
    """Tokens of a request's text, four characters each."""
    return max(1, count_tokens(len(_prompt(request))))


def answer(request: dict[str, Any], model: str) -> dict[str, Any]:
    """A GenerateContentResponse that depends on nothing but the request and the model."""
    prompt = _prompt(request)
    digest = hashlib.sha256(f"{model}\n{prompt}".encode("utf-8", "surrogatepass")).hexdigest()
    text = f"Stand-in answer {digest[:8]} to: {prompt[:200]}"
    asked, said = prompt_tokens(request), count_tokens(len(text))
    return {
        "candidates": [
            {"content": {"parts": [{"text": text}], "role": "model"}, "finishReason": "STOP", "index": 0}
        ],
        "usageMetadata": {
            "promptTokenCount": asked,
            "candidatesTokenCount": said,
            "totalTokenCount": asked + said,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": asked}],
        },
        "modelVersion": model,
        "responseId": digest[:16],
    }


def _prompt(request: dict[str, Any]) -> str:
    parts = [part for content in request.get("contents", ()) for part in content.get("parts", ())]
    return "\n".join(part.get("text", "") for part in parts)
