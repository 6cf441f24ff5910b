"""The rules of the conformance kit, from the docstrings of its tests."""

from __future__ import annotations

from embedlane.testing import (
    batch_faults,
    batch_jobs,
    batch_rows,
    batch_wire,
    lanes,
    leaks,
    plugin_suite,
    suite,
    sync_vectors,
    sync_wire,
)
from generating.code import as_code, table_of

#: What the rules of a class are about, and the class.
_GROUPS = (
    ("`PluginSuite`: what a plugin declares", plugin_suite.PluginSuite),
    ("Every suite", suite.Suite),
    ("Both lanes: opening and closing", lanes.LaneSuite),
    ("Both lanes: secrets", leaks.LeakRules),
    ("`SyncEmbedderSuite`: vectors", sync_vectors.VectorRules),
    ("`SyncEmbedderSuite`: the wire (needs a URL)", sync_wire.SyncWireRules),
    ("`BatchEmbedderSuite`: rows", batch_rows.RowRules),
    ("`BatchEmbedderSuite`: the life of a job", batch_jobs.LifeRules),
    ("`BatchEmbedderSuite`: the wire (needs a URL)", batch_wire.BatchWireRules),
    ("`BatchEmbedderSuite`: a service that fails (needs a service)", batch_faults.FaultRules),
)


def rules() -> str:
    """Each rule with its sentence, in the order of the suites."""
    return "\n\n".join(f"### {title}\n\n{_table(kind)}" for title, kind in _GROUPS)


def _table(kind: type) -> str:
    tests = [(name, test) for name, test in vars(kind).items() if name.startswith("test_")]
    return table_of(("rule", "what it says"), [(f"`{n}`", as_code(suite.first_line(t))) for n, t in tests])
