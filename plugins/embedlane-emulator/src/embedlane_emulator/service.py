"""A service as an ASGI application: which operation a request is, what goes wrong, who answers.

What all dialects share. A dialect adds its routes, who may call, how a body is read, and its words for
errors.
"""

from __future__ import annotations

import inspect
import logging
import re
from abc import ABC, abstractmethod
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import attrs
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from embedlane_emulator import transport
from embedlane_emulator.faults import Moment

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starlette.types import Receive, Scope, Send

    from embedlane_emulator.core import Core
    from embedlane_emulator.faults import Fault
    from embedlane_emulator.jobs import Jobs

_log = logging.getLogger(__name__)
_NAMED = re.compile(r"\{(\w+)(?::([^}]+))?\}")


class Refusal(Exception):
    """An answer other than 200; each dialect has its own form of it."""

    def response(self) -> Response:
        """The whole reply."""
        raise NotImplementedError


class FaultTarget(Protocol):
    """What faults are matched against: one request, as its dialect sees it."""

    @property
    def operation(self) -> str:
        """The API's name of the operation."""
        ...

    @property
    def model(self) -> str:
        """The model it is about, or an empty string."""
        ...

    @property
    def display_name(self) -> str:
        """What the client calls the job it is about, or an empty string."""
        ...


C = TypeVar("C", bound=FaultTarget)


@attrs.frozen
class Route(Generic[C]):
    """An operation and where it is."""

    #: The HTTP method.
    method: str
    #: What the path must be.
    pattern: re.Pattern[str]
    #: The API's name of the operation.
    operation: str
    #: Answers it, in a thread of its own unless it is a coroutine function.
    handler: Callable[[C], Any]


def route(method: str, path: str, operation: str, handler: Callable[[C], Any]) -> Route[C]:
    """A route; ``{name}`` in *path* is one segment, ``{name:expression}`` what the expression matches."""
    pattern = _NAMED.sub(lambda found: f"(?P<{found[1]}>{found[2] or '[^/:]+'})", path)
    return Route(method, re.compile(pattern), operation, handler)


class Service(ABC, Generic[C]):
    """One provider's API over one `Core`."""

    #: All operations.
    routes: Sequence[Route[C]]

    def __init__(self, core: Core[Any], jobs: Jobs) -> None:
        self.core = core
        self.jobs = jobs

    @abstractmethod
    async def receive(self, request: Request, operation: str, params: dict[str, str]) -> C:
        """Check who calls, read the body.

        Raises:
            Refusal: For a caller or a body that is refused.
        """

    @abstractmethod
    def unknown(self, request: Request) -> Refusal:
        """The answer to what is no operation."""

    @abstractmethod
    def struck(self, fault: Fault, call: C) -> Refusal:
        """The answer that a fault of the kinds quota, internal, unavailable or error gives."""

    @abstractmethod
    def broken(self) -> Refusal:
        """The answer after a fault of ours."""

    def refuse(self, refusal: Refusal) -> Response:
        """The reply that a refusal is."""
        return refusal.response()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or hang up."""
        request = Request(scope, receive)
        try:
            response = await self._respond(request)
        except Refusal as refusal:
            response = self.refuse(refusal)
        except transport.Dropped:
            response = transport.HangUp()
        except ClientDisconnect:
            return
        except Exception:
            # Seen on stderr, and answered as the provider would.
            _log.exception("%s %s", request.method, request.url.path)
            response = self.refuse(self.broken())
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Any:
        found, params = self._match(request)
        call = await self._received(request, found.operation, params)
        struck = self.core.faults.draw(Moment.REQUEST, call.operation, call.model, call.display_name)
        for fault in struck:
            await self._strike(fault, call)
        response = await _run(found.handler, call)
        if any(fault.kind == "lost-reply" for fault in struck):
            raise transport.Dropped
        if any(fault.kind == "garbage" for fault in struck):
            return Response(b"<html><body>upstream connect error</body></html>", media_type="text/html")
        return response

    async def _received(self, request: Request, operation: str, params: dict[str, str]) -> C:
        try:
            return await self.receive(request, operation, params)
        except Refusal:
            # A client that is still sending would never read our answer.
            with suppress(RuntimeError):  # it is read already
                async for _ in request.stream():
                    pass
            raise

    def _match(self, request: Request) -> tuple[Route[C], dict[str, str]]:
        for known in self.routes:
            found = known.pattern.fullmatch(request.scope["path"]) if known.method == request.method else None
            if found:
                return known, {name: value for name, value in found.groupdict().items() if value}
        raise self.unknown(request)

    async def _strike(self, fault: Fault, call: C) -> None:
        closing = self.core.closing
        if fault.kind == "slow":
            await transport.wait(1.0 if fault.seconds is None else fault.seconds, closing)
        elif fault.kind == "hang":
            await transport.wait(3600.0 if fault.seconds is None else fault.seconds, closing)
            raise transport.Dropped
        elif fault.kind == "reset":
            raise transport.Dropped
        elif fault.kind not in ("lost-reply", "garbage"):
            raise self.struck(fault, call)

    def close(self) -> None:
        """Stop the jobs, then close the core."""
        self.core.closing.set()
        self.jobs.close()
        self.core.close()


async def _run(handler: Callable[[C], Any], call: C) -> Any:
    if inspect.iscoroutinefunction(handler):
        return await handler(call)
    return await run_in_threadpool(handler, call)
