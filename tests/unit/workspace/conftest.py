"""Workspaces in a folder of their own, without the plugins that happen to be installed."""

from __future__ import annotations

import pytest

from embedlane.config.settings import load_config
from embedlane.workspace.workspace import Workspace


@pytest.fixture
def workspace(tmp_path):
    """A function that opens the workspace of the test's folder, with the configuration *toml*."""
    opened = []

    def workspace(toml="", **options):
        (tmp_path / "embedlane.toml").write_text(toml)
        config = load_config(tmp_path, environment={"EMBEDLANE_PLUGINS": ""})
        opened.append(Workspace.open(config=config))
        for name, value in options.items():
            setattr(opened[-1], name, value)
        return opened[-1]

    yield workspace
    for each in opened:
        each.close()
