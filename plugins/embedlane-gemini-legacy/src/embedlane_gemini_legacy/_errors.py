"""The SDK's errors in the core's terms: one table, the most specific class wins."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import attrs
import grpc
import orjson
from google.api_core import exceptions as core
from google.auth import exceptions as auth
from google.protobuf import json_format
from requests import exceptions as http

from embedlane.plugin import (
    CapabilityError,
    ConfigError,
    CredentialError,
    EmbedlaneError,
    ProviderError,
    RequestRefusedError,
    ResponseError,
    TransientError,
)
from embedlane_gemini_legacy._details import day_quota, details_of, retry_after
from embedlane_gemini_legacy._settings import PROVIDER

if TYPE_CHECKING:
    from embedlane_gemini_legacy._settings import LegacySettings

#: What the SDK and the libraries below it raise; catch these, and translate them.
SDK_ERRORS: Final = (
    core.GoogleAPIError,
    auth.GoogleAuthError,
    http.RequestException,
    grpc.RpcError,
    json_format.Error,
    orjson.JSONDecodeError,
)

_DAY = 86_400.0
#: Midnight in California in seconds of a day in UTC; an hour late in summer, which is the safe side.
_QUOTA_DAY_BEGINS = 8 * 3600.0
_BAD_KEY_REASONS = frozenset({"API_KEY_INVALID", "API_KEY_EXPIRED"})
_BAD_KEY_WORDS = ("api key not valid", "api key expired", "api key not found")
_WRONG_TLS = ("CERTIFICATE_VERIFY_FAILED", "WRONG_VERSION_NUMBER")


@attrs.frozen
class Translator:
    """Translates the errors of calls for one model."""

    #: The model's own name, without publisher.
    model: str
    #: Where it was asked for.
    settings: LegacySettings
    #: The key, which must never be shown; the service repeats it in some of its messages.
    key: str = attrs.field(default="", repr=False)
    #: Seconds since 1970; another clock for tests.
    clock: Callable[[], float] = time.time

    def translate(self, error: Exception) -> EmbedlaneError:
        """The core's error for *error*, one of `SDK_ERRORS`.

        Raise it after the except clause, not in it or from *error*: what the SDK raises has the key in its
        frames, and may have it in its message; reporters of errors print both.
        """
        kind = next(kind for kind in type(error).__mro__ if kind in _TABLE)
        translated = _TABLE[kind](self, error)
        if not self.key:
            return translated
        # Made anew: an exception also holds its texts in `args`, which a pickle of it shows.
        return attrs.evolve(translated, message=translated.message.replace(self.key, "[key]"))

    def bad_request(self, error: Any) -> EmbedlaneError:
        """A 400: mostly the texts, but also a key that is none, or a place without the service."""
        words = str(error.message).lower()
        reasons = {detail.get("reason") for name, detail in details_of(error) if name == "ErrorInfo"}
        if reasons & _BAD_KEY_REASONS or any(each in words for each in _BAD_KEY_WORDS):
            return self.credential(error)
        if "location is not supported" in words:
            return ProviderError(_said(error), "The Gemini API is not offered where this machine is.")
        return self.refused(error)

    def refused(self, error: Any) -> EmbedlaneError:
        """Something in the request is wrong."""
        return RequestRefusedError(_said(error), "", _status(error) or _code(error))

    def unavailable_model(self, error: Any) -> EmbedlaneError:
        """No text is at fault, so this is no refusal of the request: the core would try each text alone."""
        return CapabilityError(
            _said(error),
            f"`embedlane models show google:{self.model}` tells whether it was shut down; "
            "`embedlane doctor` asks the service.",
        )

    def credential(self, error: Any) -> EmbedlaneError:
        """The service does not take the key, or not for this."""
        return CredentialError(
            _said(error),
            "Set GEMINI_API_KEY or GOOGLE_API_KEY to a key from Google AI Studio, or name another variable "
            f"as [providers.{PROVIDER}] api_key_env; `embedlane doctor` tests it.",
        )

    def exhausted(self, error: Any) -> EmbedlaneError:
        """A quota is used up. The pause that comes with a day's quota is too short to be meant."""
        if day_quota(error):
            wait = _DAY - (self.clock() - _QUOTA_DAY_BEGINS) % _DAY
            hint = "The quota of a day is used up; it is renewed at midnight in California."
            return TransientError(_said(error), hint, wait)
        hint = f"Lower [providers.{PROVIDER}] texts_per_minute or concurrency if it happens often."
        return TransientError(_said(error), hint, retry_after(error))

    def transient(self, error: Any) -> EmbedlaneError:
        """An overload, or something between here and there."""
        return TransientError(_said(error), "", retry_after(error))

    def late(self, error: Any) -> EmbedlaneError:
        """No answer in time."""
        message = f"No answer from {self.settings.base_url} within {self.settings.timeout:g} s."
        return TransientError(message, f"[providers.{PROVIDER}] timeout sets the limit.", retry_after(error))

    def unreachable(self, error: Any) -> EmbedlaneError:
        """The connection was not made, or broke."""
        message = f"The connection to {self.settings.base_url} failed: {_brief(error)}."
        return TransientError(message, f"[providers.{PROVIDER}] base_url and proxy set the way there.")

    def tls(self, error: Any) -> EmbedlaneError:
        """TLS failed: for good where the certificate or the protocol is wrong."""
        if not any(words in str(error) for words in _WRONG_TLS):
            return self.unreachable(error)
        return ConfigError(
            f"No encrypted connection to {self.settings.base_url}: {_brief(error)}.",
            "Name the authority's certificates in REQUESTS_CA_BUNDLE, or correct the scheme of "
            f"[providers.{PROVIDER}] base_url.",
        )

    def misdirected(self, error: Any) -> EmbedlaneError:
        """The address leads elsewhere, and the key does not follow."""
        response = getattr(error, "response", None)
        target = response.headers.get("Location", "") if response is not None else ""
        to = f" to {target}" if target else ""
        return ConfigError(
            f"{self.settings.base_url} redirects{to}; the key is not sent there.",
            f"Set [providers.{PROVIDER}] base_url to the address that answers.",
        )

    def unusable(self, error: Any) -> EmbedlaneError:
        """The address or the proxy can't be used by the HTTP library."""
        message = f"{self.settings.base_url} can't be used: {_brief(error)}."
        return ConfigError(message, f"Change [providers.{PROVIDER}] base_url or proxy.")

    def garbled(self, error: Any) -> EmbedlaneError:
        """A success that is no JSON: a portal's page, a proxy that broke off."""
        return TransientError(
            f"{self.settings.base_url} answered, but not in JSON: {_brief(error)}.",
            f"Is [providers.{PROVIDER}] base_url right?",
        )

    def unreadable(self, error: Any) -> EmbedlaneError:
        """JSON of something else."""
        return ResponseError(
            f"{self.settings.base_url} answered, but not as the Gemini API does: {_brief(error)}.",
            f"Is [providers.{PROVIDER}] base_url right? Nothing of the answer was stored.",
        )

    def retried(self, error: Any) -> EmbedlaneError:
        """The SDK gave up trying again; what counts is why it had to."""
        cause = error.cause
        return self.translate(cause) if isinstance(cause, SDK_ERRORS) else self.transient(error)

    def other(self, error: Any) -> EmbedlaneError:
        """Nothing that a call of ours should come to."""
        return ProviderError(_said(error), "Report it to the authors of embedlane-gemini-legacy.")

    def other_code(self, error: Any) -> EmbedlaneError:
        """A code that has no class."""
        code = error.code
        if code is not None and 400 <= int(code) < 500 and int(code) not in (408, 425):
            return self.refused(error)
        return self.transient(error)


