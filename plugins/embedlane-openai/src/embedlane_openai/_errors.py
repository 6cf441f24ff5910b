"""From exceptions of the SDK and its transport to the core's tree.

The key is in none of what is made here: messages are scrubbed, and the SDK's own exceptions, whose frames
hold request headers, are never chained to ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs
import httpx
import openai

from embedlane.plugin import (
    ConfigError,
    EmbedlaneError,
    PluginError,
    RequestRefusedError,
    ResponseError,
    TransientError,
)
from embedlane_openai._status import status_error

if TYPE_CHECKING:
    from embedlane_openai._status import Call

_Rule: TypeAlias = Callable[["Call", Any], EmbedlaneError]
_LONGEST = 300


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error)[:_LONGEST]}".rstrip(": ")


def _lost(call: Call, error: Exception, hint: str = "") -> EmbedlaneError:
    return TransientError(f"No whole answer came from {call.provider} to {call}: {_told(error)}.", hint)


def _late(call: Call, error: Exception) -> EmbedlaneError:
    return _lost(call, error, f"If it is just slow, raise timeout in {call.provider.table}.")


def _unreached(call: Call, error: Exception) -> EmbedlaneError:
    return _lost(call, error, f"Is it running, and is base_url in {call.provider.table} its address?")


def _unreadable(call: Call, error: Exception) -> EmbedlaneError:
    return ResponseError(
        f"The openai SDK can't read the answer of {call.provider} to {call}: {_told(error)}."
    )


def _broken(call: Call, error: Exception) -> EmbedlaneError:
    # Not a refusal: the core would look for the text that is at fault.
    return PluginError(
        f"The openai SDK failed to {call}: {_told(error)}.", "Upgrade embedlane-openai and openai."
    )


def _address(call: Call, error: Exception) -> EmbedlaneError:
    return ConfigError(
        f"{call.provider} can't be addressed to {call}: {_told(error)}.",
        f"Check base_url and proxy in {call.provider.table}, OPENAI_BASE_URL and HTTPS_PROXY.",
    )


def _unsendable(call: Call, error: Exception) -> EmbedlaneError:
    return RequestRefusedError(
        f"A text holds what no request can carry, so {call} failed: {_told(error)}.", code="UNENCODABLE"
    )


#: What each exception comes to; the first of an exception's own classes that is here decides.
RULES: Mapping[type[Exception], _Rule] = MappingProxyType(
    {
        openai.APIStatusError: status_error,
        openai.APIConnectionError: _lost,
        openai.APIResponseValidationError: _unreadable,
        openai.OpenAIError: _broken,
        httpx.HTTPError: _lost,
        httpx.TimeoutException: _late,
        httpx.ConnectError: _unreached,
        httpx.StreamError: _lost,
        httpx.LocalProtocolError: _broken,
        httpx.UnsupportedProtocol: _address,
        httpx.TooManyRedirects: _address,
        httpx.InvalidURL: _address,
        httpx.CookieConflict: _unreadable,
        OSError: _lost,
        UnicodeEncodeError: _unsendable,
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
        error = cause(error)
        rule = next((RULES[kind] for kind in type(error).__mro__ if kind in RULES), _broken)
        made = rule(call, error)
        # Made anew, since `args` and so a pickle would keep what it was made with.
        return attrs.evolve(made, message=self.scrub(made.message), hint=self.scrub(made.hint))

    def scrub(self, text: str) -> str:
        """*text* without secrets."""
        for secret in self.secrets:
            text = text.replace(secret, "[key]")
        return text


def cause(error: Exception) -> Exception:
    """What is behind *error*: the SDK wraps all that goes wrong on the way into one class."""
    behind = error.__cause__
    if isinstance(error, openai.APIConnectionError) and isinstance(behind, Exception):
        return behind
    return error
