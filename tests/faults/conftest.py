"""A laboratory for each process that runs tests."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# The laboratory is also used by run.py, beside which it lies.
sys.path.insert(0, str(Path(__file__).parent))

from lab.lab import Lab


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Benches with both services."""
    made = Lab(tmp_path_factory.mktemp("faults"))
    yield made
    made.close()
