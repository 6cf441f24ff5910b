"""The conformance kit: rules for plugins, as classes of tests to subclass. Needs ``embedlane[testing]``."""

from embedlane.testing.batch_suite import BatchEmbedderSuite
from embedlane.testing.plugin_suite import PluginSuite
from embedlane.testing.subject import Service, Subject, Translation
from embedlane.testing.sync_suite import SyncEmbedderSuite

__all__ = ["BatchEmbedderSuite", "PluginSuite", "Service", "Subject", "SyncEmbedderSuite", "Translation"]
