"""Google's error bodies, in the words the service uses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from embedlane_emulator.jsonio import dump
from embedlane_emulator.service import Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Canonical status of each HTTP code that is used here.
_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    416: "OUT_OF_RANGE",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_RPC = "type.googleapis.com/google.rpc."
_DOCS = "https://ai.google.dev/gemini-api/docs/rate-limits"
_HOUR = 3600.0
_QUOTA = (
    "You exceeded your current quota, please check your plan and billing details. "
    f"For more information on this error, head to: {_DOCS}."
)

#: google.rpc codes that rows use.
INVALID_ARGUMENT = 3


class ApiError(Refusal):
    """An answer other than 200."""

    def __init__(
        self, code: int, message: str, status: str = "", details: Sequence[dict[str, Any]] = ()
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status or _STATUS.get(code, "UNKNOWN")
        self.details = list(details)

    def body(self) -> dict[str, Any]:
        """The body as the service writes it."""
        error: dict[str, Any] = {"code": self.code, "message": self.message, "status": self.status}
        if self.details:
            error["details"] = self.details
        return {"error": error}

    def response(self) -> Response:
        """The whole reply."""
        return Response(dump(self.body()), self.code, media_type="application/json; charset=UTF-8")


def invalid(message: str) -> ApiError:
    """400 with that message."""
    return ApiError(400, message)


def bad_request(violations: Sequence[tuple[str, str]]) -> ApiError:
    """400 for a body that is not the message: (field, description) of each violation."""
    fields = [
        {"field": field, "description": text} if field else {"description": text}
        for field, text in violations
    ]
    detail = {"@type": _RPC + "BadRequest", "fieldViolations": fields}
    return ApiError(400, "\n".join(text for _, text in violations), details=[detail])


def no_key() -> ApiError:
    """403 for a caller without any key."""
    return ApiError(
        403,
        "Method doesn't allow unregistered callers (callers without established identity). "
        "Please use API Key or other form of API consumer identity to call this API.",
    )


def bad_key() -> ApiError:
    """400, and not 401 or 403, for a key that is not known."""
    text = "API key not valid. Please pass a valid API key."
    info = {
        "@type": _RPC + "ErrorInfo",
        "reason": "API_KEY_INVALID",
        "domain": "googleapis.com",
        "metadata": {"service": "generativelanguage.googleapis.com"},
    }
    local = {"@type": _RPC + "LocalizedMessage", "locale": "en-US", "message": text}
    return ApiError(400, text, details=[info, local])


def no_model(model: str, version: str, method: str) -> ApiError:
    """404 for a model that is unknown, retired or without the method."""
    return ApiError(
        404,
        f"models/{model} is not found for API version {version}, or is not supported for {method}. "
        "Call ListModels to see the list of available models and their supported methods.",
    )


def no_file(name: str) -> ApiError:
    """403, and not 404, for a file that is missing or another project's."""
    return ApiError(403, f"You do not have permission to access the File {name} or it may not exist.")


def not_found() -> ApiError:
    """404 for a job that is missing."""
    return ApiError(404, "Requested entity was not found.")


def too_large() -> ApiError:
    """400 for a body above 20 MiB."""
    return invalid("Request payload size exceeds the limit: 20971520 bytes.")


def quota() -> ApiError:
    """429 as the batch lane answers it: without details."""
    return ApiError(429, _QUOTA)


def quota_retry(model: str, seconds: float) -> ApiError:
    """429 as the sync lane answers it, with RetryInfo; of a day's quota if that is more than an hour."""
    metric = "generativelanguage.googleapis.com/embed_content_free_tier_requests"
    window, limit = ("PerDay", "1000") if seconds > _HOUR else ("PerMinute", "100")
    violation = {
        "quotaMetric": metric,
        "quotaId": f"EmbedContentRequests{window}PerUserPerProjectPerModel-FreeTier",
        "quotaDimensions": {"location": "global", "model": model},
        "quotaValue": limit,
    }
    links = [{"description": "Learn more about Gemini API quotas", "url": _DOCS}]
    text = f"{_QUOTA}\n* Quota exceeded for metric: {metric}, limit: {limit}, model: {model}\n"
    details: list[dict[str, Any]] = [
        {"@type": _RPC + "QuotaFailure", "violations": [violation]},
        {"@type": _RPC + "Help", "links": links},
        {"@type": _RPC + "RetryInfo", "retryDelay": f"{seconds:g}s"},
    ]
    return ApiError(429, f"{text}Please retry in {seconds:g}s.", details=details)


def internal() -> ApiError:
    """500."""
    return ApiError(
        500,
        "An internal error has occurred. Please retry or report in "
        "https://developers.generativeai.google/guide/troubleshooting",
    )


def overloaded() -> ApiError:
    """503."""
    return ApiError(503, "The model is overloaded. Please try again later.")
