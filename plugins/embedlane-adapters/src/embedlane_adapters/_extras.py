"""Says which extra is missing, where a library can't be imported."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from embedlane.errors import MissingDependencyError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Import what the extra *name* brings.

    Raises:
        MissingDependencyError: If a module is not there; names the command that installs it.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            f"embedlane_adapters.{name} can't be imported: {error}.",
            f"Run: pip install 'embedlane-adapters[{name}]'",
        ) from error
