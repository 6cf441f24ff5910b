"""The service as an ASGI application: which operation a request is, who may call it, what goes wrong."""

from __future__ import annotations

import inspect
import logging
import re
from typing import TYPE_CHECKING, Any

import attrs
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from embedlane_emulator import transport
from embedlane_emulator.faults import Moment
from embedlane_emulator.gemini import batches, errors, files, protojson, sync, uploads
from embedlane_emulator.gemini.jobs import Jobs
from embedlane_emulator.gemini.wire import BODY_LIMIT, Call

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Receive, Scope, Send

    from embedlane_emulator.core import Core
    from embedlane_emulator.faults import Fault

_log = logging.getLogger(__name__)


@attrs.frozen
class _Route:
    method: str
    pattern: re.Pattern[str]
    operation: str
    handler: Callable[[Call], Any]


def _route(method: str, path: str, operation: str, handler: Callable[[Call], Any]) -> _Route:
    pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/:]+)", path.replace("{version}", "{_}"))
    pattern = pattern.replace("(?P<_>[^/:]+)", r"(?P<version>v1|v1beta|v1alpha)")
    return _Route(method, re.compile(pattern), operation, handler)


_MODEL = "/{version}/(?:tunedModels|models)/{model}"
_ROUTES = (
    _route("GET", "/{version}/models", "models.list", sync.list_models),
    _route("GET", "/{version}/models/{model}", "models.get", sync.get_model),
    _route("POST", f"{_MODEL}:embedContent", "models.embedContent", sync.embed),
    _route("POST", f"{_MODEL}:batchEmbedContents", "models.batchEmbedContents", sync.batch_embed),
    _route("POST", f"{_MODEL}:asyncBatchEmbedContent", "models.asyncBatchEmbedContent", batches.create_embed),
    _route("POST", f"{_MODEL}:batchGenerateContent", "models.batchGenerateContent", batches.create_generate),
    _route("GET", "/{version}/batches", "batches.list", batches.list_),
    _route("GET", "/{version}/batches/{batch}", "batches.get", batches.get),
    _route("DELETE", "/{version}/batches/{batch}", "batches.delete", batches.delete),
    _route("POST", "/{version}/batches/{batch}:cancel", "batches.cancel", batches.cancel),
    _route(
        "PATCH",
        "/{version}/batches/{batch}:updateEmbedContentBatch",
        "batches.updateEmbedContentBatch",
        batches.update,
    ),
    _route(
        "PATCH",
        "/{version}/batches/{batch}:updateGenerateContentBatch",
        "batches.updateGenerateContentBatch",
        batches.update,
    ),
    _route("POST", "(?:/resumable)?/upload/{version}/files", "media.upload", uploads.upload),
    _route("PUT", "(?:/resumable)?/upload/{version}/files", "media.upload", uploads.upload),
    _route("GET", "/{version}/files", "files.list", files.list_),
    _route("GET", "/{version}/files/{file}", "files.get", files.get),
    _route("DELETE", "/{version}/files/{file}", "files.delete", files.delete),
    _route("GET", "(?:/download)?/{version}/files/{file}:download", "files.download", files.download),
    _route("GET", r"/\$discovery/rest", "discovery", uploads.discovery),
)


class Gemini:
    """The Gemini Developer API over one `Core`."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.jobs = Jobs(core)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or hang up."""
        request = Request(scope, receive)
        try:
            response = await self._respond(request)
        except errors.ApiError as error:
            response = error.response()
        except transport.Dropped:
            response = transport.HangUp()
        except ClientDisconnect:
            return
        except Exception:
            # A fault of ours: seen on stderr, and answered as Google would.
            _log.exception("%s %s", request.method, request.url.path)
            response = errors.internal().response()
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Any:
        route, params = _match(request.method, request.scope["path"])
        if route.operation != "discovery" and "upload_id" not in request.query_params:
            _authorise(request, self.core)
        call = Call(core=self.core, jobs=self.jobs, operation=route.operation, params=params, request=request)
        if route.operation != "media.upload":
            call = attrs.evolve(call, payload=await _payload(request))
        struck = self.core.faults.draw(Moment.REQUEST, route.operation, _model(call), self._display(call))
        for fault in struck:
            await self._strike(fault, call)
        response = await _run(route.handler, call)
        if any(fault.kind == "lost-reply" for fault in struck):
            raise transport.Dropped
        if any(fault.kind == "garbage" for fault in struck):
            return Response(b"<html><body>upstream connect error</body></html>", media_type="text/html")
        return response

    async def _strike(self, fault: Fault, call: Call) -> None:
        closing = self.core.closing
        if fault.kind == "slow":
            await transport.wait(1.0 if fault.seconds is None else fault.seconds, closing)
        elif fault.kind == "hang":
            await transport.wait(3600.0 if fault.seconds is None else fault.seconds, closing)
            raise transport.Dropped
        elif fault.kind == "reset":
            raise transport.Dropped
        elif fault.kind not in ("lost-reply", "garbage"):
            raise _refusal(fault, _model(call))

    def _display(self, call: Call) -> str:
        if isinstance(call.payload, dict) and isinstance(batch := call.payload.get("batch"), dict):
            return str(batch.get("displayName") or batch.get("display_name") or "")
        name = call.params.get("batch") or call.params.get("file", "").removeprefix("batch-")
        found = self.jobs.find(name) if name else None
        return found.display_name if found else ""

    def close(self) -> None:
        """Stop the jobs, then close the core."""
        self.core.closing.set()
        self.jobs.close()
        self.core.close()


def _match(method: str, path: str) -> tuple[_Route, dict[str, str]]:
    for route in _ROUTES:
        found = route.pattern.fullmatch(path) if route.method == method else None
        if found:
            return route, {name: value for name, value in found.groupdict().items() if value}
    raise errors.ApiError(404, f"{method} {path} is no method of this API.")


def _authorise(request: Request, core: Core) -> None:
    bearer = request.headers.get("authorization", "")
    key = request.headers.get("x-goog-api-key") or request.query_params.get("key", "")
    key = key or bearer.removeprefix("Bearer ").strip() or request.query_params.get("access_token", "")
    if not key:
        raise errors.no_key()
    keys = core.settings.api_keys
    if (keys is not None and key not in keys) or (keys is None and key.startswith("invalid")):
        raise errors.bad_key()


async def _payload(request: Request) -> Any:
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > BODY_LIMIT:
        async for _ in request.stream():  # read it, so that the client reads our answer
            pass
        raise errors.too_large()
    body = await request.body()
    if len(body) > BODY_LIMIT:
        raise errors.too_large()
    return protojson.decode(body)


async def _run(handler: Callable[[Call], Any], call: Call) -> Any:
    if inspect.iscoroutinefunction(handler):
        return await handler(call)
    return await run_in_threadpool(handler, call)


def _model(call: Call) -> str:
    return call.params.get("model", "")


def _refusal(fault: Fault, model: str) -> errors.ApiError:
    if fault.kind == "quota":
        return errors.quota()
    if fault.kind == "quota-retry":
        return errors.quota_retry(model, 1.0 if fault.seconds is None else fault.seconds)
    if fault.kind == "internal":
        return errors.internal()
    if fault.kind == "unavailable":
        return errors.overloaded()
    return errors.ApiError(fault.code or 500, fault.reason or "Injected error.", fault.status)
