"""Reading JSON as strictly as Google's JSON-to-proto transcoder does.

Names may be camelCase or snake_case, enums names or numbers, 64-bit integers strings or numbers, and null is
absence. Everything else that does not fit is one 400 that lists each violation with its snake_case path.
What comes out has camelCase names, enum names and Python numbers.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs

from embedlane_emulator import jsonio
from embedlane_emulator.gemini import errors

if TYPE_CHECKING:
    from collections.abc import Mapping

_TYPES = "type.googleapis.com/google.ai.generativelanguage"
_INTS = {"int32": (-(2**31), 2**31 - 1), "int64": (-(2**63), 2**63 - 1)}


@attrs.frozen
class Enum:
    """An enum: its name and its values by name."""

    #: The message-qualified name.
    name: str
    #: Numbers by name.
    values: Mapping[str, int]


@attrs.frozen
class Field:
    """A field of a message."""

    #: A scalar type's name, ``struct``, ``any``, an `Enum` or a `Message`.
    kind: Kind
    #: Whether it is a list.
    repeated: bool = False
    #: The oneof it belongs to.
    oneof: str = ""


@attrs.frozen(eq=False)
class Message:
    """A message: its name and its fields by camelCase name."""

    #: The name.
    name: str
    #: Fields by camelCase name.
    fields: Mapping[str, Field]
    #: camelCase names by every accepted name.
    names: Mapping[str, str] = attrs.field(init=False)

    @names.default
    def _both_cases(self) -> Mapping[str, str]:
        return {name: camel for camel in self.fields for name in (camel, snake(camel))}


Kind: TypeAlias = str | Enum | Message


def snake(name: str) -> str:
    """The snake_case of a camelCase name."""
    return re.sub(r"([A-Z])", lambda match: "_" + match[1].lower(), name)


def decode(body: bytes) -> Any:
    """Parse a body as JSON; an empty one is an empty message.

    Raises:
        ApiError: 400 if it is not JSON.
    """
    if not body.strip():
        return {}
    try:
        return jsonio.load(body)
    except ValueError as error:
        text = f"Invalid JSON payload received. {_syntax(error)}"
        raise errors.bad_request([("", text)]) from error


def _syntax(error: ValueError) -> str:
    text = str(error).split(":")[0]
    return f"{text[:1].upper()}{text[1:]}."


def parse(message: Message, data: Any, version: str = "v1beta") -> dict[str, Any]:
    """Read *data* as *message*.

    Raises:
        ApiError: 400 with every violation.
    """
    reader = _Reader(version)
    value = reader.message(message, data, "")
    if reader.violations:
        raise errors.bad_request(reader.violations)
    return value


@attrs.define
class _Reader:
    version: str
    violations: list[tuple[str, str]] = attrs.field(factory=list)

    def message(self, message: Message, data: Any, path: str) -> dict[str, Any]:
        if not isinstance(data, dict):
            self._wrong(path, f"type.googleapis.com/{message.name}", data, bare=True)
            return {}
        out: dict[str, Any] = {}
        groups: dict[str, str] = {}
        for name, value in data.items():
            camel = message.names.get(name)
            if camel is None:
                self._unknown(name, path)
                continue
            if value is None:
                continue
            field = message.fields[camel]
            self._one_of(field, camel, path, groups)
            out[camel] = self.field(field, value, f"{path}.{snake(camel)}" if path else snake(camel))
        return out

    def _one_of(self, field: Field, camel: str, path: str, groups: dict[str, str]) -> None:
        if not field.oneof:
            return
        if field.oneof in groups:
            self._add(
                path,
                f"Invalid value at '{path}' (oneof), oneof field '{field.oneof}' is already set. "
                f"Cannot set '{camel}'",
            )
        groups[field.oneof] = camel

    def field(self, field: Field, value: Any, path: str) -> Any:
        if field.repeated:
            # The transcoder takes a single value for a list of one.
            values = value if isinstance(value, list) else [value]
            return [self.value(field.kind, item, f"{path}[{at}]") for at, item in enumerate(values)]
        if isinstance(value, list) and field.kind not in ("any", "struct"):
            holder, _, name = path.rpartition(".")
            text = f'Invalid JSON payload received. Unknown name "{name}"'
            where = f" at '{holder}'" if holder else ""
            self._add(holder, f"{text}{where}: Proto field is not repeating, cannot start list.")
            return None
        return self.value(field.kind, value, path)

    def value(self, kind: Kind, value: Any, path: str) -> Any:
        if isinstance(kind, Message):
            return self.message(kind, value, path)
        if isinstance(kind, Enum):
            return self._enum(kind, value, path)
        if kind in _INTS:
            return self._integer(kind, value, path)
        return self._scalar(kind, value, path)

    def _enum(self, enum: Enum, value: Any, path: str) -> str:
        if isinstance(value, str) and value in enum.values:
            return value
        if isinstance(value, int) and not isinstance(value, bool):
            return next((name for name, number in enum.values.items() if number == value), str(value))
        self._wrong(path, f"{_TYPES}.{self.version}.{enum.name}", value)
        return ""

    def _integer(self, kind: str, value: Any, path: str) -> int:
        low, high = _INTS[kind]
        number: int | None = None
        if isinstance(value, int) and not isinstance(value, bool):
            number = value
        elif _is_whole(value):
            number = int(value)
        if number is None or not low <= number <= high:
            self._wrong(path, f"TYPE_{kind.upper()}", value)
            return 0
        return number

    def _scalar(self, kind: str, value: Any, path: str) -> Any:
        checks = {"string": str, "bool": bool, "struct": dict, "any": object, "bytes": str}
        if kind in ("float", "double"):
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                return float(value)
        elif isinstance(value, checks[kind]) and (kind != "bytes" or _is_base64(value)):
            return value
        self._wrong(path, "Base64 decoding failed" if kind == "bytes" else f"TYPE_{kind.upper()}", value)
        return None

    def _unknown(self, name: str, path: str) -> None:
        where = f" at '{path}'" if path else ""
        text = f'Invalid JSON payload received. Unknown name "{name}"{where}: Cannot find field.'
        self._add(path, text)

    def _wrong(self, path: str, kind: str, value: Any, *, bare: bool = False) -> None:
        shown = f'"{value}"' if isinstance(value, str) else jsonio.dump(value).decode()
        if bare and not path:
            text = 'Invalid JSON payload received. Unknown name "": Root element must be a message.'
        else:
            text = f"Invalid value at '{path}' ({kind}), {shown}"
        self._add(path, text)

    def _add(self, path: str, text: str) -> None:
        self.violations.append((path, text))


def _is_whole(value: Any) -> bool:
    if isinstance(value, float):
        return value.is_integer()
    return isinstance(value, str) and re.fullmatch(r"-?\d+", value) is not None


def _is_base64(text: Any) -> bool:
    try:
        # Both alphabets, with or without padding, as proto JSON has it.
        plain = str(text).translate(str.maketrans("-_", "+/")).rstrip("=")
        base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except binascii.Error:
        return False
    return True
