"""The core interfaces: what a plugin implements.

A plugin's factory gets an `OpenContext`, or a `ServiceContext`, and returns an object of one of these shapes.
There is nothing to inherit from. Each object is opened for one space, or for one model that generates, and
closed after use.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

import attrs

from embedlane.providers.values import BatchRow, GenerationResult, RequestRow, RowResult

if TYPE_CHECKING:
    from collections.abc import Iterator

    from embedlane.models.card import Card, ModelCard, Role
    from embedlane.models.space import Space
    from embedlane.providers.values import (
        BatchFile,
        BatchLimits,
        Prompt,
        RawEmbeddings,
        RemoteJob,
        RequestSize,
        StagedInput,
    )


class SyncEmbedder(Protocol):
    """Embeds texts now."""

    def embed(self, inputs: Sequence[str], role: Role) -> RawEmbeddings:
        """Embed *inputs* in one network call.

        The core has cut *inputs* to the card's limits and put each text into the space's template. It
        calls from several threads at once, waits and repeats after a `TransientError`, and checks what
        comes back.

        Args:
            inputs: The exact texts, at least one.
            role: What the texts are for; for models whose task mechanism is a parameter.

        Raises:
            TransientError: The same call may succeed later.
            RequestRefusedError: The call can't succeed as it stands.
            CredentialError: The provider does not take the secret.
        """
        ...

    def close(self) -> None:
        """Give back connections and memory."""
        ...


class AsyncEmbedder(SyncEmbedder, Protocol):
    """A sync embedder that can also wait without blocking a thread. Optional."""

    async def aembed(self, inputs: Sequence[str], role: Role) -> RawEmbeddings:
        """Do what `embed` does, natively on the running event loop."""
        ...


_Row = TypeVar("_Row", contravariant=True)  # noqa: PLC0105 - read more often than declared
_Result = TypeVar("_Result", covariant=True)  # noqa: PLC0105 - read more often than declared


class BatchService(Protocol[_Row, _Result]):
    """Answers rows within hours, as jobs of a provider; kinds of jobs differ in rows and results."""

    #: What the lane takes.
    limits: BatchLimits

    def encode(self, rows: Sequence[_Row]) -> bytes:
        r"""The line for *rows* in the batch file, without the line's end. Pure; must hold no ``\n``.

        Args:
            rows: One row, or up to ``limits.texts_per_line`` rows whose positions follow one another.
        """
        ...

    def stage(self, file: BatchFile, tag: str) -> StagedInput:
        """Bring *file* to the provider. Safe to repeat.

        Raises:
            TransientError: The same upload may succeed later.
            RequestRefusedError: The provider does not take the file.
        """
        ...

    def create(self, staged: StagedInput, tag: str) -> RemoteJob:
        """Create the job that *tag* names, with exactly one network attempt.

        Raises:
            CreateRejectedError: It was surely not created.
            CreateAmbiguousError: Anything else; when in doubt, this one.
        """
        ...

    def find(self, tag: str) -> Sequence[RemoteJob]:
        """All jobs of this provider that carry *tag*, over all pages of its list."""
        ...

    def get(self, name: str) -> RemoteJob:
        """The job *name* as it is now; `RemoteState.GONE` if the provider does not know it."""
        ...

    def results(self, job: RemoteJob) -> Iterator[_Result]:
        """Stream what the rows of *job* came to. Legal in every terminal state, and may be repeated.

        Order, completeness and uniqueness are not expected; the core sees to them.
        """
        ...

    def cancel(self, name: str) -> None:
        """Ask the provider to stop the job; no error if it has ended."""
        ...

    def delete(self, name: str) -> None:
        """Remove the job and its staged files from the provider; no error if they are gone."""
        ...

    def close(self) -> None:
        """Give back connections and memory."""
        ...


class BatchEmbedder(BatchService[BatchRow, RowResult], Protocol):
    """Embeds rows within hours: each row is a text, and comes to a vector or a refusal."""


class BatchGenerator(BatchService[RequestRow, GenerationResult], Protocol):
    """Answers requests within hours: each row is a request, and comes to a response or a refusal."""


class RequestForm(Protocol):
    """What the core has to know of an API's requests and responses. Pure: no network, no secret."""

    def problem(self, request: Mapping[str, object]) -> str:
        """What is wrong with *request*, for the line that it stands in; empty if the service may take it."""
        ...

    def size(self, request: Mapping[str, object]) -> RequestSize:
        """How much *request* is."""
        ...

    def compose(self, prompt: Prompt) -> Mapping[str, object]:
        """The request for *prompt*."""
        ...

    def constrain(self, request: Mapping[str, object], schema: Mapping[str, object]) -> Mapping[str, object]:
        """*request*, but for an answer that satisfies the JSON schema *schema*."""
        ...

    def text(self, response: Mapping[str, object]) -> str:
        """The text that *response* holds, without the model's thoughts; empty if there is none."""
        ...


@attrs.frozen(kw_only=True)
class ServiceContext:
    """What the factory of a route that generates gets."""

    #: The provider's id, which is its table in the configuration: the route's, or one that a user made of it.
    provider: str
    #: The model.
    card: Card
    #: The provider's table of the configuration, without the keys that the core reads.
    settings: Mapping[str, object]
    #: Finds the secret, or raises CredentialError with advice; empty if the route needs none and the
    #: configuration names none. Call it once.
    credential: Callable[[], str]
    #: A folder of this provider's own beside the ledger; made when first used.
    directory: Path


@attrs.frozen(kw_only=True)
class OpenContext(ServiceContext):
    """What the factory of a route that embeds gets."""

    #: The model.
    card: ModelCard
    #: The space that vectors are wanted in; its dimensions are the size to ask for.
    space: Space
