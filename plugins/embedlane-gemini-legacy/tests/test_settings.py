"""The provider's table: strict, with the path of the key in each error."""

import pytest

from embedlane.errors import ConfigError
from embedlane_gemini_legacy._settings import SERVICE, LegacySettings


def test_an_empty_table_means_rest_to_googles_service():
    """Nothing has to be set."""
    settings = LegacySettings.of({})
    assert (settings.transport, settings.base_url, settings.timeout) == ("rest", SERVICE, 60.0)
    assert settings.encrypted


def test_a_slash_at_the_end_of_an_address_is_dropped():
    """Two ways to write one address are one address."""
    assert (
        LegacySettings.of({"base_url": "http://localhost:80/gemini/"}).base_url
        == "http://localhost:80/gemini"
    )


def test_keys_of_the_core_are_no_errors():
    """A core that hands its own keys on is not refused."""
    LegacySettings.of({"concurrency": 2, "api_key_env": "MY_KEY", "texts_per_minute": 9})


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (
            {"tranport": "rest"},
            "providers.gemini-legacy.tranport: there is no such setting. Did you mean 'transport'",
        ),
        ({"zzz": 1}, "It can be one of: base_url, proxy, timeout, transport."),
        ({"transport": "http"}, "providers.gemini-legacy.transport: 'http' is not 'rest' or 'grpc'."),
        ({"transport": ["rest"]}, "is not 'rest' or 'grpc'"),
        ({"timeout": "5"}, "providers.gemini-legacy.timeout: '5' is not a number of seconds."),
        ({"timeout": True}, "is not a number of seconds"),
        ({"timeout": 0}, "above zero"),
        ({"timeout": -1.5}, "above zero"),
        ({"timeout": float("inf")}, "above zero"),
        ({"timeout": float("nan")}, "above zero"),
        ({"base_url": 8085}, "providers.gemini-legacy.base_url: 8085 is not an address"),
        ({"base_url": "127.0.0.1:8085"}, "is not an address"),
        ({"base_url": "ftp://host"}, "is not an address"),
        ({"base_url": "http://"}, "is not an address"),
        ({"base_url": "http://host:port"}, "is not an address"),
        ({"base_url": "http://[half"}, "is not an address"),
        ({"base_url": "http://ho st"}, "is not an address"),
        ({"base_url": "http://host/?key=1"}, "without '?' and '#'"),
        ({"base_url": "http://host/v1beta/"}, "without the API's version"),
        ({"proxy": ""}, "providers.gemini-legacy.proxy: '' is not an address"),
        ({"transport": "grpc", "base_url": "http://host/gemini"}, "an address without a path"),
        ({"transport": "grpc", "proxy": "http://host:1"}, "set the variable https_proxy"),
    ],
)
def test_a_setting_that_cant_be_right_is_named(table, words):
    """The error names the key's path, the value and what would be right."""
    with pytest.raises(ConfigError) as caught:
        LegacySettings.of(table)
    assert words in str(caught.value)


@pytest.mark.parametrize("key", ["base_url", "proxy"])
def test_a_password_in_an_address_is_refused_and_not_repeated(key):
    """Addresses are shown in errors, so they may hold no secret."""
    with pytest.raises(ConfigError, match="a user name or a password") as caught:
        LegacySettings.of({key: "http://me:hunter2@host:1"})
    assert "hunter2" not in str(caught.value)
