"""A batch's input file, checked as a whole before any line of it is answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from embedlane_emulator import jsonio
from embedlane_emulator.openai import errors, inputs, models

if TYPE_CHECKING:
    from pathlib import Path

    from embedlane_emulator.openai.settings import OpenAISettings

_MOST_ERRORS = 100
_FIELDS = ("custom_id", "method", "url", "body")


@attrs.define
class Check:
    """What is found in an input file, line by line."""

    #: How the service behaves.
    settings: OpenAISettings
    #: The endpoint of the batch.
    endpoint: str
    #: Lines with something in them.
    rows: int = attrs.field(default=0, init=False)
    #: Texts, over all lines.
    inputs: int = attrs.field(default=0, init=False)
    #: Tokens, estimated without judging the lines.
    tokens: int = attrs.field(default=0, init=False)
    #: The model of the first line that names one.
    model: str = attrs.field(default="", init=False)
    #: What is wrong, in the order of the lines.
    errors: list[dict[str, Any]] = attrs.field(factory=list, init=False)
    _seen: set[str] = attrs.field(factory=set, init=False)

    def file(self, path: Path) -> Check:
        """Check a whole file."""
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    self.rows += 1
                    self._line(number, line)
        if not self.rows:
            self._say("empty_file", "The batch input file is empty. Please add at least one request.")
        for counted, most, what in (
            (self.rows, self.settings.batch_lines, "requests"),
            (self.inputs, self.settings.batch_inputs, "embedding inputs"),
        ):
            if counted > most:
                self._say("too_many_tasks", f"The batch has {counted} {what}; the most is {most}.")
        return self

    def _say(self, code: str, message: str, line: int | None = None, param: str | None = None) -> None:
        if len(self.errors) < _MOST_ERRORS:
            self.errors.append(problem(code, message, line, param))

    def _missing(self, number: int, name: str) -> None:
        self._say("missing_required_parameter", f"Missing required parameter: '{name}'.", number, name)

    def _line(self, number: int, line: bytes) -> None:
        try:
            data = jsonio.load(line)
        except ValueError:
            data = None
        if not isinstance(data, dict):
            self._say("invalid_json_line", "This line is not parseable as valid JSON.", number)
            return
        for name in _FIELDS:
            if not data.get(name):
                self._missing(number, name)
        self._custom_id(number, data.get("custom_id"))
        self._target(number, data.get("method"), data.get("url"))
        body = data.get("body")
        if isinstance(body, dict):
            self._body(number, body)
        elif body:
            self._say("invalid_type", "The body is not an object.", number, "body")

    def _target(self, number: int, method: Any, url: Any) -> None:
        if method and method != "POST":
            self._say("invalid_method", f"The method {method!r} is not POST.", number, "method")
        if url and url != self.endpoint:
            message = f"The url {url!r} is not the endpoint of the batch, {self.endpoint!r}."
            self._say("url_mismatch", message, number, "url")

    def _custom_id(self, number: int, name: Any) -> None:
        if not name:
            return
        if not isinstance(name, str):
            self._say("invalid_type", "The custom_id is not a string.", number, "custom_id")
        elif name in self._seen:
            message = (
                f"The custom_id '{name}' for this request is a duplicate of another request. "
                "The custom_id parameter must be unique for each request in a batch."
            )
            self._say("duplicate_custom_id", message, number, "custom_id")
        else:
            self._seen.add(name)

    def _body(self, number: int, body: dict[str, Any]) -> None:
        items = inputs.split(body.get("input")) or []
        self.inputs += len(items)
        self.tokens += sum(inputs.count(item) for item in items)
        name = body.get("model")
        if not isinstance(name, str) or not name:
            self._missing(number, "body.model")
        elif not self.model:
            self.model = name
            try:
                models.find(self.settings, name)
            except errors.ApiError:
                message = f"The provided model '{name}' is not supported by the Batch API."
                self._say("model_not_found", message, number, "body.model")
        elif name != self.model:
            message = f"The model '{name}' is not the one of the first request, '{self.model}'."
            self._say("model_mismatch", message, number, "body.model")


def problem(code: str, message: str, line: int | None = None, param: str | None = None) -> dict[str, Any]:
    """One error of a batch that failed."""
    return {"code": code, "line": line, "message": message, "param": param}
