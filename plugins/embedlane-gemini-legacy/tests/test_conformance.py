"""The plugin, judged by the kit for all plugins, against the emulator."""

import pytest

import embedlane_gemini_legacy
from embedlane.testing import PluginSuite, Subject, SyncEmbedderSuite


@pytest.fixture
def subject(gemini_emulator):
    """A model over REST."""
    settings = {"base_url": gemini_emulator.url}
    return Subject.of(
        embedlane_gemini_legacy, "google:gemini-embedding-001", dimensions=256, settings=settings
    )


class TestPlugin(PluginSuite):
    """What it declares."""

    plugin = embedlane_gemini_legacy


class TestSync(SyncEmbedderSuite):
    """The sync lane."""
