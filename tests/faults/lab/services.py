"""What faults are tried on: an emulator, the plugin that talks to it, what jobs do, the names of calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from embedlane_emulator.emulator import Emulator, GeminiEmulator, OpenAIEmulator
from embedlane_emulator.openai.app import POINTLESS
from embedlane_gemini import _files as gemini_files
from embedlane_openai import _files as openai_files


@attrs.frozen(kw_only=True)
class Service:
    """One provider, and one kind of its jobs."""

    #: What it is called here.
    name: str
    #: The provider's id, and its plugin's.
    provider: str
    #: Whether its jobs generate text, instead of embedding; it has no sync lane then.
    generates: bool = False
    #: A model that it serves.
    model: str
    #: The service on this machine.
    emulator: Callable[..., Emulator[Any]]
    #: What follows the emulator's address in the configuration.
    path: str
    #: The variable of the environment that holds its key.
    variable: str
    #: What the service calls the operations that faults are aimed at.
    operations: Mapping[str, str]
    #: The code of a row that it refuses for good.
    refusal: int
    #: What waits in the plugin by itself, by its method ``sleep``.
    sleeper: type
    #: Kinds of faults that mean nothing to it.
    pointless: frozenset[str] = frozenset()


GEMINI = Service(
    name="gemini",
    provider="gemini",
    model="google:gemini-embedding-001",
    emulator=GeminiEmulator,
    path="",
    variable="GEMINI_API_KEY",
    operations={"create": "models.asyncBatchEmbedContent", "embed": "models.batchEmbedContents"},
    refusal=3,
    sleeper=gemini_files.Files,
    pointless=frozenset({"blocked-rows"}),
)
GENERATING = attrs.evolve(
    GEMINI,
    name="gemini-generating",
    generates=True,
    model="google:gemini-2.5-flash-lite",
    operations={"create": "models.batchGenerateContent", "embed": "models.generateContent"},
    pointless=frozenset({"wrong-dimensions", "nan", "zero", "drift"}),
)
OPENAI = Service(
    name="openai",
    provider="openai",
    model="openai:text-embedding-3-small",
    emulator=OpenAIEmulator,
    path="/v1",
    variable="OPENAI_API_KEY",
    operations={"create": "batches.create", "embed": "embeddings.create"},
    refusal=400,
    sleeper=openai_files.Files,
    pointless=frozenset(POINTLESS),
)

SERVICES = {service.name: service for service in (GEMINI, OPENAI, GENERATING)}
