"""Google's embedding models for embedlane, through google-genai: the sync and the batch lane."""

from datetime import timedelta

from embedlane.plugin import Lane, Route, hookimpl

__all__ = ["embedlane_routes"]

#: Models with both lanes.
_MODELS = (
    "google:gemini-embedding-001",
    "google:gemini-embedding-2",
    "google:gemini-embedding-2-preview",
)
#: Models that were shut down and never had a batch lane. They are declared so that a refusal speaks of
#: their end, and not of a plugin that is missing.
_SYNC_ONLY = (
    "google:embedding-001",
    "google:embedding-gecko-001",
    "google:gemini-embedding-exp",
    "google:gemini-embedding-exp-03-07",
    "google:text-embedding-004",
)


@hookimpl
def embedlane_routes() -> tuple[Route, ...]:
    """Declare both lanes."""
    return (
        _route(Lane.SYNC, (*_MODELS, *_SYNC_ONLY), "embedlane_gemini._sync:open_sync"),
        _route(Lane.BATCH, _MODELS, "embedlane_gemini._batch:open_batch", turnaround=timedelta(hours=24)),
    )


def _route(lane: Lane, models: tuple[str, ...], factory: str, turnaround: timedelta | None = None) -> Route:
    return Route(
        provider="gemini",
        models=models,
        lane=lane,
        factory=factory,
        credentials=("GOOGLE_API_KEY", "GEMINI_API_KEY"),  # the order of the SDK
        install="pip install embedlane-gemini",
        concurrency=4,
        preference=20,
        turnaround=turnaround,
        # It looks at both lanes of a model at once.
        checkup="embedlane_gemini._checkup:check" if lane is Lane.SYNC else "",
    )
