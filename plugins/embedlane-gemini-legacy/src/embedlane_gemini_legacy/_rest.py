"""The REST transport: the SDK's own, with a session that keeps what the SDK would throw away.

Theory of operation. The SDK's transport turns a reply into protobuf messages number by number, which takes
most of the time of a call, and drops what its messages do not know, such as the tokens that were billed. A
hook of the session (requests' own) therefore takes the raw body and leaves ``{}`` for the SDK to decode; an
interceptor (the SDK's own) puts the raw body in the place of the empty message. Both run in the thread of the
call, so a thread-local variable is enough to hand the body over. Another hook raises the errors, because the
SDK can't read an error body that is a list or no object.
"""

from __future__ import annotations

import io
import math
import threading
import time
from typing import TYPE_CHECKING, Any, final

import attrs
import grpc
import orjson
import requests
from google.ai.generativelanguage_v1beta.services.generative_service.transports.rest import (
    GenerativeServiceRestInterceptor,
    GenerativeServiceRestTransport,
)
from google.ai.generativelanguage_v1beta.services.model_service.transports.rest import (
    ModelServiceRestTransport,
)
from google.api_core import exceptions as core
from google.auth.api_key import Credentials
from requests.adapters import HTTPAdapter
from urllib3.exceptions import DecodeError, HTTPError, TimeoutError  # noqa: A004 -- its base of all timeouts

from embedlane_gemini_legacy._sdk import CLIENT_INFO

if TYPE_CHECKING:
    from google.auth.transport.requests import AuthorizedSession

    from embedlane_gemini_legacy._settings import LegacySettings

#: Connections that are kept; more callers than that open and close one for each call.
_CONNECTIONS = 64
#: Bytes that are read of a reply at once, at most.
_PIECE = 1 << 18
#: Characters of an error body that is no JSON which are worth showing.
_SHOWN = 200


@final
@attrs.frozen
class RawBody:
    """What stands in the place of a message."""

    #: The body of a reply as it came.
    content: bytes


class RestTransport(GenerativeServiceRestTransport):
    """Calls the service over HTTP; answers to `batch_embed_contents` are of the class `RawBody`."""

    def __init__(self, settings: LegacySettings, key: str) -> None:
        bodies = _Bodies()
        super().__init__(
            host=settings.base_url,
            credentials=Credentials(key),
            client_info=CLIENT_INFO,
            interceptor=bodies,
        )
        _equip(self._session, settings)
        self._session.hooks["response"].append(bodies.take)


class ModelTransport(ModelServiceRestTransport):
    """Asks the service for its models over HTTP."""

    def __init__(self, settings: LegacySettings, key: str) -> None:
        super().__init__(host=settings.base_url, credentials=Credentials(key), client_info=CLIENT_INFO)
        _equip(self._session, settings)


class _Bodies(GenerativeServiceRestInterceptor):
    """Carries the raw body past the SDK's decoding."""

    def __init__(self) -> None:
        self._local = threading.local()

    def take(self, response: requests.Response, **_: object) -> requests.Response:
        """Keep the body of *response*, and give the SDK an empty one."""
        if response.status_code != 200:
            return response
        self._local.body = response.content
        empty = requests.Response()
        empty.status_code, empty.raw = 200, io.BytesIO(b"{}")
        empty.url, empty.request = response.url, response.request
        return empty

    def post_batch_embed_contents(self, response: object) -> Any:  # noqa: ARG002 -- it is empty
        """Put the body that was kept in place of the empty message."""
        return RawBody(self._local.__dict__.pop("body"))


class _Adapter(HTTPAdapter):
    """Ends a call at its timeout, which requests alone allows anew for each piece of a reply."""

    def __init__(self, proxies: dict[str, str]) -> None:
        super().__init__(pool_maxsize=_CONNECTIONS)
        self._proxies = proxies

    def send(  # type: ignore[override]  # the rest of the signature is passed on as it is
        self,
        request: requests.PreparedRequest,
        *,
        timeout: float | None = None,
        proxies: dict[str, str] | None = None,
        **others: Any,
    ) -> requests.Response:
        """Send *request* and read the whole reply within *timeout* seconds."""
        deadline = math.inf if timeout is None else time.monotonic() + timeout
        # Here, because a session prefers the environment's proxies to its own.
        chosen = self._proxies or proxies
        response = super().send(request, timeout=timeout, proxies=chosen, **{**others, "stream": True})
        try:
            body = _read(response, deadline)
        except HTTPError as error:
            raise _of_requests(error) from error
        finally:
            # Gives the connection back to the pool, or ends it where the reply was not read to its end.
            response.close()
        response.raw = io.BytesIO(body)
        return response


def _read(response: requests.Response, deadline: float) -> bytes:
    """Read the body of *response* until *deadline*."""
    pieces = bytearray()
    while piece := response.raw.read1(_PIECE, decode_content=True):
        pieces += piece
        if time.monotonic() > deadline:
            raise requests.ReadTimeout("the reply was not complete in time")
    return bytes(pieces)


def _of_requests(error: HTTPError) -> requests.RequestException:
    """The exception of requests for one of urllib3 that came while reading."""
    if isinstance(error, TimeoutError):
        return requests.ReadTimeout(error)
    if isinstance(error, DecodeError):
        return requests.exceptions.ContentDecodingError(error)
    return requests.exceptions.ChunkedEncodingError(error)


def _equip(session: AuthorizedSession, settings: LegacySettings) -> None:
    """Bound the calls of *session*, keep its key to one host, and read all errors."""
    proxies = {"http": settings.proxy, "https": settings.proxy} if settings.proxy else {}
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Adapter(proxies))
    # A redirect would take the key to another host: requests keeps only its own headers back.
    session.max_redirects = 0
    session.hooks["response"].append(_raise_error)


def _raise_error(response: requests.Response, **_: object) -> None:
    """Raise what an error reply says, in the classes that the gRPC transport has, too."""
    code = response.status_code
    if code == 200 or response.is_redirect:
        return
    status, message, details = _error(response)
    known = grpc.StatusCode.__members__.get(status)
    told = {"details": details, "response": response}
    if known is not None and core.exception_class_for_grpc_status(known).code == code:
        raise core.from_grpc_status(known, message, **told)
    raise core.from_http_status(code, message, **told)


def _error(response: requests.Response) -> tuple[str, str, list[dict[str, Any]]]:
    """Status, message and details of an error reply; of any body whatever."""
    try:
        body = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        text = response.content[:_SHOWN].decode("utf-8", "replace")
        return "", " ".join(text.split()) or "no explanation", []
    # The service sometimes wraps the object in a list of one.
    body = body[0] if isinstance(body, list) and body else body
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return "", str(error or body)[:_SHOWN], []
    details = error.get("details")
    dicts = [each for each in details if isinstance(each, dict)] if isinstance(details, list) else []
    return str(error.get("status", "")), str(error.get("message", "no explanation")), dicts
