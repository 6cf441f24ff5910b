"""The plugin, judged by the kit for all plugins, against the emulator."""

import httpx2
import pytest
from google.genai import errors as sdk

import embedlane_gemini
from embedlane.testing import BatchEmbedderSuite, PluginSuite, Subject, SyncEmbedderSuite, Translation
from embedlane_gemini._errors import Translator
from embedlane_gemini._status import Call


@pytest.fixture(params=["google:gemini-embedding-001", "google:gemini-embedding-2"])
def subject(request, gemini_emulator):
    """A model that is told roles by a parameter, and one that is not."""
    gemini_emulator.configure(pending=0, running=0)
    settings = {"base_url": gemini_emulator.url}
    return Subject.of(
        embedlane_gemini, request.param, dimensions=256, settings=settings, service=gemini_emulator
    )


def make(kind):
    """An exception that wants more than a message; None if *kind* does not."""
    if issubclass(kind, sdk.APIError):
        return kind(503, {"error": {"code": 503, "message": "busy", "status": "UNAVAILABLE"}})
    if issubclass(kind, httpx2.HTTPStatusError):
        request = httpx2.Request("GET", "http://x")
        return kind("busy", request=request, response=httpx2.Response(503, request=request))
    return None


class TestPlugin(PluginSuite):
    """What it declares, and its table of errors."""

    plugin = embedlane_gemini

    @pytest.fixture
    def translation(self):
        """The table, over the SDK's exceptions and its transport's."""
        return Translation(
            modules=(sdk, httpx2),
            translate=lambda error: Translator(()).translate(Call("embed a text"), error),
            make=make,
        )


class TestSync(SyncEmbedderSuite):
    """The sync lane."""


class TestBatch(BatchEmbedderSuite):
    """The batch lane."""

    @pytest.fixture
    def subject(self, gemini_emulator):
        """One model: the lane does not tell them apart."""
        gemini_emulator.configure(pending=0, running=0)
        settings = {"base_url": gemini_emulator.url}
        model = "google:gemini-embedding-001"
        return Subject.of(embedlane_gemini, model, dimensions=256, settings=settings, service=gemini_emulator)
