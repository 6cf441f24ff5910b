"""Opening a route: the one place where a plugin's SDK is imported."""

from __future__ import annotations

import pkgutil
from typing import TYPE_CHECKING, Any, cast

from embedlane.errors import EmbedlaneError, MissingDependencyError, PluginError
from embedlane.text.tokens import EstimatedCounter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from embedlane.providers.interfaces import (
        BatchEmbedder,
        BatchGenerator,
        OpenContext,
        RequestForm,
        ServiceContext,
        SyncEmbedder,
    )
    from embedlane.providers.route import Route
    from embedlane.providers.values import Observation
    from embedlane.text.tokens import TokenCounter

_PLUGIN_FAULT = "This is a fault of the plugin; `embedlane plugins` names its distribution and version."


def open_sync(route: Route, context: OpenContext) -> SyncEmbedder:
    """Open the sync lane that *route* declares.

    Raises:
        MissingDependencyError: If the SDK behind it is not installed.
        PluginError: If the factory can't be found or fails.
        EmbedlaneError: What the factory itself raises, such as CredentialError.
    """
    return cast("SyncEmbedder", _open(route, route.factory, context))


def open_batch(route: Route, context: OpenContext) -> BatchEmbedder:
    """Open the batch lane that *route* declares. Raises what `open_sync` does."""
    return cast("BatchEmbedder", _open(route, route.factory, context))


def open_generator(route: Route, context: ServiceContext) -> BatchGenerator:
    """Open the batch lane of a model that generates. Raises what `open_sync` does."""
    return cast("BatchGenerator", _open(route, route.factory, context))


def open_form(route: Route, context: ServiceContext) -> RequestForm:
    """Open what knows the API's requests. Raises what `open_sync` does."""
    if not route.form:
        raise PluginError(
            f"The route of provider {route.provider} for {context.card.id} has no form of requests.",
            _PLUGIN_FAULT,
        )
    return cast("RequestForm", _open(route, route.form, context))


def open_counter(route: Route | None, context: OpenContext) -> TokenCounter:
    """Open the token counter of *route*, or make one that estimates where there is none."""
    if route is None or not route.counter:
        return EstimatedCounter(context.card.characters_per_token)
    return cast("TokenCounter", _open(route, route.counter, context))


def open_checkup(route: Route, context: OpenContext) -> Sequence[Observation]:
    """Look at what *route* needs; nothing where its plugin has no check-up. Raises what `open_sync` does."""
    # Made a tuple inside the guard: a generator runs only then.
    return _open(route, route.checkup, context, tuple) if route.checkup else ()


def _open(
    route: Route, factory: str, context: ServiceContext, finish: Callable[[Any], Any] = lambda opened: opened
) -> Any:
    try:
        opened = finish(pkgutil.resolve_name(factory)(context))
    except EmbedlaneError:
        raise
    except ImportError as error:
        raise MissingDependencyError(
            f"Provider {route.provider} can't be opened: {error}.",
            f"Run: {route.install}" if route.install else "Install what the plugin's README names.",
        ) from error
    except Exception as error:
        raise PluginError(
            f"Provider {route.provider} failed to open ({factory}): {type(error).__name__}: {error}.",
            _PLUGIN_FAULT,
        ) from error
    if opened is None:
        raise PluginError(f"Provider {route.provider} failed to open: {factory} gave None.", _PLUGIN_FAULT)
    return opened
