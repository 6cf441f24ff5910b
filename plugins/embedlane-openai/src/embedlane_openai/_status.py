"""From an HTTP status and an error body to the core's tree.

Compatible servers write errors in forms of their own, so what decides is the status first, then words.
"""

from __future__ import annotations

import email.utils
import math
import re
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from embedlane.plugin import (
    CapabilityError,
    ConfigError,
    CredentialError,
    EmbedlaneError,
    RequestRefusedError,
    ResponseError,
    TransientError,
)

if TYPE_CHECKING:
    from openai import APIStatusError

    from embedlane_openai._provider import Provider

#: Codes that say that the account has run dry. No wait helps, and no text is at fault.
OUT_OF_MONEY = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"})
#: Statuses below 500 after which the same request may succeed. TEI answers 424 when its model failed.
PASSING = frozenset({408, 409, 424, 425, 429, 499})
_SETTINGS = re.compile(r"\bdimensions?\b|matryoshka|encoding[ _]format|base64", re.IGNORECASE)
_MODEL = re.compile(r"\bmodel\b", re.IGNORECASE)
#: llama.cpp answers a text that is too long with 500.
_TOO_LONG = re.compile(r"too large to process|physical batch size", re.IGNORECASE)
_PLACE = re.compile(r"unsupported_country|country, region|territory", re.IGNORECASE)
_PARAMETERS = frozenset({"dimensions", "encoding_format", "user", "input_type", "task"})
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_LONGEST = 500


@attrs.frozen
class Call:
    """What was asked of the service, for messages."""

    #: Whose service it is.
    provider: Provider
    #: Such as ``embed 3 texts``.
    what: str
    #: The service's name for the model; empty where none is concerned.
    model: str = ""

    def __str__(self) -> str:
        """Such as ``embed 3 texts with text-embedding-3-small``."""
        return f"{self.what} with {self.model}" if self.model else self.what


def is_about_settings(parameter: str, message: str) -> bool:
    """Whether an error is about what goes beside the texts, so that no text is at fault."""
    return parameter in _PARAMETERS or (parameter != "input" and bool(_SETTINGS.search(message)))


def status_error(call: Call, error: APIStatusError) -> EmbedlaneError:
    """The core's error for an answer that is an error."""
    return _Answer(call, error).translate()


@attrs.frozen
class _Answer:
    call: Call
    error: APIStatusError

    @property
    def code(self) -> str:
        return str(self.error.code or self.error.type or self.error.status_code)

    @property
    def reason(self) -> str:
        """The service's own words, wherever its error has them."""
        body: object = self.error.body
        if isinstance(body, Mapping):
            body = next((body[key] for key in ("message", "detail", "error") if body.get(key)), body)
        text = str(body).strip() if body else ""
        return (text or "no reason given")[:_LONGEST]

    @property
    def told(self) -> str:
        status, code = self.error.status_code, self.code
        number = f"{status}" if code == str(status) else f"{status} {code}"
        return f"{self.call.provider} answered {number} to {self.call}: {self.reason}"

    def translate(self) -> EmbedlaneError:
        status = self.error.status_code
        if self.code in OUT_OF_MONEY:
            return ConfigError(self.told, "The account must be paid for first; no text is at fault.")
        if status >= 500 and _TOO_LONG.search(self.reason):
            return RequestRefusedError(self.told, code=self.code)
        if status in PASSING or status >= 500:
            return self._passing()
        if status in {401, 403}:
            return self._forbidden()
        if status in {404, 405} or 300 <= status < 400:
            return self._not_there()
        return self._refused()

    def _passing(self) -> TransientError:
        pace = f"texts_per_minute or tokens_per_minute in {self.call.provider.table} sets a pace."
        hint = pace if self.error.status_code == 429 else ""
        return TransientError(self.told, hint, retry_after=pause(self.error.response.headers))

    def _forbidden(self) -> EmbedlaneError:
        if _PLACE.search(f"{self.code} {self.reason}"):
            return ConfigError(self.told, "The service is not offered where you are.")
        return CredentialError(self.told, _key_advice(self.call.provider))

    def _not_there(self) -> EmbedlaneError:
        """Nothing answers there: another address, or no such model."""
        provider, model = self.call.provider, self.call.model
        if model and _MODEL.search(f"{self.code} {self.reason}"):
            return CapabilityError(
                self.told, f"If the server calls the model something else, say so: names in {provider.table}."
            )
        return ConfigError(
            self.told, f"Check base_url in {provider.table}: it ends with the API's version, mostly '/v1'."
        )

    def _refused(self) -> EmbedlaneError:
        status = self.error.status_code
        if not 400 <= status < 500:
            return ResponseError(self.told)
        if is_about_settings(str(self.error.param or ""), self.reason):
            return ConfigError(
                self.told,
                "No text is at fault. `embedlane doctor` finds out what the server takes; see "
                f"send_dimensions, encoding and task_parameter in {self.call.provider.table}.",
            )
        return RequestRefusedError(self.told, code=self.code)


def _key_advice(provider: Provider) -> str:
    if provider.compatible:
        return f"Name the variable that holds the server's key as api_key_env in {provider.table}."
    return f"Check OPENAI_API_KEY, or the variable that api_key_env in {provider.table} names."


def pause(headers: Mapping[str, str]) -> float | None:
    """Seconds that the service asks to wait; None if it does not.

    Read from ``Retry-After`` and its twin in milliseconds, else from the time at which a rate limit that is
    used up is renewed.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    value = headers.get("retry-after")
    if value is not None:
        seconds = _number(value)
        return _until(value) if seconds is None else seconds
    waits = [
        _duration(headers.get(f"x-ratelimit-reset-{what}", ""))
        for what in ("requests", "tokens")
        if headers.get(f"x-ratelimit-remaining-{what}") == "0"
    ]
    return max((wait for wait in waits if wait is not None), default=None)


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return max(0.0, value) if math.isfinite(value) else None


def _until(text: str) -> float | None:
    """Seconds until a date of HTTP."""
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except ValueError:
        return None


def _duration(text: str) -> float | None:
    """Seconds in a text such as ``6m0s`` or ``20ms``."""
    parts: list[Any] = _DURATION.findall(text)
    return sum(float(number) * _UNITS[unit] for number, unit in parts) if parts else None
