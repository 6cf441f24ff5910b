"""google-genai as this plugin needs it: without retries, with raw bodies, with errors of the core's tree."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, TypeVar

import attrs
import httpx2
import orjson
from google import genai
from google.genai import types
from google.genai.errors import APIError

from embedlane.plugin import ConfigError, CredentialError, TransientError
from embedlane_gemini._errors import Translator
from embedlane_gemini._http import AsyncTapClient, Exchange, TapClient, tap
from embedlane_gemini._settings import GeminiSettings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from embedlane.plugin import EmbedlaneError, ServiceContext
    from embedlane_gemini._status import Call

_T = TypeVar("_T")


@attrs.frozen(kw_only=True)
class Outcome:
    """What one call of the SDK came to."""

    #: The body of the answer; None if there was none, or it was an error.
    body: bytes | None
    #: Whether a request was handed to the network, whole or in part.
    sent: bool
    #: The failure in the core's terms, ready to be raised; None if there was none.
    failure: EmbedlaneError | None = None
    #: What the SDK or its transport raised.
    kind: type[Exception] | None = None
    #: The HTTP status of an answer that is an error; 0 elsewhere.
    status: int = 0


def failed(translator: Translator, call: Call, error: Exception, exchange: Exchange | None = None) -> Outcome:
    """What *error* makes of *call*."""
    code = error.code if isinstance(error, APIError) else 0
    return Outcome(
        body=None,
        sent=exchange is None or exchange.sent,
        failure=translator.translate(call, error),
        kind=type(error),
        status=code if isinstance(code, int) else 0,
    )


@attrs.frozen(eq=False, repr=False)
class Service:
    """An open connection to the service."""

    #: The SDK.
    client: genai.Client
    #: Makes errors without the key.
    translator: Translator
    #: The model's name on the wire, such as ``models/gemini-embedding-2``.
    model: str
    _http: TapClient

    def attempt(self, call: Call, request: Callable[[genai.Client], object]) -> Outcome:
        """Make *request*, once, and say what came of it; raises nothing but interrupts."""
        with tap() as exchange:
            try:
                request(self.client)
            except Exception as error:
                return failed(self.translator, call, error, exchange)
        return Outcome(body=exchange.body, sent=exchange.sent)

    def fetch(self, call: Call, request: Callable[[genai.Client], object]) -> bytes:
        """The raw body that answers *request*.

        Raises:
            EmbedlaneError: What the failure is in the core's terms.
        """
        return answered(call, self.attempt(call, request))

    def plain(self, call: Call, request: Callable[[genai.Client], _T]) -> _T:
        """What the SDK makes of *request*. Raises what `fetch` does."""
        try:
            return request(self.client)
        except Exception as error:
            failure = self.translator.translate(call, error)
        raise failure

    def close(self) -> None:
        """Close the connections."""
        self.client.close()
        self._http.close()


def answered(call: Call, outcome: Outcome) -> bytes:
    """The body of *outcome*.

    Raises:
        EmbedlaneError: The failure, if there was one.
    """
    if outcome.failure is not None:
        raise outcome.failure
    if outcome.body is None:
        raise TransientError(f"No answer of Gemini to {call} was seen.")
    return outcome.body


def parsed(call: Call, body: bytes) -> dict[str, object]:
    """*body* as a JSON object.

    Raises:
        TransientError: If it is none; such bodies come from proxies that are overloaded.
    """
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise TransientError(f"Gemini's answer to {call} is no JSON object but {body[:60]!r}.")
    return found


async def attempt_async(
    client: genai.Client,
    translator: Translator,
    call: Call,
    request: Callable[[genai.Client], Awaitable[object]],
) -> Outcome:
    """Do what `Service.attempt` does, without blocking the event loop."""
    with tap() as exchange:
        try:
            await request(client)
        except Exception as error:
            return failed(translator, call, error, exchange)
    return Outcome(body=exchange.body, sent=exchange.sent)


@attrs.frozen(eq=False, repr=False)
class Opener:
    """Opens clients of the SDK with one key and one set of settings."""

    settings: GeminiSettings
    _key: str
    #: Made once: reading the certificates takes longer than all the rest of opening.
    _tls: ssl.SSLContext = attrs.field(factory=httpx2.create_ssl_context, init=False)

    def http(self) -> TapClient:
        """A client for threads."""
        try:
            return TapClient(
                proxy=self.settings.proxy, timeout=self.settings.timeout, limits=_LIMITS, verify=self._tls
            )
        except (ValueError, httpx2.InvalidURL, ImportError, ssl.SSLError):
            failure = ConfigError("providers.gemini.proxy: no connection can be made through it.", _PROXY)
        raise failure

    def translator(self) -> Translator:
        """What makes errors without the key and the proxy's password."""
        return Translator(tuple(filter(None, (self._key, self.settings.proxy))))

    def async_http(self) -> AsyncTapClient:
        """A client for one event loop."""
        return AsyncTapClient(
            proxy=self.settings.proxy, timeout=self.settings.timeout, limits=_LIMITS, verify=self._tls
        )

    def client(self, http: TapClient, async_http: AsyncTapClient) -> genai.Client:
        """The SDK over *http*. Its retries are off: the core repeats, and a create must not be repeated."""
        return genai.Client(
            vertexai=False,
            api_key=self._key,
            http_options=types.HttpOptions(
                base_url=self.settings.base_url,
                api_version=self.settings.api_version,
                timeout=max(1, round(self.settings.timeout * 1000)),
                httpx_client=http,
                httpx_async_client=async_http,
            ),
        )


def _fit(key: str) -> str:
    """*key*, if it can stand in a header.

    Raises:
        CredentialError: If it can't; the key is not shown.
    """
    if key.isascii() and key.isprintable() and " " not in key:
        return key
    raise CredentialError(
        "The key for Gemini holds blanks, line breaks or characters beyond ASCII.",
        "Copy it again from https://aistudio.google.com/apikey into the environment, without quotes.",
    )


_PROXY = "Change or remove it; SOCKS needs `pip install 'httpx2[socks]'`."
_LIMITS = httpx2.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=30.0)


def open_service(context: ServiceContext) -> tuple[Service, Opener]:
    """Connect to the service with the settings and the secret of *context*. Nothing is sent.

    Raises:
        ConfigError: If a setting can't be right.
        CredentialError: If no key is found.
    """
    settings = GeminiSettings.read(context.settings)
    opener = Opener(settings, _fit(context.credential().strip()))
    http = opener.http()
    service = Service(
        opener.client(http, opener.async_http()), opener.translator(), f"models/{context.card.id.model}", http
    )
    return service, opener
