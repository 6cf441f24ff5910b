"""The suite for the batch lane."""

from __future__ import annotations

from embedlane.testing.batch_faults import FaultRules
from embedlane.testing.batch_jobs import LifeRules
from embedlane.testing.batch_rows import RowRules
from embedlane.testing.batch_wire import BatchWireRules
from embedlane.testing.leaks import LeakRules


class BatchEmbedderSuite(RowRules, LifeRules, FaultRules, BatchWireRules, LeakRules):
    """All rules for a batch embedder. Needs a fixture ``subject`` that returns a `Subject`."""
