"""What an error tells beside its message: dicts over REST, protobuf messages over gRPC."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from google.protobuf import json_format
from google.protobuf.message import Message

if TYPE_CHECKING:
    from collections.abc import Iterator

_DURATION = re.compile(r"(\d+(?:\.\d+)?)s?")


def details_of(error: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Kind and fields of each detail of *error*, such as ``RetryInfo`` and ``{"retryDelay": "45s"}``."""
    for detail in getattr(error, "details", None) or ():
        if isinstance(detail, dict):
            yield str(detail.get("@type", "")).rpartition(".")[2], detail
        elif isinstance(detail, Message) and detail.DESCRIPTOR.name != "Any":
            # An Any is of a kind that nobody here knows; to print one needs its type.
            yield detail.DESCRIPTOR.name, json_format.MessageToDict(detail)


def retry_after(error: Any) -> float | None:
    """Seconds to wait, by the RetryInfo of *error* or the Retry-After of its reply; None if neither says."""
    for name, detail in details_of(error):
        if name == "RetryInfo" and (seconds := _seconds(detail.get("retryDelay"))) is not None:
            return seconds
    headers = getattr(getattr(error, "response", None), "headers", None)
    return _seconds(headers.get("Retry-After")) if headers is not None else None


def day_quota(error: Any) -> bool:
    """Whether a quota of a whole day is used up."""
    violations = [
        violation
        for name, detail in details_of(error)
        if name == "QuotaFailure" and isinstance(detail.get("violations"), list)
        for violation in detail["violations"]
    ]
    return any("PerDay" in str(each.get("quotaId")) for each in violations if isinstance(each, dict))


def _seconds(text: object) -> float | None:
    """The seconds of ``45s``, ``45.4s`` or ``45``; None for anything else, such as a date."""
    found = _DURATION.fullmatch(text) if isinstance(text, str) else None
    return float(found[1]) if found else None
