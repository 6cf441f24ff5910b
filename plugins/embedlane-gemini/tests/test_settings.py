"""Reading ``[providers.gemini]``."""

import pytest

from embedlane.errors import ConfigError
from embedlane_gemini._settings import BatchInput, GeminiSettings


def test_the_defaults_are_those_of_the_service():
    """An empty table is a whole configuration."""
    settings = GeminiSettings.read({}, {})
    assert settings.base_url is None
    assert (settings.api_version, settings.timeout) == ("v1beta", 60.0)
    assert settings.batch_input is BatchInput.AUTO


def test_every_setting_is_read():
    """What is written is what is used."""
    table = {
        "base_url": "http://127.0.0.1:8085/x",
        "api_version": "v1",
        "proxy": "http://user:password@proxy:3128",
        "timeout": 5,
        "batch_input": "file",
        "vertexai": False,
    }
    settings = GeminiSettings.read(table, {"GOOGLE_GENAI_USE_VERTEXAI": "true"})
    assert (settings.base_url, settings.api_version, settings.proxy) == tuple(table.values())[:3]
    assert (settings.timeout, settings.batch_input) == (5.0, BatchInput.FILE)
    assert "password" not in repr(settings)


def test_keys_of_the_core_are_left_to_it():
    """What the core reads is no unknown setting."""
    GeminiSettings.read({"concurrency": 2, "api_key_env": "X", "max_rows_per_job": 5}, {})


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"base_ulr": "x"}, ("providers.gemini.base_ulr", "Did you mean 'base_url'?")),
        ({"zzz": 1}, ("providers.gemini.zzz", "It can be api_version")),
        ({"base_url": "127.0.0.1:8085"}, ("providers.gemini.base_url", "127.0.0.1:8085")),
        ({"base_url": 7}, ("providers.gemini.base_url",)),
        ({"base_url": "http://[x"}, ("providers.gemini.base_url",)),
        ({"base_url": "https://host/?key=s"}, ("providers.gemini.base_url", "belong elsewhere")),
        ({"api_version": "beta"}, ("providers.gemini.api_version",)),
        ({"timeout": 0}, ("providers.gemini.timeout",)),
        ({"timeout": True}, ("providers.gemini.timeout",)),
        ({"timeout": float("inf")}, ("providers.gemini.timeout",)),
        ({"timeout": 1e9}, ("providers.gemini.timeout", "3600")),
        ({"batch_input": "files"}, ("providers.gemini.batch_input", "'auto' or 'file' or 'inline'")),
        ({"proxy": "//user:secret@host"}, ("providers.gemini.proxy",)),
    ],
)
def test_a_setting_that_cannot_be_right_is_named(table, words):
    """The error has the key's path and what would be right, but no password."""
    with pytest.raises(ConfigError) as caught:
        GeminiSettings.read(table, {})
    assert all(word in str(caught.value) for word in words)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("table", "environment"),
    [
        ({"vertexai": True}, {}),
        ({}, {"GOOGLE_GENAI_USE_VERTEXAI": "True"}),
        ({}, {"GOOGLE_GENAI_USE_ENTERPRISE": "1"}),
    ],
)
def test_vertex_mode_is_refused(table, environment):
    """Vertex AI is another service; the refusal says so, and how to go on."""
    with pytest.raises(ConfigError, match=r"Developer API with an API key.*vertexai = false"):
        GeminiSettings.read(table, environment)
