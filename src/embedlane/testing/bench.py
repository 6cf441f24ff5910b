"""Opening the lanes of a subject as the core does, and closing them after the test."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypedDict, Unpack

import attrs

from embedlane.errors import CredentialError
from embedlane.models.card import Lane
from embedlane.models.space import Space
from embedlane.providers.interfaces import OpenContext
from embedlane.providers.opening import open_batch, open_sync
from embedlane.testing.relay import Relay

if TYPE_CHECKING:
    from pathlib import Path

    from embedlane.providers.interfaces import BatchEmbedder, SyncEmbedder
    from embedlane.providers.route import Route
    from embedlane.testing.subject import Subject


class Changes(TypedDict, total=False):
    """How a lane is opened otherwise than the subject says."""

    #: Size of the vectors.
    dimensions: int
    #: Settings that are added to the subject's, or take their place.
    settings: Mapping[str, object]
    #: Whether no secret is found.
    keyless: bool


@attrs.define(kw_only=True)
class Bench:
    """Where a test opens the subject's lanes."""

    #: What is tested.
    subject: Subject
    #: A folder of the test's own; made when first used.
    directory: Path
    #: How often a plugin asked for the secret.
    asked: int = attrs.field(default=0, init=False)
    _open: list[SyncEmbedder | BatchEmbedder | Relay] = attrs.field(factory=list, init=False)

    def sync(self, **changes: Unpack[Changes]) -> SyncEmbedder:
        """Open the sync lane."""
        route = self.subject.route(Lane.SYNC)
        embedder = open_sync(route, self.context(route, **changes))
        self._open.append(embedder)
        return embedder

    def batch(self, **changes: Unpack[Changes]) -> BatchEmbedder:
        """Open the batch lane."""
        route = self.subject.route(Lane.BATCH)
        embedder = open_batch(route, self.context(route, **changes))
        self._open.append(embedder)
        return embedder

    def relay(self) -> Relay:
        """Start a relay to the service; a lane opened with ``settings=bench.through(relay)`` uses it."""
        relay = Relay(self.subject.url, self.subject.secret)
        self._open.append(relay)
        return relay

    def through(self, relay: Relay) -> dict[str, object]:
        """The change of settings that leads a plugin to *relay*."""
        return {self.subject.address: relay.url}

    def context(self, route: Route, **changes: Unpack[Changes]) -> OpenContext:
        """What a factory of *route* gets."""
        subject = self.subject

        def credential() -> str:
            self.asked += 1
            if changes.get("keyless"):
                raise CredentialError(f"No key was found for provider '{route.provider}'.", "Set one.")
            return subject.secret if route.credentials else ""

        return OpenContext(
            provider=route.provider,
            card=subject.card,
            space=Space.of(subject.card, changes.get("dimensions", subject.dimensions)),
            settings={**subject.settings, **changes.get("settings", {})},
            credential=credential,
            directory=self.directory / route.provider,
        )

    def close(self) -> None:
        """Close everything, the last opened first."""
        while self._open:
            # How a plugin closes is a rule's business.
            with contextlib.suppress(Exception):
                self._open.pop().close()
