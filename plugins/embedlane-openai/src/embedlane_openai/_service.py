"""The openai SDK as this plugin needs it: without retries, with raw bodies and the core's errors."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeAlias, final

import attrs
import httpx
import openai
import orjson

from embedlane.plugin import ConfigError, CredentialError, TransientError
from embedlane_openai._errors import Translator, cause
from embedlane_openai._provider import Provider
from embedlane_openai._settings import OpenAISettings
from embedlane_openai._status import Call

if TYPE_CHECKING:
    from embedlane.plugin import EmbedlaneError, OpenContext

#: A call through ``with_raw_response``; what it returns has the body as ``content``.
Request: TypeAlias = Callable[[openai.OpenAI], Any]
#: The same with the SDK's async client.
AsyncRequest: TypeAlias = Callable[[openai.AsyncOpenAI], Awaitable[Any]]

#: What the SDK sends where a server needs no key: it insists on one.
_NO_KEY = "none"
_LIMITS = httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=30.0)
_PROXY = "Change or remove it; SOCKS needs `pip install 'httpx[socks]'`."


@attrs.frozen(kw_only=True)
class Outcome:
    """What one call of the SDK came to."""

    #: The body of the answer; None if there was none, or it was an error.
    body: bytes | None = None
    #: The failure in the core's terms, ready to be raised; None if there was none.
    failure: EmbedlaneError | None = None
    #: What was raised by the SDK, or by the transport under it.
    kind: type[Exception] = Exception
    #: The HTTP status of an answer that is an error; 0 elsewhere.
    status: int = 0

    def answer(self) -> bytes:
        """The body.

        Raises:
            EmbedlaneError: The failure, if there was one.
        """
        if self.failure is not None:
            raise self.failure
        assert self.body is not None
        return self.body


@final
@attrs.frozen(eq=False, repr=False)
class Service:
    """An open connection to a service."""

    #: The SDK.
    client: openai.OpenAI
    #: Makes errors without the key.
    translator: Translator
    #: Whose service it is.
    provider: Provider

    def call(self, what: str, model: str = "") -> Call:
        """What is asked of this service, for messages."""
        return Call(self.provider, what, model)

    def attempt(self, call: Call, request: Request) -> Outcome:
        """Make *request*, once, and say what came of it; raises nothing but interrupts."""
        try:
            return Outcome(body=request(self.client).content)
        except Exception as error:
            return failed(self.translator, call, error)

    def fetch(self, call: Call, request: Request) -> bytes:
        """The raw body that answers *request*.

        Raises:
            EmbedlaneError: What the failure is in the core's terms.
        """
        # Outside of any `except`, so that no error of the SDK hangs on ours.
        return self.attempt(call, request).answer()

    def close(self) -> None:
        """Close the connections."""
        self.client.close()


async def attempt_async(
    client: openai.AsyncOpenAI, translator: Translator, call: Call, request: AsyncRequest
) -> Outcome:
    """Do what `Service.attempt` does, without blocking the event loop."""
    try:
        answer = await request(client)
        return Outcome(body=answer.content)
    except Exception as error:
        return failed(translator, call, error)


def failed(translator: Translator, call: Call, error: Exception) -> Outcome:
    """What *error* makes of *call*."""
    status = error.status_code if isinstance(error, openai.APIStatusError) else 0
    return Outcome(failure=translator.translate(call, error), kind=type(cause(error)), status=status)


def parsed(call: Call, body: bytes) -> dict[str, Any]:
    """*body* as a JSON object.

    Raises:
        TransientError: If it is none; such bodies come from proxies that are overloaded.
    """
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise TransientError(
            f"The answer of {call.provider} to {call} is no JSON object but {body[:60]!r}.",
            f"If it always is, check base_url in {call.provider.table}.",
        )
    return found


@final
@attrs.frozen(eq=False, repr=False)
class Opener:
    """Opens clients of the SDK with one key and one set of settings."""

    provider: Provider
    settings: OpenAISettings
    _key: str
    #: Made once: reading the certificates takes longer than all the rest of opening.
    _tls: ssl.SSLContext = attrs.field(factory=httpx.create_ssl_context, init=False)

    def service(self) -> Service:
        """A service for threads."""
        try:
            http = httpx.Client(**self._transport())
        except (ValueError, httpx.InvalidURL, ImportError, ssl.SSLError):
            failure = ConfigError(
                f"{self.provider.path('proxy')}: no connection can be made through it.", _PROXY
            )
        else:
            client = openai.OpenAI(http_client=http, **self._options())
            self._adopt(client)
            return Service(client, self.translator(), self.provider)
        raise failure

    def async_client(self) -> openai.AsyncOpenAI:
        """A client for one event loop."""
        client = openai.AsyncOpenAI(http_client=httpx.AsyncClient(**self._transport()), **self._options())
        self._adopt(client)
        return client

    def translator(self) -> Translator:
        """What makes errors without the key and the proxy's password."""
        return Translator(tuple(filter(None, (self._key, self.settings.proxy))))

    def _transport(self) -> dict[str, Any]:
        # A redirect is not followed: OpenAI's API has none, and a create must not be sent twice.
        return {
            "proxy": self.settings.proxy,
            "limits": _LIMITS,
            "verify": self._tls,
            "follow_redirects": False,
        }

    def _options(self) -> dict[str, Any]:
        return {
            "api_key": self._key or _NO_KEY,
            "base_url": self.settings.base_url,
            "timeout": self.settings.timeout,
            "max_retries": 0,  # the core repeats, and a create must not be repeated
        }

    def _adopt(self, client: openai.OpenAI | openai.AsyncOpenAI) -> None:
        """Say who pays. What the environment says of that is for OpenAI only."""
        told = self.settings
        if told.organization or self.provider.compatible:
            client.organization = told.organization
        if told.project or self.provider.compatible:
            client.project = told.project


def open_service(context: OpenContext, *, compatible: bool) -> tuple[Service, Opener]:
    """Connect to a service with the settings and the secret of *context*. Nothing is sent.

    Raises:
        ConfigError: If a setting can't be right.
        CredentialError: If no key is found, or it can't be one.
    """
    provider = Provider.of(context, compatible=compatible)
    settings = OpenAISettings.read(provider, context.settings)
    opener = Opener(provider, settings, _fit(provider, context.credential().strip()))
    return opener.service(), opener


def _fit(provider: Provider, key: str) -> str:
    """*key*, if it can stand in a header.

    Raises:
        CredentialError: If it can't; the key is not shown.
    """
    if key.isascii() and key.isprintable() and " " not in key and (key or provider.compatible):
        return key
    raise CredentialError(
        f"The key for {provider} is empty, or holds blanks, line breaks or characters beyond ASCII.",
        "Copy it into the environment again, without quotes.",
    )
