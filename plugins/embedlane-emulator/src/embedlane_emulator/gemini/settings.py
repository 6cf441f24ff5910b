"""How the emulated Gemini API behaves where there is a choice."""

from __future__ import annotations

import attrs

from embedlane_emulator.core import DAY, Settings, one_of


@attrs.frozen(kw_only=True)
class GeminiSettings(Settings):
    """Settings of the Gemini dialect."""

    #: Seconds after which a job that has not ended expires.
    expiry: float = 2 * DAY
    #: Seconds an uploaded file lives.
    file_life: float = 2 * DAY
    #: Seconds results live after the end of their job.
    result_life: float = 42 * DAY
    #: Smallest size a vector may be asked for; Google documents 128 and serves less.
    min_dimensions: int = 1
    #: Most active jobs.
    concurrent_jobs: int = 100
    #: Whether models answer after their retirement.
    keep_retired: bool = False
    #: How a job of a model without the batch method is refused: ``404``, or the ``400`` some report.
    unsupported_method: str = attrs.field(default="404", validator=one_of("404", "400"))
    #: What a line that can't be read does: an error of its ``row``, or the end of the ``job``.
    bad_lines: str = attrs.field(default="row", validator=one_of("row", "job"))
