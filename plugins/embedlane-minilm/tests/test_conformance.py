"""The plugin, judged by the kit for all plugins; it needs no service."""

import pytest

import embedlane_minilm
from embedlane.testing import BatchEmbedderSuite, PluginSuite, Subject, SyncEmbedderSuite


@pytest.fixture
def subject():
    """The model in both lanes, on one thread."""
    return Subject.of(embedlane_minilm, "local:all-minilm-l6-v2", settings={"threads": 1})


class TestPlugin(PluginSuite):
    """What it declares."""

    plugin = embedlane_minilm


class TestSync(SyncEmbedderSuite):
    """The sync lane."""


class TestBatch(BatchEmbedderSuite):
    """The batch lane."""

    many_rows = 40
    more_than_a_page = 20
