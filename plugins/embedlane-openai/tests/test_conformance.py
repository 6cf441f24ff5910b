"""The plugin against embedlane's rules for plugins: OpenAI's service, and a server of somebody's own."""

import contextlib
from types import SimpleNamespace

import httpx
import openai
import pytest

import embedlane_openai
from embedlane.models.card import Dimensions, InputLimits, ModelCard
from embedlane.testing import BatchEmbedderSuite, PluginSuite, Subject, SyncEmbedderSuite, Translation
from embedlane_openai._errors import Translator
from embedlane_openai._provider import Provider
from embedlane_openai._status import Call

#: A model that nobody ships, on a server that serves its own sizes only.
OWN = ModelCard(
    id="acme:words",
    lanes=("sync", "batch"),
    dimensions=Dimensions(native=64, smallest=2, matryoshka=True),
    limits=InputLimits(inputs_per_request=32),
)


REQUEST = httpx.Request("POST", "http://x/v1")
RESPONSE = httpx.Response(503, request=REQUEST)
#: What the constructors of the SDK's and the transport's exceptions take, one of these each.
ARGUMENTS = (
    {"message": "told", "response": RESPONSE, "body": None},
    {"response": RESPONSE, "body": None},
    {"message": "told", "request": REQUEST, "body": None},
    {"message": "told", "request": REQUEST, "response": RESPONSE},
    {"request": REQUEST},
    {"completion": SimpleNamespace(usage=None)},
    {"message": "told", "unsent_messages": []},
)


def made(kind):
    """An exception with the first arguments that it takes; None if the kit can make it."""
    for arguments in ARGUMENTS:
        with contextlib.suppress(TypeError):
            return kind(**arguments)
    return None


@pytest.fixture
def service(openai_emulator):
    """The emulator, with jobs that end at once."""
    openai_emulator.configure(pending=0, running=0, finalizing=0, cancelling=0)
    return openai_emulator


@pytest.fixture
def subject(service):
    """OpenAI's service, with several texts in a line."""
    settings = {"base_url": service.base_url, "texts_per_line": 3}
    return Subject.of(
        embedlane_openai,
        "openai:text-embedding-3-small",
        provider="openai",
        dimensions=512,
        settings=settings,
        service=service,
    )


@pytest.fixture
def own(service):
    """A compatible server that can't do much."""
    service.configure(
        models={"words": 64}, own_models=False, keyless=True, dimensions="refuse", base64="floats"
    )
    return Subject.of(
        embedlane_openai,
        "acme:words",
        provider="openai-compatible",
        card=OWN,
        dimensions=16,
        settings={"base_url": service.base_url, "send_dimensions": False},
        service=service,
    )


class TestPlugin(PluginSuite):
    """The entry module and the table of errors."""

    plugin = embedlane_openai

    @pytest.fixture
    def translation(self):
        """Every exception of the SDK and its transport, as the plugin translates them."""
        call = Call(Provider("openai"), "embed a text", "m")
        return Translation(
            modules=(
                openai,
                httpx,
            ),  # the package itself is lazy, and grows while it is looked at
            translate=lambda error: Translator(("a-secret",)).translate(call, error),
            make=made,
        )


class TestSync(SyncEmbedderSuite):
    """OpenAI's sync lane."""


class TestBatch(BatchEmbedderSuite):
    """OpenAI's batch lane."""


class TestServerSync(SyncEmbedderSuite):
    """The sync lane of a compatible server."""

    @pytest.fixture
    def subject(self, own):
        """The server in place of OpenAI's service."""
        return own


class TestServerBatch(BatchEmbedderSuite):
    """The batch lane of a compatible server."""

    @pytest.fixture
    def subject(self, own):
        """The server in place of OpenAI's service."""
        return own
