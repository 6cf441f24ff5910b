"""The kit, tried on liars: each provider that breaks one rule fails exactly the test of that rule."""

import functools
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from embedlane.testing import BatchEmbedderSuite, PluginSuite, SyncEmbedderSuite
from embedlane.testing.suite import rules_of

KIT = Path(__file__).parent / "kit"
#: What the process that runs the suites needs; other plugins of pytest only take time.
OPTIONS = ("-p", "reporting", "-p", "no:cacheprovider", "-W", "error", "-q", "--tb=short", "-c", os.devnull)
OVERRIDDEN = "test_rules_are_not_overridden"


@functools.cache
def kit(module):
    """A module of the kit's folder."""
    sys.path.insert(0, str(KIT))
    try:
        return importlib.import_module(module)
    finally:
        sys.path.remove(str(KIT))


def breaks(kinds):
    """The rule that each suite breaks, by the suite's name."""
    return {f"Test{kind.__name__}": kind.breaks for kind in kinds}


def sync_liars():
    """Those of the sync lane."""
    module = kit("sync_liars")
    others = {"TestHonestSync": "", "TestOverriding": OVERRIDDEN, "TestExcused": ""}
    return breaks(module.LIARS) | others


def batch_liars():
    """Those of the batch lane."""
    return breaks(kit("batch_liars").LIARS) | {"TestHonestBatch": ""}


def plugin_liars():
    """Those that declare."""
    module = kit("plugin_liars")
    liars = {f"Test{name.title()}": liar.breaks for name, liar in module.LIARS.items()}
    return liars | {f"Test{name.title()}": rule for name, (rule, _) in module.TRANSLATIONS.items()}


def half(liars, which):
    """The first or the second half of *liars*, so that two processes share the work."""
    names = list(liars)[which::2]
    return {name: liars[name] for name in names}


GROUPS = {
    "plugin": ("plugin_liars.py", plugin_liars),
    "sync": ("sync_liars.py", sync_liars),
    "batch, one half": ("batch_liars.py", lambda: half(batch_liars(), 0)),
    "batch, the other": ("batch_liars.py", lambda: half(batch_liars(), 1)),
}


def run(tmp_path, file, suites):
    """What came of each test of *suites*."""
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    kit("plugin_liars").write(plugins)
    environment = {
        **os.environ,
        "KIT_REPORT": str(tmp_path / "report.json"),
        "KIT_PLUGINS": str(plugins),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTHONPATH": str(KIT),
    }
    places = [f"{KIT / file}::{suite}" for suite in suites]
    alone = (f"--basetemp={tmp_path / 'tests'}", f"--confcutdir={KIT}")
    command = [sys.executable, "-m", "pytest", *OPTIONS, *alone, *places]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode in {0, 1}, done.stdout + done.stderr
    return json.loads((tmp_path / "report.json").read_text())


@pytest.mark.parametrize("group", GROUPS)
def test_each_liar_fails_exactly_the_rule_that_it_breaks(tmp_path, group):
    """Each failure says what to change. An honest provider passes all, skipping none; a reason excuses."""
    file, liars = GROUPS[group]
    expected = liars()
    found = run(tmp_path, file, expected)
    failures = {
        suite: {test: outcomes for test, outcomes in tests.items() if any(o == "failed" for o, _ in outcomes)}
        for suite, tests in found.items()
    }
    assert {suite: set(failed) for suite, failed in failures.items()} == {
        suite: {rule} - {""} for suite, rule in expected.items()
    }
    for honest in {"TestHonestSync", "TestHonestBatch"} & found.keys():
        assert {outcome for outcomes in found[honest].values() for outcome, _ in outcomes} == {"passed"}
    if "TestExcused" in found:
        assert found["TestExcused"]["test_order_is_kept"] == [["xfailed", ""]]
    told = [
        text for failed in failures.values() for outcomes in failed.values() for _, text in outcomes if text
    ]
    assert told
    for text in told:
        for word in ("rule:", "found:", "change:"):
            assert word in text


@pytest.mark.parametrize(
    ("suite", "liars"),
    [(PluginSuite, plugin_liars), (SyncEmbedderSuite, sync_liars), (BatchEmbedderSuite, batch_liars)],
)
def test_every_rule_has_a_liar(suite, liars):
    """A rule that no liar breaks may be one that nobody can break."""
    shared = set(rules_of(SyncEmbedderSuite)) & set(rules_of(BatchEmbedderSuite))
    broken = set(liars().values()) | (shared if suite is not SyncEmbedderSuite else set())
    assert set(rules_of(suite)) - broken == set()
    assert set(liars().values()) - {""} <= set(rules_of(suite))
