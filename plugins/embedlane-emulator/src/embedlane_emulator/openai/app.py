"""The OpenAI API: its operations, who may call them, how they are read."""

from __future__ import annotations

from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from embedlane_emulator import jsonio
from embedlane_emulator.job import Habits
from embedlane_emulator.jobs import Jobs
from embedlane_emulator.openai import batches, embeddings, errors, files, rows
from embedlane_emulator.openai.limits import Limits
from embedlane_emulator.openai.wire import BATCH, Call
from embedlane_emulator.service import Service, route

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from embedlane_emulator.core import Core
    from embedlane_emulator.faults import Fault
    from embedlane_emulator.openai.settings import OpenAISettings
    from embedlane_emulator.service import Refusal

_HOUR = 3600.0
#: Kinds of faults that mean nothing here, each with the reason.
POINTLESS: Mapping[str, str] = MappingProxyType(
    {
        "error-details": "OpenAI's errors have no details, use error-rows",
        "blocked-rows": "only what generates is blocked, and these jobs embed",
    }
)


class OpenAI(Service[Call]):
    """The OpenAI API over one `Core`."""

    routes = (
        route("POST", "/v1/embeddings", "embeddings.create", embeddings.create),
        route("GET", "/v1/models", "models.list", embeddings.list_models),
        route("GET", "/v1/models/{model:.+}", "models.retrieve", embeddings.retrieve_model),
        route("POST", "/v1/files", "files.create", files.create),
        route("GET", "/v1/files", "files.list", files.list_),
        route("GET", "/v1/files/{file}", "files.retrieve", files.retrieve),
        route("DELETE", "/v1/files/{file}", "files.delete", files.delete),
        route("GET", "/v1/files/{file}/content", "files.content", files.content),
        route("POST", "/v1/batches", "batches.create", batches.create),
        route("GET", "/v1/batches", "batches.list", batches.list_),
        route("GET", "/v1/batches/{batch}", "batches.retrieve", batches.retrieve),
        route("POST", "/v1/batches/{batch}/cancel", "batches.cancel", batches.cancel),
    )

    def __init__(self, core: Core[OpenAISettings]) -> None:
        jobs = Jobs(
            core,
            kind=BATCH,
            habits=Habits(keeps_partial=True, fails_early=True, unknown="paused"),
            clerk=lambda job: rows.OpenAIClerk(job, core.settings),
            outputs=files.OUTPUTS,
            ended=partial(files.record_results, core),
        )
        super().__init__(core, jobs)
        self._limits = Limits(core)

    async def receive(self, request: Request, operation: str, params: dict[str, str]) -> Call:
        """Check the key, read the body unless it is a form."""
        if not self._serves(operation):
            raise self.unknown(request)
        _authorise(request, self.core.settings)
        reads = request.method == "POST" and operation != "files.create"
        return Call(
            core=self.core,
            jobs=self.jobs,
            limits=self._limits,
            operation=operation,
            params=params,
            request=request,
            payload=_parsed(await request.body()) if reads else None,
        )

    def _serves(self, operation: str) -> bool:
        settings: OpenAISettings = self.core.settings
        if operation.startswith("models."):
            return settings.list_models
        return settings.batches or operation == "embeddings.create"

    def refuse(self, refusal: Refusal) -> Response:
        """The reply, in the form that the settings say."""
        if isinstance(refusal, errors.ApiError):
            return refusal.response(flat=self.core.settings.errors == "flat")
        return super().refuse(refusal)

    def unknown(self, request: Request) -> errors.ApiError:
        """404."""
        return errors.no_url(request.method, request.scope["path"])

    def struck(self, fault: Fault, call: Call) -> errors.ApiError:
        """The fault as OpenAI would answer it."""
        if fault.kind == "quota":
            return errors.insufficient_quota()
        if fault.kind == "quota-retry":
            seconds = 1.0 if fault.seconds is None else fault.seconds
            window = "requests per day (RPD)" if seconds > _HOUR else "requests per min (RPM)"
            return errors.rate_limited(call.model, f"{window}: Limit 3, Used 3, Requested 1", seconds)
        if fault.kind == "internal":
            return errors.internal()
        if fault.kind == "unavailable":
            return errors.overloaded()
        status = fault.code or 500
        kind = "server_error" if status >= 500 else "invalid_request_error"
        return errors.ApiError(
            status, fault.reason or "Injected error.", kind=kind, code=fault.status or None
        )

    def broken(self) -> errors.ApiError:
        """500."""
        return errors.internal()


def _authorise(request: Request, settings: OpenAISettings) -> None:
    if settings.keyless:
        return
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    key = key.strip()
    if scheme.lower() != "bearer" or not key:
        raise errors.no_key()
    if not settings.lets_in(key):
        raise errors.bad_key(key)


def _parsed(body: bytes) -> Any:
    if not body.strip():
        return {}
    try:
        return jsonio.load(body)
    except ValueError as error:
        raise errors.invalid(
            "We could not parse the JSON body of your request. The OpenAI API expects a JSON payload, but "
            f"what was sent was not valid JSON: {error}."
        ) from error
