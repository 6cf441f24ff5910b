"""The suite for the sync lane."""

from __future__ import annotations

from embedlane.testing.leaks import LeakRules
from embedlane.testing.sync_vectors import VectorRules
from embedlane.testing.sync_wire import SyncWireRules


class SyncEmbedderSuite(VectorRules, SyncWireRules, LeakRules):
    """All rules for a sync embedder. Needs a fixture ``subject`` that returns a `Subject`."""
