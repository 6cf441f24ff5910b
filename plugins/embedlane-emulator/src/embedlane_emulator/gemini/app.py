"""The Gemini Developer API: its operations, who may call them, how they are read."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from embedlane_emulator.gemini import batches, errors, files, protojson, rows, sync, uploads
from embedlane_emulator.gemini.wire import BODY_LIMIT, Call
from embedlane_emulator.job import Habits
from embedlane_emulator.jobs import Jobs
from embedlane_emulator.service import Service, route

if TYPE_CHECKING:
    from starlette.requests import Request

    from embedlane_emulator.core import Core
    from embedlane_emulator.faults import Fault
    from embedlane_emulator.gemini.settings import GeminiSettings

_V = "/{version:v1|v1beta|v1alpha}"
_MODEL = _V + "/(?:tunedModels|models)/{model}"
_UPLOAD = f"(?:/resumable)?/upload{_V}/files"
_BATCH = _V + "/batches/{batch}"
_FILE = _V + "/files/{file}"


class Gemini(Service[Call]):
    """The Gemini Developer API over one `Core`."""

    routes = (
        route("GET", f"{_V}/models", "models.list", sync.list_models),
        route("GET", _V + "/models/{model}", "models.get", sync.get_model),
        route("POST", f"{_MODEL}:embedContent", "models.embedContent", sync.embed),
        route("POST", f"{_MODEL}:batchEmbedContents", "models.batchEmbedContents", sync.batch_embed),
        route("POST", f"{_MODEL}:asyncBatchEmbedContent", batches.EMBED, batches.create_embed),
        route("POST", f"{_MODEL}:batchGenerateContent", batches.GENERATE, batches.create_generate),
        route("GET", f"{_V}/batches", "batches.list", batches.list_),
        route("GET", _BATCH, "batches.get", batches.get),
        route("DELETE", _BATCH, "batches.delete", batches.delete),
        route("POST", f"{_BATCH}:cancel", "batches.cancel", batches.cancel),
        route(
            "PATCH",
            f"{_BATCH}:updateEmbedContentBatch",
            "batches.updateEmbedContentBatch",
            batches.update,
        ),
        route(
            "PATCH",
            f"{_BATCH}:updateGenerateContentBatch",
            "batches.updateGenerateContentBatch",
            batches.update,
        ),
        route("POST", _UPLOAD, "media.upload", uploads.upload),
        route("PUT", _UPLOAD, "media.upload", uploads.upload),
        route("GET", f"{_V}/files", "files.list", files.list_),
        route("GET", _FILE, "files.get", files.get),
        route("DELETE", _FILE, "files.delete", files.delete),
        route("GET", f"(?:/download)?{_FILE}:download", "files.download", files.download),
        route("GET", r"/\$discovery/rest", "discovery", uploads.discovery),
    )

    def __init__(self, core: Core[GeminiSettings]) -> None:
        jobs = Jobs(
            core,
            kind="gemini-job",
            habits=Habits(keeps_partial=False, fails_early=False, unknown="BATCH_STATE_CANCELLING"),
            clerk=lambda job: rows.GeminiClerk(job, core.settings),
            outputs=[files.RESULTS],
            ended=partial(files.record_results, core),
        )
        super().__init__(core, jobs)

    async def receive(self, request: Request, operation: str, params: dict[str, str]) -> Call:
        """Check the key, read the body unless it is a file's."""
        if operation != "discovery" and "upload_id" not in request.query_params:
            _authorise(request, self.core.settings)
        payload = await _payload(request) if operation != "media.upload" else None
        return Call(
            core=self.core,
            jobs=self.jobs,
            operation=operation,
            params=params,
            request=request,
            payload=payload,
        )

    def unknown(self, request: Request) -> errors.ApiError:
        """404."""
        return errors.ApiError(404, f"{request.method} {request.scope['path']} is no method of this API.")

    def struck(self, fault: Fault, call: Call) -> errors.ApiError:
        """The fault as Google would answer it."""
        if fault.kind == "quota":
            return errors.quota()
        if fault.kind == "quota-retry":
            return errors.quota_retry(call.model, 1.0 if fault.seconds is None else fault.seconds)
        if fault.kind == "internal":
            return errors.internal()
        if fault.kind == "unavailable":
            return errors.overloaded()
        return errors.ApiError(fault.code or 500, fault.reason or "Injected error.", fault.status)

    def broken(self) -> errors.ApiError:
        """500."""
        return errors.internal()


def _authorise(request: Request, settings: GeminiSettings) -> None:
    bearer = request.headers.get("authorization", "")
    key = request.headers.get("x-goog-api-key") or request.query_params.get("key", "")
    key = key or bearer.removeprefix("Bearer ").strip() or request.query_params.get("access_token", "")
    if not key:
        raise errors.no_key()
    if not settings.lets_in(key):
        raise errors.bad_key()


async def _payload(request: Request) -> Any:
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > BODY_LIMIT:
        raise errors.too_large()
    body = await request.body()
    if len(body) > BODY_LIMIT:
        raise errors.too_large()
    return protojson.decode(body)
