"""Reading a provider's table of the configuration, with errors that carry the key's path."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeVar

import attrs

from embedlane.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Keys that configure the spool, for the providers whose batch lane it is.
SPOOL_KEYS = frozenset({"batch_delay", "batch_expires_after", "batch_rows"})

_T = TypeVar("_T", int, float)


@attrs.frozen
class Settings:
    """One provider's table, read key by key."""

    #: The provider's id.
    provider: str
    #: The table.
    values: Mapping[str, object]

    def known_keys(self, *own: str) -> None:
        """Refuse keys that nobody reads.

        Args:
            own: Keys that the provider reads beside those of the spool.

        Raises:
            ConfigError: If there is another key.
        """
        known = sorted({*own, *SPOOL_KEYS})
        for key in self.values:
            if key not in known:
                close = difflib.get_close_matches(key, known, n=1)
                advice = f"Did you mean {close[0]!r}?" if close else f"It can be one of: {', '.join(known)}."
                raise ConfigError(f"{self.path(key)}: there is no such setting.", advice)

    def path(self, key: str) -> str:
        """Where *key* stands in the configuration, such as ``providers.hash.batch_delay``."""
        return f"providers.{self.provider}.{key}"

    def number(self, key: str, default: float, largest: float = math.inf) -> float:
        """A finite number from 0 to *largest*.

        Raises:
            ConfigError: If it is anything else.
        """
        value = self.values.get(key, default)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise self._wrong(key, value, "a number")
        if value > largest:
            raise self._wrong(key, value, f"at most {largest:g}")
        return self._at_least(key, float(value), 0.0)

    def whole(self, key: str) -> int | None:
        """A whole number from 1, or None where it is not set.

        Raises:
            ConfigError: If it is anything else.
        """
        value = self.values.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int):
            raise self._wrong(key, value, "a whole number")
        return self._at_least(key, value, 1)

    def text(self, key: str) -> str | None:
        """A text that is not empty, or None where it is not set.

        Raises:
            ConfigError: If it is anything else.
        """
        value = self.values.get(key)
        if value is None:
            return None
        if not isinstance(value, str) or not value:
            raise self._wrong(key, value, "a text")
        return value

    def choice(self, key: str, choices: Iterable[str], default: str) -> str:
        """One of *choices*.

        Raises:
            ConfigError: If it is anything else.
        """
        value = self.values.get(key, default)
        known = list(choices)
        if not isinstance(value, str) or value not in known:
            raise self._wrong(key, value, " or ".join(repr(choice) for choice in known))
        return value

    def _at_least(self, key: str, value: _T, smallest: _T) -> _T:
        if not math.isfinite(value) or value < smallest:
            raise self._wrong(key, value, f"a finite number from {smallest:g}")
        return value

    def _wrong(self, key: str, value: object, wanted: str) -> ConfigError:
        return ConfigError(f"{self.path(key)}: {value!r} is not {wanted}.", "Change or remove the setting.")
