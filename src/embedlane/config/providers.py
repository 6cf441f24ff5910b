"""``[providers.NAME]``: the keys that the core reads; all others are the plugin's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from embedlane.models.names import ModelId
from embedlane.models.structuring import structure

if TYPE_CHECKING:
    from embedlane.config.settings import Config

_POSITIVE = attrs.validators.optional(attrs.validators.gt(0))


@attrs.frozen(kw_only=True)
class ProviderSettings:
    """Keys that every provider's table may have."""

    #: The provider that this one is another of: its plugin, under a name, an address and a key of its own.
    kind: str = ""
    #: The models it serves; those of its kind if left out. For tables with a `kind` only.
    models: tuple[ModelId, ...] = ()
    #: Requests that may be under way at once.
    concurrency: int | None = attrs.field(default=None, validator=_POSITIVE)
    #: Calls in a minute.
    requests_per_minute: int | None = attrs.field(default=None, validator=_POSITIVE)
    #: Texts in a minute.
    texts_per_minute: int | None = attrs.field(default=None, validator=_POSITIVE)
    #: Estimated tokens in a minute.
    tokens_per_minute: int | None = attrs.field(default=None, validator=_POSITIVE)
    #: The variable of the environment that holds the secret.
    api_key_env: str = ""
    #: Whether batch jobs and their files stay at the provider when their vectors are stored here.
    keep_remote: bool = False
    #: The most rows in one batch job; smaller jobs give early results early.
    max_rows_per_job: int | None = attrs.field(default=None, validator=_POSITIVE)
    #: The most estimated tokens in all batch jobs that have not ended, as your tier has it.
    max_enqueued_tokens: int | None = attrs.field(default=None, validator=_POSITIVE)
    #: The most batch jobs at a time.
    max_concurrent_jobs: int | None = attrs.field(default=None, validator=_POSITIVE)


@attrs.frozen(kw_only=True)
class _Tables:
    """The providers' tables, so that an error has the whole path of its key."""

    providers: dict[str, ProviderSettings]


_COMMON = frozenset(field.name for field in attrs.fields(ProviderSettings))


def common_settings(config: Config, provider: str) -> ProviderSettings:
    """The keys of the provider's table that the core reads.

    Raises:
        ConfigError: If one has a wrong value; the message has its path.
    """
    table = config.providers.get(provider, {})
    common = {key: value for key, value in table.items() if key in _COMMON}
    return structure({"providers": {provider: common}}, _Tables, config.place).providers[provider]


def own_settings(config: Config, provider: str) -> dict[str, Any]:
    """The provider's table without the keys of the core, which the plugin need not know."""
    table = config.providers.get(provider, {})
    return {key: value for key, value in table.items() if key not in _COMMON}
