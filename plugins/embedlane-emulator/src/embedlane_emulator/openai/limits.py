"""Requests and tokens in a minute, and the headers that tell of them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import attrs

from embedlane_emulator.openai import errors

if TYPE_CHECKING:
    from collections.abc import Iterable

    from embedlane_emulator.core import Core
    from embedlane_emulator.openai.settings import OpenAISettings

_MINUTE = 60.0


@attrs.define
class _Window:
    start: float = 0.0
    requests: int = 0
    tokens: int = 0


@attrs.frozen
class _Count:
    name: str
    most: int
    used: int
    wanted: int

    def __str__(self) -> str:
        return f"{self.name} per min: Limit {self.most}, Used {self.used}, Requested {self.wanted}"


@attrs.define
class Limits:
    """What each model may be asked in a minute; minutes are those of the clock and begin with a request."""

    core: Core[OpenAISettings]
    _windows: dict[str, _Window] = attrs.field(factory=dict, init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False)

    def take(self, model: str, tokens: int) -> dict[str, str]:
        """Count one request and its tokens; the headers to answer it with.

        Raises:
            ApiError: 429 if it is one too many; it does not count then.
        """
        settings = self.core.settings
        with self._lock:
            window = self._window(model)
            left = window.start + _MINUTE - self.core.clock.now()
            counts = (
                _Count("requests", settings.requests_per_minute, window.requests, 1),
                _Count("tokens", settings.tokens_per_minute, window.tokens, tokens),
            )
            for count in counts:
                if count.most and count.used + count.wanted > count.most:
                    headers = _headers(counts, left, taken=False)
                    raise errors.rate_limited(model, str(count), left, headers)
            window.requests += 1
            window.tokens += tokens
            return _headers(counts, left, taken=True)

    def _window(self, model: str) -> _Window:
        now = self.core.clock.now()
        window = self._windows.get(model)
        if window is None or now >= window.start + _MINUTE:
            window = self._windows[model] = _Window(now)
        return window


def _headers(counts: Iterable[_Count], left: float, *, taken: bool) -> dict[str, str]:
    headers = {}
    for count in counts:
        if count.most:
            used = count.used + count.wanted if taken else count.used
            headers[f"x-ratelimit-limit-{count.name}"] = str(count.most)
            headers[f"x-ratelimit-remaining-{count.name}"] = str(count.most - used)
            headers[f"x-ratelimit-reset-{count.name}"] = f"{left:g}s"
    return headers
