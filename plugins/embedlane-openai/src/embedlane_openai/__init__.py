"""OpenAI's embedding models for embedlane, and every server that speaks the same API: sync and batch."""

from datetime import timedelta

from embedlane.plugin import Lane, Route, hookimpl
from embedlane_openai import _ranks

__all__ = ["embedlane_routes"]

_MODELS = (
    "openai:text-embedding-3-large",
    "openai:text-embedding-3-small",
    "openai:text-embedding-ada-002",
)
#: The provider whose plugin a server of one's own is of, by ``kind`` in the configuration.
_COMPATIBLE = "openai-compatible"


@hookimpl
def embedlane_routes() -> tuple[Route, ...]:
    """Declare both lanes, at OpenAI's service and at a server that the configuration names."""
    # Without the data core estimates, which a counter of ours could do no better.
    counter = "embedlane_openai._counting:open_counter" if _ranks.at_hand() else ""
    return (
        _route("openai", Lane.SYNC, counter),
        _route("openai", Lane.BATCH, counter),
        _route(_COMPATIBLE, Lane.SYNC),
        _route(_COMPATIBLE, Lane.BATCH),
    )


def _route(provider: str, lane: Lane, counter: str = "") -> Route:
    opener = "compatible" if provider == _COMPATIBLE else "openai"
    return Route(
        provider=provider,
        models=() if provider == _COMPATIBLE else _MODELS,
        lane=lane,
        factory=f"embedlane_openai._{lane.value}:open_{opener}",
        credentials=() if provider == _COMPATIBLE else ("OPENAI_API_KEY",),
        counter=counter,
        # It looks at both lanes of a model at once.
        checkup=f"embedlane_openai._checkup:check_{opener}" if lane is Lane.SYNC else "",
        install="pip install embedlane-openai",
        concurrency=4,
        turnaround=timedelta(hours=24) if lane is Lane.BATCH else None,
        preference=20,
    )
