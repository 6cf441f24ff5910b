"""HTTP clients that hand out the raw body of an answer.

Theory of operation. google-genai lets its HTTP client be given (`HttpOptions.httpx_client`). Ours behaves
like any other, except while a tap is open: then the body of a successful answer goes to the tap, and the SDK
gets an empty JSON object in its place. So the SDK does all that it does for a request (addresses, headers,
errors), but decodes nothing: it would spend most of a call's time on that, hides parts of a batch operation,
and fails at some that it can't represent.
"""

from __future__ import annotations

import contextlib
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import attrs
import httpx2

if TYPE_CHECKING:
    from collections.abc import Iterator

_OK = 200


@attrs.define
class Exchange:
    """What a tap saw."""

    #: Whether a request was handed to the network, whole or in part.
    sent: bool = False
    #: The body of the answer, if it was a success.
    body: bytes | None = None


_OPEN: ContextVar[Exchange | None] = ContextVar("embedlane_gemini_exchange", default=None)


@contextlib.contextmanager
def tap() -> Iterator[Exchange]:
    """Take the body of the next successful answer to this thread or task."""
    exchange = Exchange()
    token = _OPEN.set(exchange)
    try:
        yield exchange
    finally:
        _OPEN.reset(token)


class TapClient(httpx2.Client):
    """A client that minds the open tap."""

    def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        """Send *request*, and let the SDK see the answer or its stand-in."""
        exchange = _OPEN.get()
        if exchange is None:
            return super().send(request, **options)
        exchange.sent = True
        return _divert(exchange, super().send(request, **options))


class AsyncTapClient(httpx2.AsyncClient):
    """The same for asyncio."""

    async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        """Send *request*, and let the SDK see the answer or its stand-in."""
        exchange = _OPEN.get()
        if exchange is None:
            return await super().send(request, **options)
        exchange.sent = True
        return _divert(exchange, await super().send(request, **options))


def _divert(exchange: Exchange, response: httpx2.Response) -> httpx2.Response:
    if response.status_code != _OK:
        return response
    exchange.body = response.content
    return httpx2.Response(_OK, content=b"{}", request=response.request)
