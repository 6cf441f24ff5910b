"""From an HTTP status and Google's error body to the core's tree."""

from __future__ import annotations

import email.utils
import math
import re
import time
from typing import TYPE_CHECKING, Any

import attrs

from embedlane.plugin import (
    CapabilityError,
    ConfigError,
    CredentialError,
    EmbedlaneError,
    PluginError,
    RequestRefusedError,
    ResponseError,
    TransientError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: Seconds to wait for a quota of a whole day. What RetryInfo says then is the time until the next minute.
DAILY_PAUSE = 3600.0
_KEY_REASONS = frozenset(
    {
        "API_KEY_INVALID",
        "API_KEY_SERVICE_BLOCKED",
        "API_KEY_HTTP_REFERRER_BLOCKED",
        "API_KEY_IP_ADDRESS_BLOCKED",
    }
)
_KEY_WORDS = re.compile(r"\bAPI key\b|unregistered callers|consumer identity", re.IGNORECASE)
_NO_METHOD = re.compile(r"not found for API version|not support(ed for)? \w*embedContent", re.IGNORECASE)
_DURATION = re.compile(r"(\d+(?:\.\d+)?)s")
_LONGEST = 500
_QUOTA = "texts_per_minute in [providers.gemini] sets a pace; see https://ai.google.dev/gemini-api/docs/rate-limits"


@attrs.frozen
class Call:
    """What was asked of the service, for messages."""

    #: Such as ``embed 3 texts``.
    what: str
    #: The model's own name; empty where none is concerned.
    model: str = ""

    def __str__(self) -> str:
        """Such as ``embed 3 texts with gemini-embedding-2``."""
        return f"{self.what} with {self.model}" if self.model else self.what


def api_error(call: Call, error: Exception) -> EmbedlaneError:
    """The core's error for the SDK's APIError."""
    return _Answer(error).translate(call)


def lacks_method(error: Any) -> bool:
    """Whether the service says that the model is not there, or lacks the method."""
    return error.code in {400, 404} and bool(_NO_METHOD.search(error.message or ""))


@attrs.frozen
class _Answer:
    """An answer that is an error."""

    error: Any

    def translate(self, call: Call) -> EmbedlaneError:
        code = self.error.code if isinstance(self.error.code, int) else 0
        told = f"Gemini answered {code} {self.error.status or ''}".rstrip() + f" to {call}"
        told = f"{told}: {(self.error.message or 'no reason given').strip()[:_LONGEST]}"
        if self._is_about_key(code):
            return CredentialError(told, self._key_advice())
        if code == 429:
            return self._quota(told)
        if code in {408, 409, 499} or code >= 500:
            return TransientError(told, retry_after=self._pause())
        if code in {400, 404} and lacks_method(self.error):
            return CapabilityError(told, "`embedlane models list` shows which models have which lanes.")
        return self._refusal(code, told)

    def _refusal(self, code: int, told: str) -> EmbedlaneError:
        if self.error.status == "FAILED_PRECONDITION":
            # About the account or the place, so no text is at fault.
            return ConfigError(told, "The account or the region must change; no request can succeed.")
        if code == 400 and "Unknown name" in (self.error.message or ""):
            return PluginError(told, "The service's format has changed: upgrade embedlane-gemini.")
        if 400 <= code < 500:
            return RequestRefusedError(told, code=str(self.error.status or code))
        if 300 <= code < 400:
            return ConfigError(told, "Check base_url in [providers.gemini].")
        return ResponseError(told)

    def _quota(self, told: str) -> TransientError:
        if any("PerDay" in name for name in self._quota_names()):
            hint = "The quota is one of a whole day; the seconds that the service names do not renew it."
            return TransientError(told, hint, retry_after=DAILY_PAUSE)
        return TransientError(told, _QUOTA, retry_after=self._pause())

    def _is_about_key(self, code: int) -> bool:
        if code in {401, 403}:
            return True
        return code == 400 and (
            any(detail.get("reason") in _KEY_REASONS for detail in self._details())
            or bool(_KEY_WORDS.search(self.error.message or ""))
        )

    def _key_advice(self) -> str:
        message = (self.error.message or "").lower()
        if "expired" in message or "leaked" in message:
            return "Make a new key at https://aistudio.google.com/apikey and put it into the environment."
        if "file" in message:
            return "Files belong to the key's project and live for 48 hours; was the key changed?"
        return (
            "Check GOOGLE_API_KEY, which wins over GEMINI_API_KEY, or the variable that api_key_env in "
            "[providers.gemini] names."
        )

    def _details(self) -> Iterator[Mapping[str, Any]]:
        body = self.error.details
        inner = body.get("error") if isinstance(body, dict) else None
        found = inner.get("details") if isinstance(inner, dict) else None
        return (detail for detail in found or () if isinstance(detail, dict))

    def _quota_names(self) -> Iterator[str]:
        for detail in self._details():
            for violation in detail.get("violations") or ():
                if isinstance(violation, dict):
                    yield str(violation.get("quotaId", ""))

    def _pause(self) -> float | None:
        """Seconds that the service asks to wait: in RetryInfo, or else in Retry-After."""
        for detail in self._details():
            match = _DURATION.fullmatch(str(detail.get("retryDelay", "")))
            if match:
                return float(match[1])
        headers = getattr(self.error.response, "headers", None)
        value = headers.get("retry-after") if headers is not None else None
        return None if value is None else _seconds(str(value))


def _seconds(value: str) -> float | None:
    """What Retry-After says: seconds, or a date."""
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(value).timestamp() - time.time()
        except ValueError:
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None
