"""Spans and metrics of OpenTelemetry, where ``opentelemetry-api`` is installed; nothing elsewhere.

Names follow OpenTelemetry's conventions for generative AI where those have one (``gen_ai.*``); what is our
own begins with ``embedlane``. The API by itself does nothing: the application configures an SDK and an
exporter.
"""

from __future__ import annotations

import contextlib
import functools
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: Every counter: its unit, and what it counts.
COUNTERS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "embedlane.rows": ("{row}", "Rows that ended, by outcome: stored, refused, missing."),
        "embedlane.tokens": ("{token}", "Tokens that providers billed, or estimated where they do not say."),
        "embedlane.jobs": ("{job}", "Changes of batch jobs, by the state that they led to."),
    }
)


@contextlib.contextmanager
def span(name: str, attributes: Mapping[str, str | int]) -> Iterator[Any]:
    """Trace a deed; an error that leaves it is recorded on the span.

    Yields:
        The span, or None where there is no OpenTelemetry.
    """
    tracer = _tracer()
    if tracer is None:
        yield None
        return
    with tracer.start_as_current_span(name, attributes=attributes) as current:
        yield current


def count(name: str, amount: int, attributes: Mapping[str, str | int]) -> None:
    """Add *amount* to a counter of `COUNTERS`."""
    counter = _counter(name)
    if counter is not None and amount:
        counter.add(amount, attributes)


# Imported late: it takes 50 ms, and most commands embed nothing.
@functools.cache
def _tracer() -> Any:
    try:
        from opentelemetry import trace  # noqa: PLC0415 - optional
    except ImportError:
        return None
    return trace.get_tracer("embedlane")


@functools.cache
def _counter(name: str) -> Any:
    try:
        from opentelemetry import metrics  # noqa: PLC0415 - optional
    except ImportError:
        return None
    unit, about = COUNTERS[name]
    return metrics.get_meter("embedlane").create_counter(name, unit=unit, description=about)
