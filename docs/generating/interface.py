"""Parts that come from signatures: commands, library, hooks, interfaces, errors."""

from __future__ import annotations

import ast
import copy
import inspect
import os
from collections.abc import Iterable, Iterator
from enum import Enum
from types import ModuleType
from typing import Any

import click

import embedlane
from embedlane import errors
from embedlane.cli.main import TABLE
from embedlane.cli.main import cli as embedlane_group
from embedlane.plugin import discovery, hookspecs
from embedlane.providers import interfaces, route, values
from generating.code import (
    annotation_of,
    comments_of,
    docstring_of,
    fields_of,
    first_line,
    prose,
    signature,
    source_of,
    table_of,
    tree_of,
)

#: Columns of a help text.
_WIDTH = 100


def command_line() -> str:
    """The help of every command of our own."""
    # No plugins: the page must not depend on what is installed.
    before = os.environ.get("EMBEDLANE_PLUGINS")
    os.environ["EMBEDLANE_PLUGINS"] = ""
    try:
        texts = [_help(names, command) for names, command in commands()]
    finally:
        if before is None:
            del os.environ["EMBEDLANE_PLUGINS"]
        else:
            os.environ["EMBEDLANE_PLUGINS"] = before
    return "\n\n".join(texts)


def commands() -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command with the names that lead to it."""
    context = click.Context(embedlane_group)
    yield ("embedlane",), embedlane_group
    for name in TABLE:
        command = embedlane_group.get_command(context, name)
        assert command is not None
        yield from _below(("embedlane", name), command)


def _below(names: tuple[str, ...], command: click.Command) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield names, command
    if isinstance(command, click.Group):
        for name in command.list_commands(click.Context(command)):
            child = command.get_command(click.Context(command), name)
            assert child is not None
            yield from _below((*names, name), child)


def _help(names: tuple[str, ...], command: click.Command) -> str:
    context: click.Context | None = None
    for name in names[:-1]:
        context = click.Context(click.Group(name), parent=context, info_name=name)
    # The names of the help option are inherited from the group, which is not really there.
    settings: dict[str, Any] = {"help_option_names": ["-h", "--help"], **command.context_settings}
    settings |= {"terminal_width": _WIDTH, "max_content_width": _WIDTH}
    # click keeps the help option of the first context that asked for it, whatever that was.
    command = copy.copy(command)
    command._help_option = None  # noqa: SLF001
    with click.Context(command, parent=context, info_name=names[-1], **settings) as own:
        text = command.get_help(own)
    heading = "#" * (1 + len(names))
    return f"{heading} `{' '.join(names)}`\n\n```text\n{_trimmed(text)}\n```"


def errors_tree() -> str:
    """The exception tree, as the module draws it."""
    drawn = inspect.cleandoc(errors.__doc__ or "").split("\n\n")
    tree = next(part for part in drawn if "├──" in part)
    return f"```text\n{inspect.cleandoc(tree)}\n```"


def errors_table() -> str:
    """Each class with its exit status and its meaning."""
    rows = []
    for kind in _descendants(errors.EmbedlaneError):
        own = [field for field in kind.__annotations__ if field not in ("exit_status", "message", "hint")]
        fields = ", ".join(f"`{field}`" for field in own)
        rows.append((f"`{kind.__name__}`", str(kind.exit_status), first_line(kind), fields))
    return table_of(("class", "exit status", "when", "fields beside `message` and `hint`"), rows)


def _descendants(kind: type[errors.EmbedlaneError]) -> Iterator[type[errors.EmbedlaneError]]:
    # attrs makes a second class with slots of each; the first is kept by some Python versions.
    yield kind
    for child in kind.__subclasses__():
        if vars(errors).get(child.__name__) is child:
            yield from _descendants(child)


#: What is described by its methods; the rest are values, described by their fields.
SERVICES = ("Workspace", "Index", "Migration", "Comparing", "Generating", "GenerationSet", "Embedder")


def library() -> str:
    """The public names, and the methods of the front doors."""
    texts = []
    for name in sorted(embedlane.__all__):
        value = getattr(embedlane, name)
        texts.append(f"\n### `{name}`\n")
        if inspect.isfunction(value):
            texts.append(_callable(value))
        elif name in SERVICES:
            texts.append(docstring_of(value) + "\n")
            texts += [_callable(method) for method in _methods(value)]
        elif issubclass(value, Enum):
            about = comments_of(value)
            texts.append(docstring_of(value) + "\n")
            # Members without a comment speak for themselves.
            texts.append(
                table_of(("value", "meaning"), [(f"`{m.value}`", about.get(m.name, "")) for m in value])
            )
        elif issubclass(value, Exception):
            texts.append(docstring_of(value) + " The whole tree is on [its own page](errors.md).\n")
        else:
            about = comments_of(value)
            rows = [
                (f"`{field}`", f"`{annotation_of(value, field)}`", about.get(field, ""))
                for field in fields_of(value)
            ]
            texts.append(docstring_of(value) + "\n")
            texts.append(table_of(("field", "type", "what it is"), rows))
    return "\n".join(texts)


def _methods(kind: type) -> Iterator[Any]:
    for name, value in vars(kind).items():
        if name.startswith("_"):
            continue
        if isinstance(value, (classmethod, property)) or inspect.isfunction(value):
            yield value


def _callable(value: Any) -> str:
    """A signature, as it stands in the source, and its docstring."""
    function = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
    assert function is not None
    node = tree_of(function)
    assert isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    text = signature(node)
    if isinstance(value, property):
        text = f"{node.name}: {ast.unparse(node.returns) if node.returns else ''}"
    heading = f"#### `{function.__qualname__}`\n\n" if "." in function.__qualname__ else ""
    return f"{heading}```text\n{text}\n```\n\n{docstring_of(function)}\n"


def hooks() -> str:
    """Each hook with its exact signature and its docstring."""
    texts = []
    for name in discovery.hook_names():
        function = getattr(hookspecs, name)
        text = inspect.cleandoc(function.__doc__ or "")
        about, _, example = text.partition("Example::")
        code = inspect.cleandoc(example.partition(".. versionadded::")[0])
        texts.append(
            f"### `{name}`\n\n```text\n{signature_of(name)}\n```\n\n{prose(about)}\n\n```text\n{code}\n```"
        )
    return "\n\n".join(texts)


def signature_of(hook: str) -> str:
    """The exact signature of *hook*."""
    node = tree_of(getattr(hookspecs, hook))
    assert isinstance(node, ast.FunctionDef)
    return signature(node)


def interfaces_source() -> str:
    """The protocols and what a factory gets, as they are in the source."""
    names = ("SyncEmbedder", "BatchService", "BatchEmbedder", "BatchGenerator", "RequestForm")
    return _sources(interfaces, (*names, "ServiceContext", "OpenContext"))


def values_source() -> str:
    """The values that cross the seam, as they are in the source."""
    names = (
        "RawEmbeddings",
        "BatchRow",
        "RequestRow",
        "Prompt",
        "RequestSize",
        "BatchFile",
        "StagedInput",
        "RemoteState",
        "RemoteJob",
    )
    return _sources(
        values, (*names, "Vector", "Response", "Refusal", "Malformed", "Correlation", "BatchLimits")
    )


def route_source() -> str:
    """The declaration of a route, as it is in the source."""
    return _sources(route, ("Route",))


def _sources(module: ModuleType, names: Iterable[str]) -> str:
    texts = (source_of(getattr(module, name)) for name in names)
    return "\n\n".join(
        f"### `{name}`\n\n```python\n{text}\n```" for name, text in zip(names, texts, strict=True)
    )


def _trimmed(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.splitlines())
