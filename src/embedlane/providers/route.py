"""The declaration of a route: which provider serves which models in which lane."""

from __future__ import annotations

import re
from datetime import timedelta

import attrs

from embedlane.models.card import Lane
from embedlane.models.names import ModelId

_PROVIDER = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_IMPORT = re.compile(r"[\w.]+:[\w.]+")


def _model_ids(values: object) -> tuple[ModelId, ...]:
    return tuple(ModelId.parse(value) if isinstance(value, str) else value for value in _several(values))


def _several(values: object) -> tuple[str, ...]:
    # A plain text would be taken letter by letter.
    if not isinstance(values, (tuple, list, set, frozenset)):
        raise TypeError(f"expected a list, not {values!r}")
    return tuple(values)


def _check_provider(_route: Route, _attribute: attrs.Attribute[str], value: str) -> None:
    # It names a folder, a table of the configuration and, in capitals, a variable of the environment.
    if not _PROVIDER.fullmatch(value):
        raise ValueError(f"provider {value!r} is not made of small letters, digits and single hyphens")


def _check_import(_route: Route, attribute: attrs.Attribute[str], value: str) -> None:
    if not _IMPORT.fullmatch(value):
        raise ValueError(f"{attribute.name} {value!r} is not of the form package.module:function")


def _check_optional_import(route: Route, attribute: attrs.Attribute[str], value: str) -> None:
    if value:
        _check_import(route, attribute, value)


@attrs.frozen(kw_only=True)
class Route:
    """A provider's offer to serve some models in one lane.

    Several routes of one model write the same space. The SDK stays behind the import string, so that
    declaring a route costs nothing.
    """

    #: The provider's id, such as ``acme``; also its table in the configuration.
    provider: str = attrs.field(validator=_check_provider)
    #: The models it serves, as ``publisher:model``.
    models: tuple[ModelId, ...] = attrs.field(converter=_model_ids)
    #: The lane it serves them in.
    lane: Lane = attrs.field(converter=Lane)
    #: ``package.module:function``, called with an OpenContext; returns a SyncEmbedder or BatchEmbedder. For
    #: models that generate it is called with a ServiceContext and returns a BatchGenerator.
    factory: str = attrs.field(validator=_check_import)
    #: Environment variables that may hold the secret, in order; empty if none is needed.
    credentials: tuple[str, ...] = attrs.field(default=(), converter=_several)
    #: ``package.module:function``, called with an OpenContext; returns a TokenCounter.
    counter: str = attrs.field(default="", validator=_check_optional_import)
    #: ``package.module:function``, called with an OpenContext; yields an Observation for each thing it looked
    #: at, such as the key, the service, and what the service says of the model.
    checkup: str = attrs.field(default="", validator=_check_optional_import)
    #: ``package.module:function``, called with a ServiceContext; returns a RequestForm. For models that
    #: generate, which need one.
    form: str = attrs.field(default="", validator=_check_optional_import)
    #: What to run when the factory's module can't be imported, such as ``pip install 'x[onnx]'``.
    install: str = ""
    #: Requests that may be under way at once, unless the configuration says otherwise.
    concurrency: int = attrs.field(default=4, validator=attrs.validators.gt(0))
    #: Texts in a second, as measured by the plugin's author on texts of some 70 tokens; for plans.
    texts_per_second: float | None = attrs.field(
        default=None, validator=attrs.validators.optional(attrs.validators.gt(0))
    )
    #: How long a batch job usually takes, as the provider says; for plans.
    turnaround: timedelta | None = None
    #: Whether vectors are worth reaching for when nothing else is chosen; the highest wins.
    preference: int = 0
