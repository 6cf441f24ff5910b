"""Printing a command's answer: one JSON document, or text for people."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from datetime import timedelta
from enum import Enum
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, TypeVar

import attrs
import click

from embedlane.models.names import ModelId

if TYPE_CHECKING:
    from embedlane.models.space import Space

_T = TypeVar("_T")

#: ``--json``, for every command that prints.
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
#: ``--quiet``, for the commands that take long.
quiet_option = click.option("-q", "--quiet", is_flag=True, help="Show no progress.")


def emit(as_json: bool, value: _T, render: Callable[[_T], None]) -> None:
    """Print *value*: as JSON, or by *render*."""
    if as_json:
        click.echo(to_json(value))
    else:
        render(value)


def to_json(value: object) -> bytes:
    """One document in UTF-8, indented for the people who read it after all."""
    import orjson  # noqa: PLC0415 - not needed for --help

    try:
        return orjson.dumps(value, default=_plain, option=orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY)
    except orjson.JSONEncodeError:
        # A file's name that is not Unicode: only the slower encoder can escape it.
        return json.dumps(value, default=_plain, indent=2).encode()


def space_view(space: Space) -> dict[str, Any]:
    """A space with its fingerprint."""
    return {**space.lines(), "dimensions": space.dimensions, "fingerprint": space.fingerprint}


def _plain(value: Any) -> Any:
    """What JSON can hold in place of *value*, one level deep."""
    match value:
        case Enum():
            return value.value
        case timedelta():
            return value.total_seconds()
        case PurePath() | ModelId():
            return str(value)
        case Mapping():
            return dict(value)
        case AbstractSet():
            return sorted(value)
    if attrs.has(type(value)):
        names = [field.name for field in attrs.fields(type(value)) if not field.name.startswith("_")]
        return {name: getattr(value, name) for name in names}
    raise TypeError(f"{type(value).__name__} can't be written as JSON")
