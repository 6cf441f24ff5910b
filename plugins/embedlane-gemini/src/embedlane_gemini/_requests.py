"""What the service takes as a `GenerateContentRequest`, told without asking it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, final

from embedlane.plugin import RequestSize

if TYPE_CHECKING:
    from embedlane.plugin import Prompt, ServiceContext

#: Fields of a request; the service also takes their names in snake_case.
_FIELDS = frozenset(
    {
        "model",
        "contents",
        "systemInstruction",
        "tools",
        "toolConfig",
        "safetySettings",
        "generationConfig",
        "cachedContent",
        "serviceTier",
        "store",
    }
)
#: Names that the SDK's arguments have, and what they are on the wire.
_ADVICE = {
    "content": "on the wire it is 'contents', a list",
    "config": "on the wire its values stand in 'generationConfig', 'systemInstruction' and 'tools'",
    "prompt": "on the wire it is 'contents'",
    "messages": "on the wire they are 'contents'",
}
_ROLES = frozenset({"user", "model", "function", None})


@final
class GenerateContentForm:
    """The RequestForm of generateContent."""

    def problem(self, request: Mapping[str, object]) -> str:
        """What is wrong with *request*; empty if nothing is seen."""
        return problem(request)

    def size(self, request: Mapping[str, object]) -> RequestSize:
        """How much *request* is: its texts, and ``maxOutputTokens``."""
        characters = sum(len(text) for text in _texts(request))
        most = _config(request).get("maxOutputTokens", _config(request).get("max_output_tokens"))
        return RequestSize(characters=characters, output_tokens=most if isinstance(most, int) else None)

    def compose(self, prompt: Prompt) -> Mapping[str, object]:
        """The request for *prompt*."""
        request: dict[str, object] = {"contents": [{"role": "user", "parts": [{"text": prompt.text}]}]}
        if prompt.system:
            request["systemInstruction"] = {"parts": [{"text": prompt.system}]}
        return request if prompt.schema is None else self.constrain(request, prompt.schema)

    def constrain(self, request: Mapping[str, object], schema: Mapping[str, object]) -> Mapping[str, object]:
        """*request* for an answer in JSON that satisfies *schema*."""
        config = {**_config(request), "responseMimeType": "application/json", "responseJsonSchema": schema}
        others = {name: value for name, value in request.items() if name != "generation_config"}
        return {**others, "generationConfig": config}

    def text(self, response: Mapping[str, object]) -> str:
        """The texts of the first candidate, without its thoughts."""
        candidates = response.get("candidates")
        first = candidates[0] if isinstance(candidates, list) and candidates else None
        parts = _parts(first.get("content")) if isinstance(first, dict) else []
        return "".join(str(part.get("text", "")) for part in parts if not part.get("thought"))


def open_form(context: ServiceContext) -> GenerateContentForm:  # noqa: ARG001 - each model's is the same
    """What knows the API's requests."""
    return GenerateContentForm()


def problem(request: Mapping[str, object]) -> str:
    """What is wrong with a `GenerateContentRequest`; empty if nothing is seen."""
    for name in request:
        if _camel(name) not in _FIELDS:
            advice = f" ({_ADVICE[name]})" if name in _ADVICE else ""
            return f"its request holds {name!r}, which the service does not know{advice}"
    contents = request.get("contents")
    if not isinstance(contents, list) or not contents:
        return "its request has no 'contents', a list of turns"
    for number, content in enumerate(contents):
        if what := _content_problem(content):
            return f"contents[{number}] of its request {what}"
    for name, value in request.items():
        kind = list if _camel(name) in _LISTS else dict
        if _camel(name) in _LISTS | _TABLES and not isinstance(value, kind):
            return f"{name!r} of its request is no {'list' if kind is list else 'object'}"
    return ""


_LISTS = frozenset({"contents", "tools", "safetySettings"})
_TABLES = frozenset({"systemInstruction", "toolConfig", "generationConfig"})


def _content_problem(content: object) -> str:
    if not isinstance(content, dict):
        return "is no object"
    if content.get("role") not in _ROLES:
        return f"has the role {content.get('role')!r}; there are 'user' and 'model'"
    parts = content.get("parts")
    if not isinstance(parts, list) or not parts:
        return "has no 'parts', a list"
    if not all(isinstance(part, dict) and part for part in parts):
        return "has a part that is no object, such as {'text': …}"
    return ""


def _texts(request: Mapping[str, object]) -> Iterator[str]:
    contents = request.get("contents")
    system = request.get("systemInstruction", request.get("system_instruction"))
    for content in (*(contents if isinstance(contents, list) else ()), system):
        yield from (part["text"] for part in _parts(content) if isinstance(part.get("text"), str))


def _parts(content: object) -> list[dict[str, Any]]:
    parts = content.get("parts") if isinstance(content, dict) else None
    return [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []


def _config(request: Mapping[str, object]) -> Mapping[str, Any]:
    found = request.get("generationConfig", request.get("generation_config"))
    return found if isinstance(found, dict) else {}


def _camel(name: str) -> str:
    return re.sub(r"_([a-z])", lambda match: match[1].upper(), name)