def _said(error: Any) -> str:
    """What the service said, on one line."""
    text = " ".join(str(getattr(error, "message", "") or error).split()) or type(error).__name__
    status = _status(error)
    told = " ".join(part for part in (_code(error), status) if part)
    return f"The Gemini API answered {told}: {text}" if told else f"The call failed: {text}"


def _code(error: Any) -> str:
    code = getattr(error, "code", None)
    return str(int(code)) if isinstance(code, int) else ""


def _status(error: Any) -> str:
    """The name of the status, such as ``INVALID_ARGUMENT``; empty where there is none."""
    status = getattr(error, "grpc_status_code", None)
    return status.name if isinstance(status, grpc.StatusCode) else ""


def _brief(error: BaseException) -> str:
    """What went wrong; of requests' long story about connections only the cause at its end."""
    cause = getattr(error.args[0], "reason", None) if error.args else None
    return " ".join(str(cause or error).split())[:300].rstrip(".") or type(error).__name__


_T = Translator
_TABLE: Final[Mapping[type[BaseException], Callable[[Translator, Any], EmbedlaneError]]] = MappingProxyType(
    {
        # What the service answers, over either transport.
        core.BadRequest: _T.bad_request,
        core.Unauthorized: _T.credential,
        core.Forbidden: _T.credential,
        core.NotFound: _T.unavailable_model,
        core.MethodNotAllowed: _T.unavailable_model,
        core.MethodNotImplemented: _T.unavailable_model,
        core.TooManyRequests: _T.exhausted,
        core.Aborted: _T.transient,
        core.Cancelled: _T.transient,
        core.ClientError: _T.refused,
        core.DeadlineExceeded: _T.late,
        core.ServerError: _T.transient,
        core.Redirection: _T.misdirected,
        core.GoogleAPICallError: _T.other_code,
        core.RetryError: _T.retried,
        core.GoogleAPIError: _T.other,
        # Between here and there.
        http.Timeout: _T.late,
        http.SSLError: _T.tls,
        http.ConnectionError: _T.unreachable,
        http.ChunkedEncodingError: _T.unreachable,
        http.ContentDecodingError: _T.unreachable,
        http.TooManyRedirects: _T.misdirected,
        http.JSONDecodeError: _T.garbled,
        http.RequestException: _T.unusable,
        grpc.RpcError: _T.unreachable,
        auth.TransportError: _T.unreachable,
        auth.GoogleAuthError: _T.credential,
        # What can't be read.
        json_format.Error: _T.unreadable,
        orjson.JSONDecodeError: _T.garbled,
    }
)
