"""What came of the one attempt to create a job: created, surely not created, or nobody knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

from embedlane.plugin import (
    ConfigError,
    CreateAmbiguousError,
    CreateRejectedError,
    CredentialError,
    TransientError,
)
from embedlane_openai._job import Batch

if TYPE_CHECKING:
    from embedlane.plugin import RemoteJob
    from embedlane_openai._service import Outcome
    from embedlane_openai._status import Call

#: Raised before a request is on its way; a proxy that refuses is one of them.
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
#: Raised by the SDK or the transport at what they were given, before anything is sent.
_UNSENDABLE = (httpx.UnsupportedProtocol, httpx.InvalidURL, httpx.LocalProtocolError, TypeError, ValueError)
#: Statuses below 500 that do not say that nothing was done.
_UNCERTAIN = frozenset({408, 409, 425, 499})
_TOO_MANY = 429
_NOT_THERE = frozenset({404, 405, 501})
_LOOKED_UP = "It is looked up by its tag before anything is sent again."


def created(call: Call, outcome: Outcome) -> RemoteJob:
    """The job that *outcome* tells of.

    Raises:
        CreateRejectedError: It was surely not created.
        CreateAmbiguousError: Anything else.
    """
    if outcome.failure is not None:
        raise _failure(outcome)
    try:
        return Batch.parse(call, outcome.answer()).remote()
    except TransientError as error:
        problem = error.message
    raise CreateAmbiguousError(problem, _LOOKED_UP)


def _failure(outcome: Outcome) -> CreateRejectedError | CreateAmbiguousError:
    failure, status = outcome.failure, outcome.status
    assert failure is not None
    if issubclass(outcome.kind, _NEVER_SENT):
        return CreateRejectedError(failure.message, failure.hint, retryable=True)
    if status == _TOO_MANY and not isinstance(failure, ConfigError):
        retry_after = failure.retry_after if isinstance(failure, TransientError) else None
        return CreateRejectedError(failure.message, failure.hint, retryable=True, retry_after=retry_after)
    if (400 <= status < 500 and status not in _UNCERTAIN) or issubclass(outcome.kind, _UNSENDABLE):
        return CreateRejectedError(failure.message, f"{failure.hint} {_advice(outcome)}".strip())
    return CreateAmbiguousError(failure.message, _LOOKED_UP)


def _advice(outcome: Outcome) -> str:
    if isinstance(outcome.failure, CredentialError):
        return "Its rows are pending again."
    if outcome.status in _NOT_THERE:
        return "If the server has no batches: run `embedlane embed NAME --lane sync`."
    return ""
