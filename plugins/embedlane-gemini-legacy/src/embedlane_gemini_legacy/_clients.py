"""Clients of the SDK for one key and one address.

``genai.configure`` keeps the key and the address for the whole process, so two providers, two keys or a
program's own use of the SDK would disturb each other. Nothing here calls it or reads what it keeps: each
client has a transport of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.ai.generativelanguage_v1beta.services.generative_service.transports.grpc import (
    GenerativeServiceGrpcTransport,
)
from google.ai.generativelanguage_v1beta.services.model_service.transports.grpc import (
    ModelServiceGrpcTransport,
)

from embedlane.plugin import CredentialError
from embedlane_gemini_legacy._grpc import open_transport
from embedlane_gemini_legacy._rest import ModelTransport, RestTransport
from embedlane_gemini_legacy._sdk import GenerativeServiceClient, ModelServiceClient
from embedlane_gemini_legacy._settings import PROVIDER

if TYPE_CHECKING:
    from embedlane_gemini_legacy._settings import LegacySettings


def open_client(settings: LegacySettings, key: str) -> GenerativeServiceClient:
    """Open a client that embeds. Its `transport` is to be closed."""
    if settings.transport == "rest":
        return GenerativeServiceClient(transport=RestTransport(settings, key))
    return GenerativeServiceClient(transport=open_transport(GenerativeServiceGrpcTransport, settings, key))


def open_model_client(settings: LegacySettings, key: str) -> ModelServiceClient:
    """Open a client that knows of models. Its `transport` is to be closed."""
    if settings.transport == "rest":
        return ModelServiceClient(transport=ModelTransport(settings, key))
    return ModelServiceClient(transport=open_transport(ModelServiceGrpcTransport, settings, key))


def checked_key(key: str) -> str:
    """*key* as a header can carry it; the libraries below would repeat a bad one in their errors.

    Raises:
        CredentialError: If it can't be a key.
    """
    key = key.strip()
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        del key  # reporters of errors print local variables
        raise CredentialError(
            f"The key for provider '{PROVIDER}' is empty, or holds a space, a line's end or a letter that no "
            "key has.",
            "Copy it again from Google AI Studio.",
        )
    return key
