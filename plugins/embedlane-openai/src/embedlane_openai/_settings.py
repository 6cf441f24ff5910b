"""The table of a provider in the configuration."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import attrs

from embedlane.plugin import ConfigError, EmbedlaneError, ModelId

if TYPE_CHECKING:
    from embedlane_openai._provider import Provider

#: OpenAI's API has no place for more inputs in one request, and so in one line.
MOST_TEXTS = 2048
_LONGEST_TIMEOUT = 3600.0
#: Where Azure OpenAI answers. Its paths, keys and batches are others.
_AZURE = (".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com")


class Encoding(StrEnum):
    """How the service is asked to write numbers; both are read, whatever was asked for."""

    #: Four bytes for each number: exact, small and quickly read.
    BASE64 = "base64"
    #: Digits, which every server can.
    FLOAT = "float"


@attrs.frozen(kw_only=True)
class OpenAISettings:
    """What the plugin reads; the defaults are those of OpenAI's service."""

    #: Address of the API, with its version; None for OpenAI's, or what OPENAI_BASE_URL says.
    base_url: str | None = None
    #: The organisation that is billed; None for the key's own, or what OPENAI_ORG_ID says.
    organization: str | None = None
    #: The project that is billed; None for the key's own, or what OPENAI_PROJECT_ID says.
    project: str | None = None
    #: A proxy's URL; may hold a password. None for what the environment says.
    proxy: str | None = attrs.field(default=None, repr=False)
    #: Seconds without an answer, or a part of one, after which a request is given up.
    timeout: float = 60.0
    #: Texts in one line of a batch file.
    texts_per_line: int = 1
    #: Whether a size other than the model's native one is asked for; if not, heads of vectors are kept.
    send_dimensions: bool = True
    #: How numbers are asked for.
    encoding: Encoding = Encoding.BASE64
    #: The parameter that the role of a text is sent in, for models whose card has task parameters.
    task_parameter: str | None = None
    #: What the server calls a model, by embedlane's id.
    names: Mapping[str, str] = MappingProxyType({})

    @classmethod
    def read(cls, provider: Provider, table: Mapping[str, object]) -> OpenAISettings:
        """Read *table*, key by key.

        Raises:
            ConfigError: If a key is unknown or missing, or its value can't be right; names its path.
        """
        reader = _Reader(provider, table)
        known = {field.name for field in attrs.fields(cls)}
        reader.require_known(known - {"organization", "project"} if provider.compatible else known)
        return cls(
            base_url=reader.address(),
            organization=reader.word("organization"),
            project=reader.word("project"),
            proxy=reader.proxy(),
            timeout=reader.seconds("timeout", 60.0),
            texts_per_line=reader.whole("texts_per_line", 1, MOST_TEXTS),
            send_dimensions=reader.truth("send_dimensions", default=True),
            encoding=reader.encoding(),
            task_parameter=reader.word("task_parameter"),
            names=reader.names(),
        )

    def name(self, model: ModelId) -> str:
        """What the service calls *model*."""
        return self.names.get(str(model), model.model)


@attrs.frozen
class _Reader:
    provider: Provider
    table: Mapping[str, object]

    def require_known(self, known: set[str]) -> None:
        for key in self.table:
            if key not in known:
                close = difflib.get_close_matches(key, known, n=1)
                advice = f"Did you mean {close[0]!r}?" if close else f"It can be {', '.join(sorted(known))}."
                raise ConfigError(f"{self.provider.path(key)}: there is no such setting.", advice)

    def address(self) -> str | None:
        value = self.table.get("base_url")
        if value is None:
            if self.provider.compatible:
                raise ConfigError(
                    f"{self.provider.path('base_url')}: it is missing.",
                    "Name the server's address with the API's version, such as 'http://127.0.0.1:8000/v1'.",
                )
            return None
        address = self._url("base_url", value, {"http", "https"}, repr(value))
        parts = urlsplit(address)
        if parts.query or parts.fragment or parts.username or parts.password:
            raise self.wrong(
                "base_url", "its value", "a URL without a user, a query or a fragment; keys belong elsewhere"
            )
        if (parts.hostname or "").endswith(_AZURE):
            raise ConfigError(
                f"{self.provider.path('base_url')}: this release does not support Azure OpenAI.",
                "Its addresses, keys and batches are others than OpenAI's. Use OpenAI's own service.",
            )
        return address

    def proxy(self) -> str | None:
        value = self.table.get("proxy")
        return None if value is None else self._url("proxy", value, _PROXIES, "its value")

    def _url(self, key: str, value: object, schemes: set[str], shown: str) -> str:
        wanted = "a URL such as 'http://127.0.0.1:8000/v1'"
        if not isinstance(value, str) or not value.isprintable() or " " in value:
            raise self.wrong(key, shown, wanted)
        try:
            parts = urlsplit(value)
            usable = parts.scheme in schemes and bool(parts.hostname) and (parts.port or 1) > 0
        except ValueError:
            usable = False
        if not usable:
            raise self.wrong(key, shown, wanted)
        return value

    def word(self, key: str) -> str | None:
        value = self.table.get(key)
        if value is not None and not _is_word(value):
            raise self.wrong(key, repr(value), "a word without blanks")
        return value if isinstance(value, str) else None

    def seconds(self, key: str, default: float) -> float:
        value = self.table.get(key, default)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            raise self.wrong(key, repr(value), "a number of seconds")
        if not 0.001 <= value <= _LONGEST_TIMEOUT:
            raise self.wrong(key, repr(value), f"between 0.001 and {_LONGEST_TIMEOUT:g} seconds")
        return float(value)

    def whole(self, key: str, default: int, most: int) -> int:
        value = self.table.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
            raise self.wrong(key, repr(value), f"a whole number from 1 to {most}")
        return value

    def truth(self, key: str, *, default: bool) -> bool:
        value = self.table.get(key, default)
        if not isinstance(value, bool):
            raise self.wrong(key, repr(value), "true or false")
        return value

    def encoding(self) -> Encoding:
        value = self.table.get("encoding", Encoding.BASE64)
        if value not in list(Encoding):
            raise self.wrong("encoding", repr(value), " or ".join(repr(choice.value) for choice in Encoding))
        return Encoding(str(value))

    def names(self) -> Mapping[str, str]:
        value = self.table.get("names", {})
        if not isinstance(value, Mapping):
            raise self.wrong("names", repr(value), 'a table such as { "acme:small" = "acme/small-v2" }')
        for model, name in value.items():
            try:
                ModelId.parse(model)
            except EmbedlaneError as error:
                raise self.wrong("names", repr(model), "a model id such as 'acme:small'") from error
            if not isinstance(name, str) or not name.strip():
                raise self.wrong(f'names."{model}"', repr(name), "the server's name of a model")
        return MappingProxyType(dict(value))

    def wrong(self, key: str, found: str, wanted: str) -> ConfigError:
        return ConfigError(
            f"{self.provider.path(key)}: {found} is not {wanted}.", "Change or remove the setting."
        )


_PROXIES = {"http", "https", "socks5", "socks5h"}


def _is_word(value: object) -> bool:
    # It may go into a header.
    return (
        isinstance(value, str)
        and value.isascii()
        and value.isprintable()
        and value != ""
        and " " not in value
    )
