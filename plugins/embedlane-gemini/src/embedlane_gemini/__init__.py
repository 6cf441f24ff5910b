"""Google's models for embedlane, through google-genai: embedding in both lanes, generating in batch."""

from datetime import timedelta
from typing import Any

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
#: Models that generate text.
_GENERATING = (
    "google:gemini-2.5-flash",
    "google:gemini-2.5-flash-lite",
    "google:gemini-2.5-pro",
)
_DAY = timedelta(hours=24)


@hookimpl
def embedlane_routes() -> tuple[Route, ...]:
    """Declare both lanes of models that embed, and the batch lane of those that generate."""
    return (
        _route(Lane.SYNC, (*_MODELS, *_SYNC_ONLY), "_sync:open_sync", checkup="_checkup:check"),
        _route(Lane.BATCH, _MODELS, "_batch:open_batch", turnaround=_DAY),
        _route(
            Lane.BATCH, _GENERATING, "_generating:open_batch", turnaround=_DAY, form="_requests:open_form"
        ),
    )


def _route(lane: Lane, models: tuple[str, ...], factory: str, **more: Any) -> Route:
    # It looks at both lanes of a model at once.
    own: dict[str, Any] = {
        name: f"embedlane_gemini.{more.pop(name)}" for name in ("checkup", "form") if name in more
    }
    return Route(
        provider="gemini",
        models=models,
        lane=lane,
        factory=f"embedlane_gemini.{factory}",
        credentials=("GOOGLE_API_KEY", "GEMINI_API_KEY"),  # the order of the SDK
        install="pip install embedlane-gemini",
        concurrency=4,
        preference=20,
        **own,
        **more,
    )
