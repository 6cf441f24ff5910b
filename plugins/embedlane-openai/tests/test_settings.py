"""The provider's table: what it may hold, and what is said of anything else."""

import pytest

from embedlane.errors import ConfigError
from embedlane.models.names import ModelId
from embedlane_openai._provider import Provider
from embedlane_openai._settings import Encoding, OpenAISettings

OPENAI = Provider("openai")
SERVER = Provider("my-vllm", compatible=True)


def read(provider=OPENAI, **table):
    """The settings that *table* makes."""
    return OpenAISettings.read(provider, table)


def test_nothing_has_to_be_set():
    """An empty table is OpenAI's own service."""
    settings = read()
    assert (settings.base_url, settings.timeout, settings.texts_per_line) == (None, 60.0, 1)
    assert (settings.send_dimensions, settings.encoding) == (True, Encoding.BASE64)


def test_all_keys_are_read():
    """Each key does what the README says."""
    settings = read(
        base_url="http://127.0.0.1:1/v1",
        organization="org-1",
        project="proj_1",
        proxy="http://u:p@127.0.0.1:2",
        timeout=5,
        texts_per_line=16,
        send_dimensions=False,
        encoding="float",
        task_parameter="input_type",
        names={"acme:small": "acme/small v2"},
    )
    assert settings.name(ModelId.parse("acme:small")) == "acme/small v2"
    assert settings.name(ModelId.parse("acme:other")) == "other"
    assert (settings.timeout, settings.texts_per_line, settings.encoding) == (5.0, 16, Encoding.FLOAT)
    assert (settings.organization, settings.project) == ("org-1", "proj_1")
    assert "p@" not in repr(settings)


@pytest.mark.parametrize(
    ("table", "found"),
    [
        ({"base_ulr": "x"}, "base_ulr: there is no such setting"),
        ({"base_url": "127.0.0.1:8000"}, "base_url: '127.0.0.1:8000' is not a URL"),
        ({"base_url": "ftp://x/v1"}, "base_url"),
        ({"base_url": "http://x/v1 "}, "base_url"),
        ({"base_url": "http://u:p@x/v1"}, "base_url: its value is not a URL without a user"),
        ({"base_url": "http://x:port/v1"}, "base_url"),
        ({"base_url": "https://me.openai.azure.com/openai/v1"}, "does not support Azure OpenAI"),
        ({"proxy": "hush"}, "proxy: its value is not"),
        ({"timeout": True}, "timeout: True is not a number of seconds"),
        ({"timeout": 0}, "timeout: 0 is not between"),
        ({"timeout": float("nan")}, "timeout"),
        ({"texts_per_line": 0}, "texts_per_line: 0 is not a whole number from 1 to 2048"),
        ({"texts_per_line": 2049}, "texts_per_line"),
        ({"texts_per_line": 1.5}, "texts_per_line"),
        ({"send_dimensions": "yes"}, "send_dimensions: 'yes' is not true or false"),
        ({"encoding": "hex"}, "encoding: 'hex' is not 'base64' or 'float'"),
        ({"encoding": ["float"]}, "encoding"),
        ({"organization": "a b"}, "organization"),
        ({"names": "x"}, "names: 'x' is not a table"),
        ({"names": {"small": "x"}}, "names: 'small' is not a model id"),
        ({"names": {"acme:small": ""}}, 'names."acme:small"'),
    ],
)
def test_what_cannot_be_right_is_named_with_its_path(table, found):
    """The message has the whole path of the key; secrets are not repeated."""
    with pytest.raises(ConfigError) as error:
        read(**table)
    assert error.value.message.startswith("providers.openai.")
    assert found in error.value.message
    assert error.value.hint
    assert "hush" not in str(error.value)


def test_a_slip_of_the_pen_is_guessed():
    """The nearest key is offered."""
    with pytest.raises(ConfigError, match="Did you mean 'send_dimensions'"):
        read(send_dimension=True)


def test_a_compatible_server_needs_an_address():
    """The path is that of the user's own table."""
    with pytest.raises(ConfigError, match=r"providers\.my-vllm\.base_url: it is missing"):
        read(SERVER)


@pytest.mark.parametrize("key", ["organization", "project"])
def test_a_compatible_server_knows_no_accounts(key):
    """What only OpenAI has is no setting of others."""
    with pytest.raises(ConfigError, match=rf"providers\.my-vllm\.{key}: there is no such setting"):
        read(SERVER, base_url="http://x/v1", **{key: "a"})
