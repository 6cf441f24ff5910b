"""What came of the one attempt to create a job: created, surely not created, or nobody knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx2

from embedlane.plugin import (
    CapabilityError,
    CreateAmbiguousError,
    CreateRejectedError,
    CredentialError,
    TransientError,
)
from embedlane_gemini._operations import Operation

if TYPE_CHECKING:
    from embedlane.plugin import RemoteJob
    from embedlane_gemini._service import Outcome
    from embedlane_gemini._status import Call

#: Raised before a request is on its way; a proxy that refuses is one of them.
_NEVER_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError)
_UNUSABLE = (httpx2.UnsupportedProtocol, httpx2.InvalidURL)
#: Statuses below 500 that do not say that nothing was done.
_UNCERTAIN = frozenset({408, 409, 499})
_TOO_MANY = 429


def created(call: Call, outcome: Outcome) -> RemoteJob:
    """The job that *outcome* tells of.

    Raises:
        CreateRejectedError: It was surely not created.
        CreateAmbiguousError: Anything else.
    """
    if outcome.failure is not None:
        raise _failure(outcome)
    problem = f"Gemini answered to {call}, but with nothing that names the job."
    if outcome.body is not None:
        try:
            return Operation.parse(call, outcome.body).remote()
        except TransientError as error:
            problem = error.message
    raise CreateAmbiguousError(problem, _AMBIGUOUS)


_AMBIGUOUS = "It is looked up by its tag before anything is sent again."


def _failure(outcome: Outcome) -> CreateRejectedError | CreateAmbiguousError:
    failure = outcome.failure
    assert failure is not None
    kind = outcome.kind or Exception
    retry_after = failure.retry_after if isinstance(failure, TransientError) else None
    if issubclass(kind, _NEVER_SENT):
        return CreateRejectedError(failure.message, failure.hint, retryable=True)
    if not outcome.sent or issubclass(kind, _UNUSABLE):
        return CreateRejectedError(failure.message, failure.hint)
    if outcome.status == _TOO_MANY:
        return CreateRejectedError(failure.message, _QUOTA, retryable=True, retry_after=retry_after)
    if 400 <= outcome.status < 500 and outcome.status not in _UNCERTAIN:
        return CreateRejectedError(failure.message, _hint(failure))
    return CreateAmbiguousError(failure.message, _AMBIGUOUS)


_QUOTA = (
    "If this job alone has more tokens than your tier may enqueue (500,000 in tier 1), set max_rows_per_job "
    "in [providers.gemini] to less."
)


def _hint(failure: Exception) -> str:
    if isinstance(failure, CapabilityError):
        return (
            "This model can't batch: run `embedlane embed NAME --lane sync`. `embedlane models list "
            "--lane batch` shows those that can, `embedlane doctor` what the service says of this one."
        )
    if isinstance(failure, CredentialError):
        return f"{failure.hint} Its rows are pending again."
    return getattr(failure, "hint", "")
