"""Write the generated parts of the documentation: what the code says of itself.

A part stands between ``<!-- generated: NAME -->`` and ``<!-- end -->``; NAME is a key of `PARTS`.
``make docs`` rewrites them, and a test fails while one is stale.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from generating import data, faults, interface, rules

ROOT = Path(__file__).parents[1]
_PART = re.compile(r"(<!-- generated: ([a-z-]+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)

#: What writes each part.
PARTS: Mapping[str, Callable[[], str]] = MappingProxyType(
    {
        "command-line": interface.command_line,
        "configuration": data.configuration,
        "models": data.models,
        "generators": data.generators,
        "model-keys": data.model_keys,
        "errors-tree": interface.errors_tree,
        "errors-table": interface.errors_table,
        "job-states": data.job_states,
        "job-events": data.job_events,
        "ledger": data.ledger,
        "library": interface.library,
        "hooks": interface.hooks,
        "interfaces": interface.interfaces_source,
        "values": interface.values_source,
        "route": interface.route_source,
        "rules": rules.rules,
        "faults-batch": faults.batch,
        "faults-sync": faults.sync,
        "faults-pairs": faults.pairs,
    }
)


def pages() -> list[Path]:
    """All pages of the documentation."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def renewed(text: str) -> str:
    """*text* with each generated part as it should be."""
    return _PART.sub(lambda part: f"{part[1]}\n{PARTS[part[2]]().strip()}\n\n{part[4]}", text)


def main() -> int:
    """Rewrite the pages whose generated parts are stale."""
    for page in pages():
        text = page.read_text(encoding="utf-8")
        new = renewed(text)
        if new != text:
            page.write_text(new, encoding="utf-8")
            sys.stdout.write(f"wrote {page.relative_to(ROOT)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
