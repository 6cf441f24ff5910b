"""Reading the code: signatures, docstrings, the ``#:`` sentences above fields."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from typing import Any

import attrs

#: Columns of a signature on one line.
_WIDTH = 100
_SECTION = re.compile(r"^(Args|Returns|Raises):$", re.MULTILINE)


def tree_of(value: Any) -> ast.stmt:
    """The parsed definition of *value*."""
    return ast.parse(inspect.cleandoc("\n" + inspect.getsource(value))).body[0]


def source_of(value: Any) -> str:
    """The source of *value*."""
    return inspect.getsource(value).strip()


def signature(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """``name(arguments) -> result``, one argument to a line where it is long."""
    arguments = node.args
    arguments.args = [argument for argument in arguments.args if argument.arg not in ("self", "cls")]
    start = "async " if isinstance(node, ast.AsyncFunctionDef) else ""
    result = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    parts = list(_arguments(arguments))
    whole = f"{start}{node.name}({', '.join(parts)}){result}"
    if len(whole) <= _WIDTH:
        return whole
    lines = ",\n    ".join(parts)
    return f"{start}{node.name}(\n    {lines},\n){result}"


def _arguments(arguments: ast.arguments) -> Iterator[str]:
    defaults: list[ast.expr | None] = [None] * (len(arguments.args) - len(arguments.defaults))
    defaults += arguments.defaults[-len(arguments.args) :] if arguments.args else []
    for argument, default in zip(arguments.args, defaults, strict=True):
        yield _argument(argument, default)
    if arguments.kwonlyargs:
        yield "*"
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        yield _argument(argument, default)


def _argument(argument: ast.arg, default: ast.expr | None) -> str:
    equals = " = " if argument.annotation else "="
    return ast.unparse(argument) + (f"{equals}{ast.unparse(default)}" if default is not None else "")


def fields_of(kind: type) -> Mapping[str, attrs.Attribute[Any]]:
    """The public fields of an attrs class."""
    return {field.name: field for field in attrs.fields(kind) if not field.name.startswith("_")}


def annotation_of(kind: type, field: str) -> str:
    """The type of a field, as it is written."""
    for node in ast.walk(tree_of(kind)):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == field:
            return ast.unparse(node.annotation).replace("|", "or")
    return ""


def default_of(field: attrs.Attribute[Any]) -> str:
    """How a field's default is written in TOML."""
    value = field.default
    if value is attrs.NOTHING:
        return "required"
    if value in (None, "", ()) or isinstance(value, attrs.Factory):  # type: ignore[arg-type]
        return "not set"
    if attrs.has(type(value)):
        return "all defaults"
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f'`"{value}"`' if isinstance(value, str) else f"`{value}`"


def comments_of(kind: type) -> dict[str, str]:
    """The ``#:`` sentences above the fields or members of a class."""
    found: dict[str, str] = {}
    # What a class inherits is told by the class that it is from.
    for each in (base for base in reversed(kind.__mro__) if attrs.has(base) or base is kind):
        held: list[str] = []
        for line in inspect.getsource(each).splitlines():
            text = line.strip()
            name = re.match(r"(\w+)\s*(?::|=)", text)
            if text.startswith("#:"):
                held.append(text.removeprefix("#:").strip())
            elif name and held:
                found[name[1]] = as_code(" ".join(held))
                held = []
    return found


def first_line(value: Any) -> str:
    """The first line of a docstring."""
    return as_code(inspect.cleandoc(value.__doc__ or "").partition("\n")[0])


def docstring_of(value: Any) -> str:
    """The docstring of *value* as Markdown."""
    return prose(inspect.cleandoc(value.__doc__ or ""))


def prose(text: str) -> str:
    """A Google docstring as Markdown: paragraphs, then lists."""
    text = text.partition(".. versionadded::")[0]
    parts = _SECTION.split(text)
    lines = [as_code(parts[0].strip())]
    for title, body in zip(parts[1::2], parts[2::2], strict=True):
        entries = re.split(r"\n(?=\S)", inspect.cleandoc("\n" + body))
        lines += ["", f"{title}:", ""]
        for entry in entries:
            name, colon, about = " ".join(entry.split()).partition(": ")
            plain = title == "Returns" or not colon
            lines.append(f"- {as_code(f'{name}{colon}{about}' if plain else f'`{name}`: {about}')}")
    return "\n".join(lines)


def as_code(text: str) -> str:
    """Docstring's markup as Markdown's."""
    # The docstrings' code is written as in reStructuredText, their arguments as *name*.
    return re.sub(r"(?<![\w*])\*(\w+)\*(?![\w*])", r"`\1`", text.replace("``", "`"))


def table_of(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A table in Markdown."""
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)
