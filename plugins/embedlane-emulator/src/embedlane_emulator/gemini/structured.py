"""Values that satisfy a schema: JSON Schema as ``responseJsonSchema`` has it, or the API's own ``Schema``.

What is made depends on a seed alone. Texts are made of words of the prompt, so that a person sees whose
answer it is. Patterns of texts are not looked at.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

import attrs

#: Texts of formats that are checked by those who read them.
_FORMATS = {
    "date": "2026-09-{day:02d}",
    "date-time": "2026-09-{day:02d}T12:00:00Z",
    "time": "12:{day:02d}:00",
    "email": "reader{day}@example.com",
    "uri": "https://example.com/{day}",
    "uuid": "00000000-0000-4000-8000-0000000000{day:02d}",
}
#: Deeper than that, what may be left out is left out, so that schemas that name themselves come to an end.
_DEEP = 6


@attrs.define
class Maker:
    """Makes values for one schema and one prompt."""

    #: The whole schema, for references.
    root: Mapping[str, Any]
    #: Words for texts.
    words: list[str]
    #: Chooses.
    dice: random.Random

    @classmethod
    def of(cls, schema: Mapping[str, Any], text: str, seed: str) -> Maker:
        """A maker for *schema* whose texts are made of those of *text*."""
        return cls(schema, text.split()[:200] or ["nothing"], random.Random(seed))  # noqa: S311 - repeatable

    def value(self, schema: Mapping[str, Any], name: str = "", depth: int = 0) -> Any:
        """A value that satisfies *schema*.

        Args:
            schema: A part of the root.
            name: What the value is called there.
            depth: How many values it is in.
        """
        schema = self._resolved(schema)
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return self.dice.choice(list(schema["enum"]))
        makers: dict[str, Callable[[], Any]] = {
            "object": lambda: self._object(schema, depth),
            "array": lambda: self._array(schema, name, depth),
            "integer": lambda: int(self._number(schema, whole=True)),
            "number": lambda: self._number(schema, whole=False),
            "boolean": lambda: self.dice.random() < 0.5,
            "null": lambda: None,
        }
        return makers.get(_type(schema), lambda: self._text(schema, name))()

    def _resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """*schema* without references and choices."""
        while True:
            choices = schema.get("anyOf") or schema.get("oneOf")
            if "$ref" in schema:
                found: Any = self.root
                for step in str(schema["$ref"]).removeprefix("#/").split("/"):
                    found = found.get(step, {}) if isinstance(found, Mapping) else {}
                schema = found
            elif choices:
                solid = [each for each in choices if _type(each) != "null"]
                schema = (solid or list(choices))[0]
            elif schema.get("allOf"):
                merged: dict[str, Any] = {name: each for name, each in schema.items() if name != "allOf"}
                for part in schema["allOf"]:
                    merged |= self._resolved(part)
                schema = merged
            else:
                return schema

    def _object(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        fields = schema.get("properties") or {}
        needed = set(schema.get("required") or ())
        return {
            name: self.value(field, name, depth + 1)
            for name, field in fields.items()
            if name in needed or depth < _DEEP
        }

    def _array(self, schema: Mapping[str, Any], name: str, depth: int) -> list[Any]:
        fixed = schema.get("prefixItems") or []
        least, most = int(schema.get("minItems") or 0), int(schema.get("maxItems") or max(3, len(fixed)))
        wanted = least if depth >= _DEEP else max(least, min(most, self.dice.randint(1, 3)))
        items = [self.value(each, name, depth + 1) for each in fixed]
        others = schema.get("items")
        more = range(max(0, wanted - len(items))) if isinstance(others, Mapping) else ()
        return [*items, *(self.value(others or {}, name, depth + 1) for _ in more)]

    def _number(self, schema: Mapping[str, Any], *, whole: bool) -> float:
        step = schema.get("multipleOf") or (1 if whole else 0.25)
        low, high = schema.get("minimum"), schema.get("maximum")
        if (above := schema.get("exclusiveMinimum")) is not None:
            low = above + step
        if (below := schema.get("exclusiveMaximum")) is not None:
            high = below - step
        low = low if low is not None else (high - 8 * step if high is not None else 0)
        high = high if high is not None else low + 8 * step
        steps = max(0, int((high - low) / step))
        found = low + step * self.dice.randint(0, min(steps, 8))
        return found if low <= found <= high else low

    def _text(self, schema: Mapping[str, Any], name: str) -> str:
        form = _FORMATS.get(str(schema.get("format", "")))
        if form:
            return form.format(day=self.dice.randint(1, 28))
        start = self.dice.randrange(len(self.words))
        text = " ".join([f"{name}:" if name else "", *self.words[start : start + 8]]).strip()
        text = text.ljust(int(schema.get("minLength") or 0), ".")
        return text[: int(schema["maxLength"])] if schema.get("maxLength") is not None else text


def _type(schema: Mapping[str, Any]) -> str:
    """The type in small letters; the first that is not null where there are several."""
    stated = schema.get("type", "object" if "properties" in schema else "string")
    kinds = [str(each).lower() for each in (stated if isinstance(stated, list) else [stated])]
    return next((kind for kind in kinds if kind != "null"), "null")
