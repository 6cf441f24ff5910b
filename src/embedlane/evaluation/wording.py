"""Numbers and names as people read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from embedlane.evaluation.bootstrap import Interval


def places(number: float, digits: int = 3) -> str:
    """With so many digits after the point, and a minus that is one."""
    return f"{number:.{digits}f}".replace("-", "−")


def span(interval: Interval) -> str:
    """Such as ``0.430 to 0.594``."""
    return f"{places(interval.low)} to {places(interval.high)}"


def signed(number: float) -> str:
    """With its sign, such as ``+0.012``."""
    return f"{number:+.3f}".replace("-", "−")


def signed_span(interval: Interval) -> str:
    """Such as ``−0.010 to +0.034``."""
    return f"{signed(interval.low)} to {signed(interval.high)}"


def dollars(amount: float | None) -> str:
    """Such as ``$1.50``, ``free`` or ``unknown``."""
    if amount is None:
        return "unknown"
    if amount == 0:
        return "free"
    return f"${amount:,.2f}" if amount >= 0.01 else f"${amount:.2g}"


def percent(part: float | None, digits: int = 0) -> str:
    """Such as ``98 %``."""
    return "–" if part is None else f"{places(part * 100, digits)} %"


def level(part: float) -> str:
    """A level of confidence, such as ``98.3 %``."""
    return f"{part * 100:.3g} %"


def change(per_cent: float | None) -> str:
    """Such as ``+14 %``."""
    return "–" if per_cent is None else f"{per_cent:+.0f} %".replace("-", "−")


def title(metric: str) -> str:
    """The name of a metric as people write it, such as ``nDCG@10``."""
    return metric.replace("ndcg", "nDCG").replace("mrr", "MRR")
