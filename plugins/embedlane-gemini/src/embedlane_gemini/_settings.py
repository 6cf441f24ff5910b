"""The table ``[providers.gemini]`` of the configuration."""

from __future__ import annotations

import difflib
import math
import os
from enum import StrEnum
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import attrs

from embedlane.plugin import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

PROVIDER = "gemini"
#: Keys that the core reads.
_CORE = frozenset(
    {
        "api_key_env",
        "concurrency",
        "max_rows_per_job",
        "requests_per_minute",
        "texts_per_minute",
        "tokens_per_minute",
    }
)
_VERTEX_VARIABLES = ("GOOGLE_GENAI_USE_ENTERPRISE", "GOOGLE_GENAI_USE_VERTEXAI")
_LONGEST_TIMEOUT = 3600.0


class BatchInput(StrEnum):
    """How the rows of a batch job reach the service."""

    #: As a file; a job of a single row inline.
    AUTO = "auto"
    #: As a file, with a key in each line.
    FILE = "file"
    #: Inside the create itself; small jobs only.
    INLINE = "inline"


@attrs.frozen(kw_only=True)
class GeminiSettings:
    """What the plugin reads; the defaults are those of the service."""

    #: Root of the service, without a version; None for Google's, or what GOOGLE_GEMINI_BASE_URL says.
    base_url: str | None = None
    #: The API's version. Google's documentation of files and batches uses v1beta throughout.
    api_version: str = "v1beta"
    #: A proxy's URL; may hold a password. None for what the environment says.
    proxy: str | None = attrs.field(default=None, repr=False)
    #: Seconds without an answer, or a part of one, after which a request is given up.
    timeout: float = 60.0
    #: How the rows of a batch job are sent.
    batch_input: BatchInput = BatchInput.AUTO

    @classmethod
    def read(
        cls, table: Mapping[str, object], environment: Mapping[str, str] | None = None
    ) -> GeminiSettings:
        """Read *table*, key by key.

        Args:
            table: The provider's table of the configuration.
            environment: Variables that may ask for Vertex AI; None for those of the process.

        Raises:
            ConfigError: If a key is unknown or its value can't be right; names ``providers.gemini.<key>``.
        """
        known = {field.name for field in attrs.fields(cls)} | {"vertexai"}
        for key in table:
            if key not in known and key not in _CORE:
                close = difflib.get_close_matches(key, known | _CORE, n=1)
                advice = f"Did you mean {close[0]!r}?" if close else f"It can be {', '.join(sorted(known))}."
                raise ConfigError(f"{_path(key)}: there is no such setting.", advice)
        _refuse_vertex(table.get("vertexai"), os.environ if environment is None else environment)
        return cls(
            base_url=_url(table, "base_url"),
            api_version=_version(table.get("api_version", "v1beta")),
            proxy=_url(table, "proxy", secret=True),
            timeout=_seconds(table.get("timeout", 60.0)),
            batch_input=_batch_input(table.get("batch_input", "auto")),
        )


def _path(key: str) -> str:
    return f"providers.{PROVIDER}.{key}"


def _wrong(key: str, found: str, wanted: str) -> ConfigError:
    return ConfigError(f"{_path(key)}: {found} is not {wanted}.", "Change or remove the setting.")


def _refuse_vertex(setting: object, environment: Mapping[str, str]) -> None:
    advice = (
        "This plugin speaks the Gemini Developer API with an API key; Vertex AI has other keys, batch "
        f"formats and prices. Set {_path('vertexai')} = false to use the Developer API."
    )
    if setting is False:
        return
    if setting is not None:
        raise ConfigError(f"{_path('vertexai')}: {setting!r} is not possible, in either lane.", advice)
    for name in _VERTEX_VARIABLES:
        if environment.get(name, "").lower() in {"1", "true"}:
            raise ConfigError(f"{name} in the environment asks for Vertex AI.", advice)


def _url(table: Mapping[str, object], key: str, *, secret: bool = False) -> str | None:
    value = table.get(key)
    if value is None:
        return None
    wanted = "a URL such as 'http://127.0.0.1:8085'"
    found = "its value" if secret else repr(value)
    if not isinstance(value, str):
        raise _wrong(key, found, wanted)
    schemes = {"http", "https", "socks5", "socks5h"} if secret else {"http", "https"}
    try:
        parts = urlsplit(value)
        usable = parts.scheme in schemes and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable:
        raise _wrong(key, found, wanted)
    if not secret and (parts.query or parts.fragment or parts.username):
        raise _wrong(key, "its value", "a URL without a user, a query or a fragment; keys belong elsewhere")
    return value


def _version(value: object) -> str:
    if not isinstance(value, str) or not value.isalnum() or not value.startswith("v"):
        raise _wrong("api_version", repr(value), "a version such as 'v1beta' or 'v1'")
    return value


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise _wrong("timeout", repr(value), "a number of seconds")
    if not 0.001 <= value <= _LONGEST_TIMEOUT:
        raise _wrong("timeout", repr(value), f"between 0.001 and {_LONGEST_TIMEOUT:g} seconds")
    return float(value)


def _batch_input(value: object) -> BatchInput:
    try:
        return BatchInput(str(value))
    except ValueError:
        choices = " or ".join(repr(choice.value) for choice in BatchInput)
        raise _wrong("batch_input", repr(value), choices) from None
