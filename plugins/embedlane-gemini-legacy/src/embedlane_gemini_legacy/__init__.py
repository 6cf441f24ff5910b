"""Google Gemini for embedlane through the legacy SDK google-generativeai: the sync lane."""

from embedlane.plugin import Lane, Route, hookimpl

__all__ = ["embedlane_routes"]


@hookimpl
def embedlane_routes() -> tuple[Route, ...]:
    """Declare the sync lane of the models that the SDK can call, also of those that were shut down."""
    return (
        Route(
            provider="gemini-legacy",
            # Not embedding-gecko-001: it needs embedText, which the SDK gave up before 0.8.
            models=(
                "google:gemini-embedding-2",
                "google:gemini-embedding-2-preview",
                "google:gemini-embedding-001",
                "google:text-embedding-004",
                "google:gemini-embedding-exp-03-07",
                "google:gemini-embedding-exp",
                "google:embedding-001",
            ),
            lane=Lane.SYNC,
            factory="embedlane_gemini_legacy._sync:open_sync",
            # The order of google-generativeai 0.8.6; google-genai reads them the other way round.
            credentials=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
            install="pip install embedlane-gemini-legacy",
            concurrency=4,
            preference=10,
            checkup="embedlane_gemini_legacy._checkup:check",
        ),
    )
