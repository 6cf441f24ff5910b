"""A pytest plugin that writes what came of each test, as JSON, to the file that KIT_REPORT names."""

import json
import os
from pathlib import Path

_FOUND = {}

# Nothing here has to outlive a power cut, and disks take their time.
os.fsync = lambda _descriptor: None


def pytest_runtest_logreport(report):
    """Keep the worst of a test's phases; the parameters of a test do not matter."""
    suite, test = report.nodeid.split("::")[-2:]
    if report.when == "call" or not report.passed:
        outcomes = _FOUND.setdefault(suite, {}).setdefault(test.partition("[")[0], [])
        outcome = "xfailed" if hasattr(report, "wasxfail") else report.outcome
        outcomes.append((outcome, str(report.longrepr) if report.failed else ""))


def pytest_sessionfinish():
    """Write."""
    Path(os.environ["KIT_REPORT"]).write_text(json.dumps(_FOUND), encoding="utf-8")
