"""The harness, and one of its judges for each process of the test run."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).with_name("kit")))


@pytest.fixture(scope="session")
def judge():
    """A judge with a server for the providers and a process that forks workers."""
    from places import workplace
    from runs import Runner
    from verdict import Judge

    with workplace() as root, Runner.start(root) as runner:
        yield Judge(runner)
