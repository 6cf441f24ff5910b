"""The gRPC transport: the SDK's own over a channel of ours, under TLS or, for an emulator, without."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import grpc
from google.ai.generativelanguage_v1beta.services.generative_service.transports.grpc import (
    GenerativeServiceGrpcTransport,
)
from google.ai.generativelanguage_v1beta.services.model_service.transports.grpc import (
    ModelServiceGrpcTransport,
)
from google.auth.api_key import Credentials

from embedlane_gemini_legacy._sdk import CLIENT_INFO

if TYPE_CHECKING:
    from collections.abc import Callable

    from embedlane_gemini_legacy._settings import LegacySettings

_T = TypeVar("_T", GenerativeServiceGrpcTransport, ModelServiceGrpcTransport)


def open_transport(kind: type[_T], settings: LegacySettings, key: str) -> _T:
    """Open a transport of *kind*; no connection is made before the first call."""
    if settings.encrypted:
        return kind(host=settings.host, credentials=Credentials(key), client_info=CLIENT_INFO)
    # gRPC gives call credentials to no channel without TLS, so the key is put into each call's metadata.
    # Below the SDK's own interceptor, which may log what it sees.
    channel = grpc.intercept_channel(grpc.insecure_channel(settings.host), _KeyInterceptor(key))
    return kind(channel=channel, client_info=CLIENT_INFO)


class _Call(NamedTuple):
    """The fields of a ``grpc.ClientCallDetails``."""

    method: str
    timeout: float | None
    metadata: tuple[tuple[str, str | bytes], ...]
    credentials: grpc.CallCredentials | None
    wait_for_ready: bool | None
    compression: Any


class _KeyInterceptor(grpc.UnaryUnaryClientInterceptor):  # type: ignore[misc]  # grpc has no types
    """Adds the key to each call."""

    def __init__(self, key: str) -> None:
        self._key = key

    def intercept_unary_unary(
        self, continuation: Callable[[_Call, Any], Any], client_call_details: Any, request: Any
    ) -> Any:
        """Pass the call on with the key in its metadata."""
        details = client_call_details
        metadata = (*(details.metadata or ()), ("x-goog-api-key", self._key))
        call = _Call(
            details.method,
            details.timeout,
            metadata,
            details.credentials,
            details.wait_for_ready,
            details.compression,
        )
        return continuation(call, request)
