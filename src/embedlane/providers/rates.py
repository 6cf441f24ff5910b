"""One rate limit for all threads of a route."""

from __future__ import annotations

import attrs
from pyrate_limiter import Duration, Limiter, Rate

from embedlane.errors import ConfigError


def _limiter(per_minute: int | None) -> Limiter | None:
    return None if per_minute is None else Limiter(Rate(per_minute, Duration.MINUTE))


@attrs.frozen(kw_only=True, eq=False)
class RateLimit:
    """What a route may send in any minute; None for no limit."""

    #: Calls.
    requests_per_minute: Limiter | None = attrs.field(default=None, converter=_limiter)
    #: Texts, for services that count each text of a call as a request.
    texts_per_minute: Limiter | None = attrs.field(default=None, converter=_limiter)
    #: Estimated tokens.
    tokens_per_minute: Limiter | None = attrs.field(default=None, converter=_limiter)

    def wait(self, texts: int, tokens: int) -> None:
        """Block until one call with *texts* texts and *tokens* tokens is within the limits.

        Raises:
            ConfigError: If the call alone is larger than a minute's limit.
        """
        weights = {"requests_per_minute": 1, "texts_per_minute": texts, "tokens_per_minute": tokens}
        for name, weight in weights.items():
            limiter: Limiter | None = getattr(self, name)
            if limiter is not None and not limiter.try_acquire(name, weight):
                raise ConfigError(
                    f"One request has {weight} of what {name} limits, more than a whole minute's.",
                    f"Raise {name} in the provider's table of the configuration.",
                )
