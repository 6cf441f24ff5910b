"""Making values of tables, with errors that name the key by its path.

Stricter than cattrs by itself, which would read 768.5 as 768, ``"false"`` as true and ``"sync"`` as a list of
letters. Importing cattrs costs some 60 ms.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from datetime import date
from enum import StrEnum
from functools import cache, partial
from typing import Any, TypeVar, get_args, get_origin

import attrs
from cattrs import Converter
from cattrs.cols import mapping_structure_factory
from cattrs.errors import ClassValidationError, ForbiddenExtraKeysError
from cattrs.gen import make_dict_structure_fn
from cattrs.v import transform_error

from embedlane.errors import ConfigError, EmbedlaneError
from embedlane.models.names import ModelId

_T = TypeVar("_T")


def structure(table: Mapping[str, object], shape: type[_T], owner: str, hint: str = "") -> _T:
    """Make a *shape* of *table*, as TOML gives it.

    Args:
        table: The keys are the fields of *shape*; nested tables those of its fields' classes.
        shape: An attrs class.
        owner: The file or plugin that *table* comes from; each line of an error begins with it.
        hint: The next step after an error.

    Raises:
        ConfigError: If a key is missing, unknown or of the wrong type or value; one line for each.
    """
    try:
        return _converter().structure(table, shape)
    except (ClassValidationError, TypeError) as error:
        problems = [_placed(text) for text in transform_error(error, format_exception=_say)]
        raise ConfigError("\n".join(f"{owner}: {problem}." for problem in problems), hint) from error


def _placed(text: str) -> str:
    """Put the path that cattrs sets behind a message in front of it, written as in TOML."""
    message, _, path = text.rpartition(" @ $")
    path = re.sub(r"\['([\w-]+)'\]", r".\1", path)
    path = re.sub(r"\['([^']*)'\]", r'."\1"', path).removeprefix(".")
    return f"{path}: {message}" if path else message


def _unknown_key(key: str, known: list[str]) -> str:
    close = difflib.get_close_matches(key, known, n=1)
    advice = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(sorted(known))}"
    return f"unknown key {key!r} ({advice})"


def _say(error: BaseException, _kind: type | None) -> str:
    if isinstance(error, ForbiddenExtraKeysError):
        known = [field.name for field in attrs.fields(error.cl)]
        return "; ".join(_unknown_key(key, known) for key in sorted(error.extra_fields))
    if isinstance(error, KeyError):
        return "this key is missing"
    if isinstance(error, EmbedlaneError):
        return error.message.rstrip(".")
    # attrs' validators put the attribute and the value behind the message.
    return str(error.args[0] if error.args else error).rstrip(".")


@cache
def _converter() -> Converter:
    converter = Converter(forbid_extra_keys=True)
    converter.register_structure_hook_factory(_is_collection, _list_hook)
    converter.register_structure_hook_factory(_is_mapping, _mapping_hook)
    converter.register_structure_hook_factory(attrs.has, _class_hook)
    for kind, name in ((str, "text"), (bool, "true or false"), (int, "a whole number"), (date, "a date")):
        converter.register_structure_hook(kind, partial(_exactly, name))
    converter.register_structure_hook(float, _number)
    converter.register_structure_hook(StrEnum, _choice)
    converter.register_structure_hook(ModelId, lambda value, _: ModelId.parse(_exactly("text", value, str)))
    return converter


def _exactly(name: str, value: object, kind: type[_T]) -> _T:
    # By type(), for True is an int and a datetime is a date.
    if type(value) is not kind:
        raise TypeError(f"expected {name}, not {value!r}")
    return value


def _number(value: object, _kind: type[float]) -> float:
    if type(value) not in (int, float):
        raise TypeError(f"expected a number, not {value!r}")
    return float(value)  # type: ignore[arg-type]  # one of the two, by the line above


def _choice(value: object, kind: type[StrEnum]) -> StrEnum:
    if value not in list(kind):
        raise ValueError(f"expected one of {', '.join(kind)}, not {value!r}")
    return kind(str(value))


def _is_collection(shape: Any) -> bool:
    return get_origin(shape) in (tuple, frozenset)


def _is_mapping(shape: Any) -> bool:
    return get_origin(shape) in (dict, Mapping)


def _list_hook(shape: Any, converter: Converter) -> Callable[[object, Any], object]:
    build, items = get_origin(shape), list[get_args(shape)[0]]  # type: ignore[misc]  # known at run time only
    inner = converter.get_structure_hook(items)

    def hook(value: object, _shape: Any) -> object:
        if not isinstance(value, (list, tuple)):
            raise TypeError(f"expected a list, not {value!r}")
        return build(inner(value, items))

    return hook


def _mapping_hook(shape: Any, converter: Converter) -> Callable[[object, Any], object]:
    return _for_tables(mapping_structure_factory(shape, converter))


def _class_hook(shape: Any, converter: Converter) -> Callable[[object, Any], object]:
    return _for_tables(make_dict_structure_fn(shape, converter, _cattrs_forbid_extra_keys=True))


def _for_tables(inner: Callable[[Any, Any], object]) -> Callable[[object, Any], object]:
    def hook(value: object, shape: Any) -> object:
        if not isinstance(value, Mapping):
            raise TypeError(f"expected a table, not {value!r}")
        return inner(dict(value), shape)

    return hook
