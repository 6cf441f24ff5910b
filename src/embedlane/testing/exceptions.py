"""Walking the exceptions of an SDK."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import ModuleType

_WORDS = "told by the conformance kit"


def exceptions_of(modules: Iterable[ModuleType]) -> list[type[Exception]]:
    """The exception classes that *modules* export, each once; warnings are none."""
    found = {
        value: None
        for module in modules
        # A list, because lazy modules grow while they are looked at.
        for value in list(vars(module).values())
        if inspect.isclass(value) and issubclass(value, Exception) and not issubclass(value, Warning)
    }
    return list(found)


def instance_of(kind: type[Exception]) -> Exception | None:
    """An exception of *kind*, made with a message or without; None if its constructor wants more."""
    for arguments in ((_WORDS,), ()):
        try:
            return kind(*arguments)
        except TypeError:
            continue
    return None
