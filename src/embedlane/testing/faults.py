"""Asking a service under the test's power to misbehave."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from embedlane.testing.subject import Service


def strike(service: Service | None, kind: str, **fields: Any) -> bool:
    """Let *kind* befall the jobs that are created from now on; whether the service can do that."""
    if service is None:
        return False
    try:
        service.faults.add(kind, **fields)
    except ValueError:
        return False
    return True


def require(service: Service | None, kind: str, **fields: Any) -> Service:
    """Do what `strike` does, or skip the test."""
    if service is None:
        pytest.skip("give the subject a service, such as an emulator, to run this")
    if not strike(service, kind, **fields):
        pytest.skip(f"the service has no fault {kind!r}")
    return service
