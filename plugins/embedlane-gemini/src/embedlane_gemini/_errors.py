"""From exceptions of the SDK and its transport to the core's tree.

The key is in none of what is made here: messages are scrubbed, and the SDK's own exceptions, whose frames
hold request headers, are never chained to ours.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

import attrs
import httpx2
import orjson
import pydantic
from google.genai import errors as sdk

from embedlane.plugin import (
    ConfigError,
    CredentialError,
    EmbedlaneError,
    PluginError,
    ResponseError,
    TransientError,
)
from embedlane_gemini._status import api_error

if TYPE_CHECKING:
    from embedlane_gemini._status import Call

_Rule: TypeAlias = Callable[["Call", Exception], EmbedlaneError]
_LONGEST = 300


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error)[:_LONGEST]}".rstrip(": ")


def _lost(call: Call, error: Exception) -> EmbedlaneError:
    return TransientError(f"No whole answer came from Gemini to {call}: {_told(error)}.")


def _garbage(call: Call, error: Exception) -> EmbedlaneError:
    return TransientError(f"Gemini's answer to {call} is not JSON ({type(error).__name__}).")


def _unreadable(call: Call, error: Exception) -> EmbedlaneError:
    return ResponseError(f"google-genai can't read Gemini's answer to {call}: {_told(error)}.")


def _broken(call: Call, error: Exception) -> EmbedlaneError:
    # Not a refusal: the core would look for the text that is at fault.
    return PluginError(
        f"google-genai failed to {call}: {_told(error)}.", "Upgrade embedlane-gemini and google-genai."
    )


def _address(call: Call, error: Exception) -> EmbedlaneError:
    return ConfigError(
        f"Gemini can't be addressed for {call}: {_told(error)}.",
        "Check base_url and proxy in [providers.gemini], GOOGLE_GEMINI_BASE_URL and HTTPS_PROXY.",
    )


def _temporary_key(call: Call, _error: Exception) -> EmbedlaneError:
    return CredentialError(
        f"Gemini does not take an ephemeral token for {call}.",
        "Use an API key; https://aistudio.google.com/apikey makes one.",
    )


#: What each exception comes to; the first of an exception's own classes that is here decides.
RULES: Mapping[type[Exception], _Rule] = MappingProxyType(
    {
        sdk.APIError: api_error,
        sdk.UnknownApiResponseError: _garbage,
        sdk.ContinuationInterruptedError: _lost,
        json.JSONDecodeError: _garbage,
        orjson.JSONDecodeError: _garbage,
        UnicodeDecodeError: _garbage,
        pydantic.ValidationError: _unreadable,
        httpx2.TransportError: _lost,
        httpx2.RequestError: _lost,
        httpx2.HTTPError: _lost,
        httpx2.StreamError: _lost,
        httpx2.LocalProtocolError: _broken,
        httpx2.UnsupportedProtocol: _address,
        httpx2.TooManyRedirects: _address,
        httpx2.InvalidURL: _address,
        httpx2.CookieConflict: _unreadable,
        OSError: _lost,
        ValueError: _broken,
    }
)


@attrs.frozen(repr=False, eq=False)
class Translator:
    """Makes the core's errors of the SDK's, without the key."""

    #: What must never be shown.
    secrets: tuple[str, ...]

    def translate(self, call: Call, error: Exception) -> EmbedlaneError:
        """The core's error for *error*, which *call* raised."""
        if isinstance(error, EmbedlaneError):
            return error
        for kind in type(error).__mro__:
            if kind is ValueError and str(error).startswith("Ephemeral tokens"):
                return _temporary_key(call, error)
            if kind in RULES:
                return self._scrubbed(RULES[kind](call, error))
        return self._scrubbed(_broken(call, error))

    def scrub(self, text: str) -> str:
        """*text* without secrets."""
        for secret in self.secrets:
            text = text.replace(secret, "[key]")
        return text

    def _scrubbed(self, error: EmbedlaneError) -> EmbedlaneError:
        # Made anew: an exception also holds its texts in `args`, which a pickle of it shows.
        return attrs.evolve(error, message=self.scrub(error.message), hint=self.scrub(error.hint))
