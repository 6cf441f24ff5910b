"""The values that cross the seam to a provider."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

import attrs

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    #: Numbers of one vector as a provider hands them out.
    RawVector: TypeAlias = Sequence[float] | NDArray[np.floating]


@attrs.frozen(kw_only=True, eq=False)
class RawEmbeddings:
    """What one call of a sync embedder returned, unchecked."""

    #: One vector for each input, in the order of the inputs: n lists of d numbers, or an (n, d) array.
    vectors: Sequence[RawVector] | NDArray[np.floating]
    #: Tokens that the provider says it billed for the call; None if it does not say.
    tokens: int | None = None


@attrs.frozen
class BatchRow:
    """One row to embed in a batch job."""

    #: Our name for the row; comes back with its result.
    key: str
    #: The exact text to embed, already inside the space's template.
    text: str
    #: Its number among the rows of the batch file, from 0.
    position: int = 0
    #: Whether it shares its line with no other row: it was refused before, and the others are not to be
    #: refused with it.
    alone: bool = False


@attrs.frozen
class RequestRow:
    """One request to be answered in a batch job."""

    #: Our name for the row; comes back with its result.
    key: str
    #: The request as JSON, in the API's own form.
    request: str
    #: Its number among the rows of the batch file, from 0.
    position: int = 0

    @property
    def alone(self) -> bool:
        """Whether it shares its line with no other row: a request never does."""
        return True


@attrs.frozen(kw_only=True)
class Prompt:
    """What is asked of a model, whatever its API."""

    #: What the model is asked.
    text: str
    #: What it is told about how to answer.
    system: str = ""
    #: A JSON schema that the answer has to satisfy; None for text.
    schema: Mapping[str, object] | None = None


@attrs.frozen(kw_only=True)
class RequestSize:
    """How much a request is, as far as it can be told without a tokenizer."""

    #: Characters of all texts in it.
    characters: int
    #: The most tokens that it lets the model answer with; None if it does not say.
    output_tokens: int | None = None


@attrs.frozen(kw_only=True)
class BatchFile:
    """A finished file of encoded rows on this machine."""

    #: Where it lies.
    path: Path
    #: Number of rows, one line each.
    rows: int
    #: Size in bytes.
    size: int
    #: SHA-256 of the file in hexadecimal digits.
    digest: str


@attrs.frozen(kw_only=True)
class StagedInput:
    """Input that the provider holds, ready for a job. Kept in the ledger as JSON."""

    #: The provider's handle, such as ``files/abc``.
    handle: str
    #: Number of rows.
    rows: int
    #: Whatever else the plugin needs to create and collect the job; JSON values only.
    details: Mapping[str, object] = attrs.field(factory=lambda: MappingProxyType({}))


class RemoteState(StrEnum):
    """Where a job stands at the provider."""

    #: Accepted, not started.
    PENDING = "pending"
    #: At work.
    RUNNING = "running"
    #: Asked to stop, not stopped yet.
    CANCELLING = "cancelling"
    #: Ended; every row has an answer, or so the provider says.
    SUCCEEDED = "succeeded"
    #: Ended; some rows have an answer.
    PARTIALLY_SUCCEEDED = "partially succeeded"
    #: Ended by an error.
    FAILED = "failed"
    #: Ended by a cancel; finished rows may have answers.
    CANCELLED = "cancelled"
    #: Ended because it took too long; finished rows may have answers.
    EXPIRED = "expired"
    #: The provider no longer knows the job.
    GONE = "gone"
    #: A state that the plugin does not know.
    UNKNOWN = "unknown"

    @property
    def terminal(self) -> bool:
        """Whether the job has ended."""
        return self not in _GOING_ON


_GOING_ON = frozenset({RemoteState.PENDING, RemoteState.RUNNING, RemoteState.CANCELLING, RemoteState.UNKNOWN})


@attrs.frozen(kw_only=True)
class RemoteJob:
    """A job as the provider reports it."""

    #: The provider's name for it, such as ``batches/123``.
    name: str
    #: Where it stands.
    state: RemoteState
    #: The provider's own word for the state.
    raw_state: str = ""
    #: Rows that have an answer so far; None if the provider does not say.
    rows_done: int | None = None
    #: Rows that failed so far; None if the provider does not say.
    rows_failed: int | None = None
    #: Tokens billed so far; None if the provider does not say.
    tokens: int | None = None
    #: Why it failed, in the provider's words.
    error: str = ""
    #: Seconds until it is worth asking again; None if the provider gives no advice.
    poll_after: float | None = None


@attrs.frozen(eq=False)
class Vector:
    """A row's result: its numbers, unchecked."""

    #: The row's key.
    key: str
    #: The numbers, d of them.
    values: RawVector
    #: Tokens billed for the row; None if the provider does not say.
    tokens: int | None = None


@attrs.frozen
class Response:
    """A row's result: the model's answer, unchecked."""

    #: The row's key.
    key: str
    #: The answer as JSON, in the API's own form.
    body: str
    #: Tokens of the request that were billed; None if the provider does not say.
    tokens: int | None = None
    #: Tokens of the answer that were billed, thoughts included; None if the provider does not say.
    output_tokens: int | None = None


@attrs.frozen
class Refusal:
    """A row's result: the provider said no."""

    #: The row's key.
    key: str
    #: The provider's code.
    code: str
    #: The provider's words.
    message: str
    #: Whether the same row may succeed in another job.
    retryable: bool = False
    #: Tokens of the row that were billed all the same; None if the provider does not say.
    tokens: int | None = None


@attrs.frozen
class Malformed:
    """A piece of the results that can't be read as any row's result."""

    #: What is wrong with it, and where it stands.
    message: str


#: What one piece of the results of a job that embeds came to.
RowResult: TypeAlias = Vector | Refusal | Malformed
#: What one piece of the results of a job that generates came to.
GenerationResult: TypeAlias = Response | Refusal | Malformed


@attrs.frozen(kw_only=True)
class Observation:
    """One thing that a route's check-up found; shown by ``embedlane doctor``."""

    #: ``ok``, ``warning`` or ``problem``.
    level: str = attrs.field(validator=attrs.validators.in_(("ok", "warning", "problem")))
    #: What was found.
    message: str
    #: The next step, if there is one.
    hint: str = ""


class Correlation(StrEnum):
    """How a provider's results find their rows."""

    #: By the key that was sent with the row.
    KEY = "key"
    #: By position only: a result's key is `BatchRow.position` in digits, from "0".
    POSITION = "position"


@attrs.frozen(kw_only=True)
class BatchLimits:
    """What a batch lane takes; None where no limit is known."""

    #: Rows in one job.
    rows: int | None = None
    #: Bytes of one job's input.
    size: int | None = None
    #: Estimated tokens in all jobs that have not ended; a job has fewer.
    enqueued_tokens: int | None = None
    #: Jobs that have not ended.
    concurrent_jobs: int | None = None
    #: Texts in one line of the batch file.
    texts_per_line: int = 1
    #: How results find their rows.
    correlation: Correlation = Correlation.KEY
    #: Time after which the provider gives a job up.
    expires_after: timedelta = timedelta(hours=48)
    #: Whether `BatchService.find` can find jobs. Where it can't, a job whose create was not answered waits
    #: for a person.
    searchable: bool = True
    #: How long a created job may be missing from `BatchService.find`. A job that is not found within it
    #: after a lost reply was not created.
    list_lag: timedelta = timedelta(minutes=10)
    #: Time between two questions for a job's state, at first and at most.
    poll_every: timedelta = timedelta(seconds=10)
    poll_at_most: timedelta = timedelta(minutes=10)
