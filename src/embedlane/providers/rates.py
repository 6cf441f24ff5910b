"""One rate limit for all threads of a route."""

from __future__ import annotations

import attrs
from pyrate_limiter import Duration, Limiter, Rate

from embedlane.errors import ConfigError
from embedlane.providers.halt import Halt

#: Seconds between two looks at whether the run was halted.
_LOOK = 0.2


@attrs.frozen(kw_only=True, eq=False)
class RateLimit:
    """What a route may send in any minute; None for no limit."""

    #: Calls.
    requests_per_minute: int | None = None
    #: Texts, for services that count each text of a call as a request.
    texts_per_minute: int | None = None
    #: Estimated tokens.
    tokens_per_minute: int | None = None
    _limiters: dict[str, Limiter] = attrs.field(init=False, repr=False)

    @_limiters.default
    def _make_limiters(self) -> dict[str, Limiter]:
        names = ("requests_per_minute", "texts_per_minute", "tokens_per_minute")
        limits = {name: getattr(self, name) for name in names}
        return {name: Limiter(Rate(limit, Duration.MINUTE)) for name, limit in limits.items() if limit}

    def wait(self, texts: int, tokens: int, halt: Halt) -> None:
        """Block until one call with *texts* texts and *tokens* tokens is within the limits.

        Raises:
            ConfigError: If the call alone is larger than a minute's limit.
            HaltedError: If the run is halted in the meantime.
        """
        weights = {"requests_per_minute": 1, "texts_per_minute": texts, "tokens_per_minute": tokens}
        for name, limiter in self._limiters.items():
            weight = weights[name]
            if weight > getattr(self, name):
                raise ConfigError(
                    f"One request has {weight} of what {name} limits, more than a whole minute's.",
                    f"Raise {name} in the provider's table of the configuration.",
                )
            while not limiter.try_acquire(name, weight, timeout=_LOOK):
                halt.check()
