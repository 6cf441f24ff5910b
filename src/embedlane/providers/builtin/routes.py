"""The routes of the providers that come with the core."""

from __future__ import annotations

from embedlane.models.card import Lane
from embedlane.providers.route import Route

#: What the `hash` provider serves: both lanes, without a dependency.
ROUTES: tuple[Route, ...] = tuple(
    Route(
        provider="hash",
        models=("local:hash",),
        lane=lane,
        factory=f"embedlane.providers.builtin.hash:{opener}",
        concurrency=1,
        texts_per_second=5000,
    )
    for lane, opener in ((Lane.SYNC, "open_sync"), (Lane.BATCH, "open_batch"))
)
