"""What the lane is proven over: a plugin, its emulator, what its jobs do, and the names of what it calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from embedlane_emulator.emulator import Emulator, GeminiEmulator, OpenAIEmulator
from embedlane_emulator.gemini import files as gemini_files
from embedlane_emulator.openai import files as openai_files


@attrs.frozen(kw_only=True)
class Dialect:
    """One provider, and one kind of its jobs."""

    #: What it is called here.
    name: str
    #: The provider's id, and its plugin's.
    provider: str = attrs.field(default=attrs.Factory(lambda self: self.name, takes_self=True))
    #: Whether its jobs generate text, instead of embedding.
    generates: bool = False
    #: A model that it serves in the batch lane.
    model: str
    #: The size of vectors to ask for, as small as it may be.
    dimensions: int = 128
    #: Its service on this machine.
    emulator: type[Emulator[Any]]
    #: What follows the emulator's address in the configuration.
    path: str = ""
    #: The variable of the environment that holds its key.
    variable: str
    #: The module of its HTTP client.
    transport: str
    #: What the service calls the operations that scenarios name.
    operations: Mapping[str, str]
    #: The emulator's kind of document for files, and the field of one that holds our name for it.
    files: tuple[str, str]
    #: Whether a job can be removed; if not, it stays in the service's list for ever.
    removes_jobs: bool = True


GEMINI = Dialect(
    name="gemini",
    model="google:gemini-embedding-001",
    emulator=GeminiEmulator,
    variable="GEMINI_API_KEY",
    transport="httpx2",
    operations={"create": "models.asyncBatchEmbedContent", "upload": "media.upload"},
    files=(gemini_files.KIND, "displayName"),
)
OPENAI = Dialect(
    name="openai",
    model="openai:text-embedding-3-small",
    emulator=OpenAIEmulator,
    path="/v1",
    variable="OPENAI_API_KEY",
    transport="httpx",
    operations={"create": "batches.create", "upload": "files.create"},
    files=(openai_files.FILE, "filename"),
    removes_jobs=False,
)

GENERATING = attrs.evolve(
    GEMINI,
    name="gemini-generating",
    provider="gemini",
    generates=True,
    model="google:gemini-2.5-flash-lite",
    operations={"create": "models.batchGenerateContent", "upload": "media.upload"},
)

DIALECTS = {dialect.name: dialect for dialect in (GEMINI, OPENAI, GENERATING)}
