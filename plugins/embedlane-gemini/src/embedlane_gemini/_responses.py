"""From responses to answers: what was generated, why nothing was, and what is billed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

import attrs
import orjson

from embedlane.plugin import Refusal, Response

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Reasons to stop after which the same request may be answered; the others are its own fault.
_RETRYABLE = frozenset(
    {
        "",
        "FINISH_REASON_UNSPECIFIED",
        "STOP",
        "OTHER",
        "MALFORMED_FUNCTION_CALL",
        "MALFORMED_RESPONSE",
        "UNEXPECTED_TOOL_CALL",
        "NO_IMAGE",
    }
)


@final
@attrs.frozen
class ResponseReader:
    """Reads the answers of jobs that generate."""

    def quick(self, line: bytes) -> Response | None:  # noqa: ARG002 - of the protocol
        """Nothing: each line wants a closer look."""
        return None

    def answer(self, key: str, response: dict[str, Any], place: str) -> Response | Refusal | None:  # noqa: ARG002
        """*response*, if some candidate holds something; a refusal where the service says why none does."""
        usage = _table(response.get("usageMetadata"))
        asked = _count(usage, "promptTokenCount", "toolUsePromptTokenCount")
        listed = response.get("candidates")
        found = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
        if any(_table(each.get("content")).get("parts") for each in found):
            said = _count(usage, "candidatesTokenCount", "thoughtsTokenCount")
            return Response(key, orjson.dumps(response).decode(), asked, said)
        blocked = _table(response.get("promptFeedback")).get("blockReason")
        if blocked:
            return Refusal(key, str(blocked), "the prompt was blocked", tokens=asked)
        if not found:
            # It may hold an error instead.
            return None if "error" in response else _empty(key, asked)
        reason = str(found[0].get("finishReason") or "")
        if reason in _RETRYABLE:
            return _empty(key, asked)
        words = str(found[0].get("finishMessage") or "the answer was withheld")
        return Refusal(key, reason, words, tokens=asked)


def _empty(key: str, tokens: int | None) -> Refusal:
    return Refusal(key, "EMPTY", "the response holds no answer", retryable=True, tokens=tokens)


def _table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _count(usage: Mapping[str, Any], *names: str) -> int | None:
    """The sum of counts, those that are missing being zero; None if no count is there at all."""
    if "promptTokenCount" not in usage and "totalTokenCount" not in usage:
        return None
    try:
        return sum(int(usage.get(name) or 0) for name in names)
    except (TypeError, ValueError):
        return None
