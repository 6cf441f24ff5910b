"""OpenAI's error bodies, in the words the service uses."""

from __future__ import annotations

import math
import secrets
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from embedlane_emulator.jsonio import dump
from embedlane_emulator.service import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

_INVALID = "invalid_request_error"
_KEYS = "https://platform.openai.com/account/api-keys"
_REFERENCE = "https://platform.openai.com/docs/api-reference"


class ApiError(Refusal):
    """An answer other than 200."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = _INVALID,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind
        self.param = param
        self.code = code
        self.headers = headers

    def body(self) -> dict[str, Any]:
        """The body as the service writes it."""
        error = {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}
        return {"error": error}

    def flat(self) -> dict[str, Any]:
        """The body as some compatible servers write it, with the status for a code."""
        return {
            "object": "error",
            "message": self.message,
            "type": self.kind,
            "param": self.param,
            "code": self.status,
        }

    def response(self, *, flat: bool = False) -> Response:
        """The whole reply."""
        headers = {"x-request-id": f"req_{secrets.token_hex(16)}", **(self.headers or {})}
        body = dump(self.flat() if flat else self.body())
        return Response(body, self.status, headers, media_type="application/json")


def invalid(message: str, param: str | None = None, code: str | None = None) -> ApiError:
    """400 with that message."""
    return ApiError(400, message, param=param, code=code)


def missing(name: str) -> ApiError:
    """400 for a parameter that must be there."""
    return invalid(f"Missing required parameter: '{name}'.", name, "missing_required_parameter")


def wrong_type(name: str, wanted: str, value: Any) -> ApiError:
    """400 for a parameter of another type."""
    message = f"Invalid type for '{name}': expected {wanted}, but got {_named(value)} instead."
    return invalid(message, name, "invalid_type")


def _named(value: Any) -> str:
    names = {bool: "a boolean", int: "an integer", float: "a decimal", str: "a string", list: "an array"}
    return "null" if value is None else names.get(type(value), "an object")


def no_key() -> ApiError:
    """401 for a caller without a key."""
    return ApiError(
        401,
        "You didn't provide an API key. You need to provide your API key in an Authorization header using "
        f"Bearer auth (i.e. Authorization: Bearer YOUR_KEY). You can obtain an API key from {_KEYS}.",
    )


def bad_key(key: str) -> ApiError:
    """401 for a key that is not known, of which little is shown."""
    shown = f"{key[:7]}{'*' * 8}{key[-4:]}" if len(key) > 12 else "*" * len(key)
    message = f"Incorrect API key provided: {shown}. You can find your API key at {_KEYS}."
    return ApiError(401, message, code="invalid_api_key")


def no_url(method: str, path: str) -> ApiError:
    """404 for what is no operation."""
    return ApiError(404, f"Invalid URL ({method} {path})")


def no_model(name: str) -> ApiError:
    """404 for a model that is not there."""
    message = f"The model `{name}` does not exist or you do not have access to it."
    return ApiError(404, message, code="model_not_found")


def no_file(name: str) -> ApiError:
    """404 for a file that is missing, deleted or expired."""
    return ApiError(404, f"No such File object: {name}", param="id")


def no_batch(name: str) -> ApiError:
    """404 for a batch that is missing."""
    return ApiError(404, f"No batch found with id '{name}'.")


def bad_input() -> ApiError:
    """400 for an input of no known form, an empty text included."""
    return invalid(f"'$.input' is invalid. Please check the API reference: {_REFERENCE}.")


def insufficient_quota() -> ApiError:
    """429 for an account without money; waiting does not help."""
    message = (
        "You exceeded your current quota, please check your plan and billing details. For more information "
        "on this error, read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors."
    )
    return ApiError(429, message, kind="insufficient_quota", code="insufficient_quota")


def rate_limited(
    model: str, limit: str, seconds: float, headers: Mapping[str, str] | None = None
) -> ApiError:
    """429 that says when to come again.

    Args:
        model: The model.
        limit: Which limit was reached, such as ``tokens per min (TPM): Limit 10, Used 8, Requested 5``.
        seconds: How long to wait.
        headers: What else is said of limits.
    """
    message = (
        f"Rate limit reached for {model or 'the model'} in organization org-emulator on {limit}. "
        f"Please try again in {seconds:g}s. Visit https://platform.openai.com/account/rate-limits to learn "
        "more."
    )
    wait = {"retry-after": str(math.ceil(seconds)), "retry-after-ms": str(math.ceil(seconds * 1000))}
    kind = "tokens" if "token" in limit else "requests"
    return ApiError(429, message, kind=kind, code="rate_limit_exceeded", headers={**wait, **(headers or {})})


def internal() -> ApiError:
    """500."""
    message = "The server had an error while processing your request. Sorry about that!"
    return ApiError(500, message, kind="server_error")


def overloaded() -> ApiError:
    """503."""
    message = "The engine is currently overloaded, please try again later."
    return ApiError(503, message, kind="server_error")
