"""Memory does not grow with the corpus."""

from __future__ import annotations

import subprocess
import sys

_RUN = """
import resource, sys
from pathlib import Path
from embedlane.config.settings import load_config
from embedlane.workspace.workspace import Workspace

count = int(sys.argv[1])
config = load_config(Path(sys.argv[2]), environment={"EMBEDLANE_PLUGINS": ""})
with Workspace.open(config=config) as workspace:
    index = workspace.create_index("docs", "local:hash", dimensions=64)
    index.add((str(number), f"{number} " + "word and " * 110) for number in range(count))
    index.embed("sync", limit=count // 2)
    assert index.embed("batch").complete
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def _peak(count, folder):
    folder.mkdir()
    run = subprocess.run(
        [sys.executable, "-c", _RUN, str(count), str(folder)], capture_output=True, check=True, text=True
    )
    return int(run.stdout)


def test_peak_memory_is_flat(tmp_path):
    """Adding and embedding ten times as many items of 1 kB, through both lanes, takes no more memory."""
    assert _peak(20_000, tmp_path / "many") < 1.2 * _peak(2_000, tmp_path / "few")
