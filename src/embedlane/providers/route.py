"""The declaration of a route: which provider serves which models in which lane."""

from __future__ import annotations

from datetime import timedelta

import attrs

from embedlane.models.card import Lane
from embedlane.models.names import ModelId


def _model_ids(values: object) -> tuple[ModelId, ...]:
    assert isinstance(values, (tuple, list, set, frozenset)), values
    return tuple(ModelId.parse(value) if isinstance(value, str) else value for value in values)


@attrs.frozen(kw_only=True)
class Route:
    """A provider's offer to serve some models in one lane.

    Several routes of one model write the same space. The SDK stays behind the import string, so that
    declaring a route costs nothing.
    """

    #: The provider's id, such as ``gemini``; also its table in the configuration.
    provider: str
    #: The models it serves, as ``publisher:model``.
    models: tuple[ModelId, ...] = attrs.field(converter=_model_ids)
    #: The lane it serves them in.
    lane: Lane = attrs.field(converter=Lane)
    #: ``package.module:function``, called with an OpenContext; returns a SyncEmbedder or BatchEmbedder.
    factory: str = attrs.field(validator=attrs.validators.matches_re(r"[\w.]+:[\w.]+"))
    #: Environment variables that may hold the secret, in order; empty if none is needed.
    credentials: tuple[str, ...] = attrs.field(default=(), converter=tuple)
    #: ``package.module:function``, called with an OpenContext; returns a TokenCounter.
    counter: str = ""
    #: What to run when the factory's module can't be imported, such as ``pip install 'x[onnx]'``.
    install: str = ""
    #: Requests that may be under way at once, unless the configuration says otherwise.
    concurrency: int = attrs.field(default=4, validator=attrs.validators.gt(0))
    #: Texts in a second, as measured by the plugin's author on texts of some 70 tokens; for plans.
    texts_per_second: float | None = None
    #: How long a batch job usually takes, as the provider says; for plans.
    turnaround: timedelta | None = None
    #: Whether vectors are worth reaching for when nothing else is chosen; the highest wins.
    preference: int = 0
