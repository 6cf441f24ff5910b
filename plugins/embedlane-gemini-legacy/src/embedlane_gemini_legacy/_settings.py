"""The table ``[providers.gemini-legacy]``, with errors that carry the key's path."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from typing import Final, Literal, Self, TypeAlias
from urllib.parse import SplitResult, urlsplit

import attrs

from embedlane.plugin import ConfigError

#: The provider's id.
PROVIDER: Final = "gemini-legacy"
#: The service of the Gemini Developer API.
SERVICE: Final = "https://generativelanguage.googleapis.com"
#: Seconds that a call may take: what the SDK itself allows for one attempt.
TIMEOUT: Final = 60.0

Transport: TypeAlias = Literal["rest", "grpc"]

_TRANSPORTS: Final[tuple[Transport, ...]] = ("rest", "grpc")
#: Keys of every provider's table, which the core reads and some of its releases pass on.
_OF_THE_CORE = frozenset(
    {
        "api_key_env",
        "concurrency",
        "max_rows_per_job",
        "requests_per_minute",
        "texts_per_minute",
        "tokens_per_minute",
    }
)


@attrs.frozen(kw_only=True)
class LegacySettings:
    """How the SDK reaches the service."""

    #: HTTP with JSON, or gRPC.
    transport: Transport = "rest"
    #: Scheme, host, port and path before ``/v1beta``, without a slash at the end.
    base_url: str = SERVICE
    #: Seconds that a call may take.
    timeout: float = TIMEOUT
    #: The HTTP proxy of the REST transport; empty for what the environment says.
    proxy: str = ""

    @classmethod
    def of(cls, table: Mapping[str, object]) -> Self:
        """Read the provider's table.

        Raises:
            ConfigError: If a key is unknown or its value can't be right; names the key's path.
        """
        _require_known(table)
        settings = cls(
            transport=_transport(table.get("transport", "rest")),
            base_url=_address("base_url", table.get("base_url", SERVICE)),
            timeout=_timeout(table.get("timeout", TIMEOUT)),
            proxy=_address("proxy", table["proxy"]) if "proxy" in table else "",
        )
        if settings.transport == "grpc":
            settings._require_grpc()
        return settings

    @property
    def host(self) -> str:
        """Host and port, without scheme."""
        return urlsplit(self.base_url).netloc

    @property
    def encrypted(self) -> bool:
        """Whether the connection is under TLS."""
        return self.base_url.startswith("https:")

    def _require_grpc(self) -> None:
        if urlsplit(self.base_url).path:
            raise _wrong("base_url", self.base_url, "an address without a path, as transport 'grpc' needs")
        if self.proxy:
            message = f"{_path('proxy')}: it is for transport 'rest'."
            raise ConfigError(message, "For gRPC set the variable https_proxy in the environment instead.")


def _require_known(table: Mapping[str, object]) -> None:
    known = sorted(field.name for field in attrs.fields(LegacySettings))
    for key in table:
        if key not in known and key not in _OF_THE_CORE:
            close = difflib.get_close_matches(key, [*known, *sorted(_OF_THE_CORE)], n=1)
            advice = f"Did you mean {close[0]!r}?" if close else f"It can be one of: {', '.join(known)}."
            raise ConfigError(f"{_path(key)}: there is no such setting.", advice)


def _transport(value: object) -> Transport:
    for transport in _TRANSPORTS:
        if value == transport:
            return transport
    raise _wrong("transport", value, " or ".join(map(repr, _TRANSPORTS)))


def _timeout(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _wrong("timeout", value, "a number of seconds")
    if not math.isfinite(value) or value <= 0:
        raise _wrong("timeout", value, "a number of seconds above zero")
    return float(value)


def _address(key: str, value: object) -> str:
    """The address *value* without a slash at the end."""
    parts = _split(value)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise _wrong(key, value, "an address such as 'http://127.0.0.1:8085'")
    if parts.username is not None or parts.password is not None:
        # Addresses stand in logs and errors, so the value is not repeated here either.
        message = f"{_path(key)}: it holds a user name or a password."
        raise ConfigError(message, "Remove it: what an address holds is shown in errors and logs.")
    if parts.query or parts.fragment:
        raise _wrong(key, value, "an address without '?' and '#'")
    path = parts.path.rstrip("/")
    if path.rpartition("/")[2] in ("v1", "v1alpha", "v1beta"):
        raise _wrong(key, value, "an address without the API's version, which the SDK adds itself")
    return parts._replace(path=path).geturl()


def _split(value: object) -> SplitResult | None:
    if not isinstance(value, str) or not value.isprintable() or " " in value:
        return None
    try:
        parts = urlsplit(value)
        _ = parts.port  # read only to have it checked
    except ValueError:
        return None
    return parts


def _path(key: str) -> str:
    return f"providers.{PROVIDER}.{key}"


def _wrong(key: str, value: object, wanted: str) -> ConfigError:
    return ConfigError(f"{_path(key)}: {value!r} is not {wanted}.", "Change or remove the setting.")
