"""A stand-in for text generation: every request has one answer, which names it.

The answer does what the request says of it: it satisfies a schema, ends at a limit of tokens, calls a
function that it has to call, brings sources when it may search, and repeats the system instruction.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from embedlane_emulator import jsonio
from embedlane_emulator.gemini.structured import Maker
from embedlane_emulator.tokens import count_tokens, cut_text

#: Tokens of an image, a page or a second of sound.
_MEDIA_TOKENS = 258
_SHOWN = 200


def prompt_tokens(request: dict[str, Any]) -> int:
    """Tokens of a request: its texts, four characters each, and its media."""
    texts = [*_texts(request), _system(request)]
    media = sum(1 for part in _parts(request) if "inlineData" in part or "fileData" in part)
    return max(1, count_tokens(sum(map(len, texts))) + media * _MEDIA_TOKENS)


def answer(request: dict[str, Any], model: str, mute: str = "") -> dict[str, Any]:
    """A GenerateContentResponse that depends on nothing but its arguments.

    Args:
        request: The request, parsed.
        model: The model's name.
        mute: Why it holds nothing: ``blocked`` or ``empty``; empty for an answer.
    """
    digest = hashlib.sha256(jsonio.dump([model, request])).hexdigest()
    asked = prompt_tokens(request)
    about = {"modelVersion": model, "responseId": digest[:16]}
    if mute:
        usage = {"promptTokenCount": asked, "totalTokenCount": asked}
        return {**_mute(mute, digest), "usageMetadata": usage, **about}
    part, stop = _part(request, digest)
    said = count_tokens(len(part["text"]) if "text" in part else len(jsonio.dump(part)))
    candidate = {"content": {"parts": [part], "role": "model"}, "finishReason": stop, "index": 0}
    return {
        "candidates": [{**candidate, **_grounding(request)}],
        "usageMetadata": {
            "promptTokenCount": asked,
            "candidatesTokenCount": said,
            "totalTokenCount": asked + said,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": asked}],
        },
        **about,
    }


def _mute(why: str, digest: str) -> dict[str, Any]:
    """A response without an answer; of those that are blocked, some for the prompt, some for the answer."""
    if why == "empty":
        return {"candidates": [{"finishReason": "STOP", "index": 0}]}
    ratings = [{"category": "HARM_CATEGORY_DANGEROUS_CONTENT", "probability": "HIGH", "blocked": True}]
    if int(digest[:2], 16) % 2:
        return {"promptFeedback": {"blockReason": "SAFETY", "safetyRatings": ratings}}
    return {"candidates": [{"finishReason": "SAFETY", "safetyRatings": ratings, "index": 0}]}


def _part(request: dict[str, Any], digest: str) -> tuple[dict[str, Any], str]:
    """What is answered, and why it ends there."""
    prompt, config = "\n".join(_texts(request)), _config(request)
    function = _called(request)
    if function is not None:
        schema = _first(function, "parameters", "parametersJsonSchema") or {}
        return {"functionCall": {"name": function["name"], "args": _made(schema, prompt, digest)}}, "STOP"
    schema = _first(config, "responseJsonSchema", "_responseJsonSchema", "responseSchema")
    if schema is not None or _first(config, "responseMimeType") == "application/json":
        text = jsonio.dump(_made(schema or {"type": "object"}, prompt, digest)).decode()
    elif (chunk := _between(prompt, "chunk")) and (document := _between(prompt, "document")):
        text = _placed(chunk, document)
    else:
        text = f"Stand-in answer {digest[:8]} to: {prompt[:_SHOWN]}"
        if _system(request):
            text += f"\nAs told: {_system(request)[:_SHOWN]}"
    most = _first(config, "maxOutputTokens")
    if isinstance(most, int) and count_tokens(len(text)) > most:
        return {"text": cut_text(text, most)}, "MAX_TOKENS"
    return {"text": text}, "STOP"


def _made(schema: Mapping[str, Any], prompt: str, digest: str) -> Any:
    return Maker.of(schema, _between(prompt, "chunk") or prompt, digest).value(schema)


def _placed(chunk: str, document: str) -> str:
    """A sentence that places *chunk* in *document*: by the first line, and by the heading before it."""
    before = document[: max(0, document.find(chunk))]
    first = next((line for line in document.splitlines() if line.strip()), "")
    heading = next((line for line in reversed(before.splitlines()) if line.startswith("#")), "")
    about = dict.fromkeys(line.strip("# ")[:_SHOWN] for line in (first, heading) if line.strip("# "))
    return f"This is from: {', '.join(about)}."


def _between(prompt: str, tag: str) -> str:
    """What stands in *tag* in the prompt, as those who ask about a part of a text write it."""
    _, _, rest = prompt.partition(f"<{tag}>")
    inside, end, _ = rest.rpartition(f"</{tag}>")
    return inside.strip() if end else ""


def _called(request: dict[str, Any]) -> Mapping[str, Any] | None:
    """The function that is to be called: the first one, where one has to be, or one that the prompt names."""
    declared: list[Mapping[str, Any]] = [
        each
        for tool in _tools(request)
        for each in _first(tool, "functionDeclarations") or ()
        if isinstance(each, Mapping) and each.get("name")
    ]
    settings = _first(request.get("toolConfig") or {}, "functionCallingConfig") or {}
    if settings.get("mode") == "ANY":
        return next(iter(declared), None)
    words = "\n".join(_texts(request))
    return next((each for each in declared if each["name"] in words), None)


def _grounding(request: dict[str, Any]) -> dict[str, Any]:
    """Sources, for a request that may search."""
    if not any(_first(tool, "googleSearch") is not None for tool in _tools(request)):
        return {}
    query = " ".join(_texts(request))[:60]
    source = {"uri": "https://example.com/stand-in", "title": "A stand-in source"}
    return {"groundingMetadata": {"webSearchQueries": [query], "groundingChunks": [{"web": source}]}}


def _tools(request: dict[str, Any]) -> Iterator[Mapping[str, Any]]:
    return (tool for tool in request.get("tools", ()) if isinstance(tool, Mapping))


def _config(request: dict[str, Any]) -> Mapping[str, Any]:
    found = request.get("generationConfig")
    return found if isinstance(found, Mapping) else {}


def _first(table: Mapping[str, Any], *names: str) -> Any:
    """The value of the first name that is there, in either of its spellings."""
    spelt = [form for name in names for form in (name, _snake(name))]
    return next((table[name] for name in spelt if table.get(name) is not None), None)


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def _parts(request: dict[str, Any]) -> Iterator[Mapping[str, Any]]:
    return (part for content in request.get("contents", ()) for part in content.get("parts", ()))


def _texts(request: dict[str, Any]) -> list[str]:
    return [part["text"] for part in _parts(request) if "text" in part]


def _system(request: dict[str, Any]) -> str:
    parts = request.get("systemInstruction", {}).get("parts", ())
    return "\n".join(part.get("text", "") for part in parts)
