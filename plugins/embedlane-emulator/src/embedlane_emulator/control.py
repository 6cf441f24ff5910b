"""The emulator's own endpoints: clock, bill, faults and settings, for clients in any language."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from embedlane_emulator import faults
from embedlane_emulator.clock import iso

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Receive, Scope, Send

    from embedlane_emulator.core import Core

PREFIX = "/emulator"


class Control:
    """Answers what is under ``/emulator`` and hands the rest to a dialect."""

    def __init__(self, core: Core[Any], dialect: ASGIApp, settle: Callable[[], None]) -> None:
        self._core = core
        self._dialect = dialect
        self._settle = settle

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if not f"{scope['path']}/".startswith(f"{PREFIX}/"):
            await self._dialect(scope, receive, send)
            return
        request = Request(scope, receive)
        body = await request.body()
        await (await run_in_threadpool(self._respond, request, body))(scope, receive, send)

    def _respond(self, request: Request, body: bytes) -> Response:
        name, _, rest = request.url.path.removeprefix(PREFIX).strip("/").partition("/")
        handler = getattr(self, f"_{request.method.lower()}_{name or 'index'}", None)
        if handler is None:
            return _json({"error": f"there is no {request.method} {request.url.path}"}, 404)
        try:
            return _json(handler(orjson.loads(body) if body.strip() else None, rest))
        except (ValueError, TypeError) as error:
            return _json({"error": str(error)}, 400)

    def _get_index(self, _data: Any, _rest: str) -> Any:
        return {"endpoints": [f"{PREFIX}/{name}" for name in ("clock", "bill", "faults", "settings")]}

    def _get_clock(self, _data: Any, _rest: str) -> Any:
        now = self._core.clock.now()
        return {"now": iso(now), "seconds": now, "frozen": self._core.clock.frozen}

    def _post_clock(self, data: Any, rest: str) -> Any:
        self._core.set_clock(_table(data))
        return self._get_clock(None, rest)

    def _get_bill(self, _data: Any, _rest: str) -> Any:
        self._settle()
        return self._core.bill.as_json()

    def _delete_bill(self, _data: Any, _rest: str) -> Any:
        self._core.bill.clear()
        return {}

    def _get_faults(self, _data: Any, _rest: str) -> Any:
        return {"fault": self._core.faults.as_json()}

    def _post_faults(self, data: Any, _rest: str) -> Any:
        return {"fault": [attrs.asdict(self._core.faults.add(fault)) for fault in faults.parse(data)]}

    def _put_faults(self, data: Any, rest: str) -> Any:
        self._core.faults.replace(faults.parse(data))
        return self._get_faults(None, rest)

    def _delete_faults(self, _data: Any, rest: str) -> Any:
        if not rest:
            self._core.faults.clear()
        elif not self._core.faults.remove(rest):
            raise ValueError(f"there is no fault {rest!r}")
        return {}

    def _get_settings(self, _data: Any, _rest: str) -> Any:
        return attrs.asdict(self._core.settings)

    def _patch_settings(self, data: Any, rest: str) -> Any:
        self._core.configure(**_table(data))
        return self._get_settings(None, rest)


def _table(data: Any) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise TypeError(f"a JSON object is expected, not {data!r}")
    return data


def _json(body: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(body, option=orjson.OPT_INDENT_2), status, media_type="application/json")
