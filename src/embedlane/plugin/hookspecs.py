"""The hooks: every way in which a plugin can add to embedlane.

Hooks return frozen declarations and never change anything; the core validates, sorts and finds conflicts.
Arguments may be left out of an implementation, so that hooks can grow.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    import click

    from embedlane.models.card import Card
    from embedlane.providers.route import Route
    from embedlane.text.enrichers import Enricher

#: pluggy's project name, and the group of the entry points.
PROJECT = "embedlane"

_hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@_hookspec
def embedlane_models() -> Iterable[Card]:  # type: ignore[empty-body]
    """Declare model cards: `ModelCard` for models that embed, `GenerationCard` for those that generate.

    Called when the registry is built, without network, SDK or secret. All results are collected. A card
    of a model that another plugin declares differently is a conflict, which is reported with both owners.

    Example::

        @hookimpl
        def embedlane_models():
            return [ModelCard(id="acme:embed-1", lanes={"sync"}, dimensions=Dimensions(native=512))]

    .. versionadded:: 0.1
    """


@_hookspec
def embedlane_routes() -> Iterable[Route]:  # type: ignore[empty-body]
    """Declare which models a provider serves, in which lane, and where the code for it is.

    Called when the registry is built, without network, SDK or secret. All results are collected.

    Example::

        @hookimpl
        def embedlane_routes():
            return [Route(provider="acme", models=["acme:embed-1"], lane="sync", factory="acme.sdk:open")]

    .. versionadded:: 0.1
    """


@_hookspec
def embedlane_enrichers() -> Iterable[Enricher]:  # type: ignore[empty-body]
    """Declare what a model can be asked of each chunk, for ``embedlane enrich INDEX --with NAME``.

    Called when an index is enriched, without network, SDK or secret. All results are collected. A name
    that is taken is a conflict, which is reported with both owners.

    Example::

        @hookimpl
        def embedlane_enrichers():
            prompt = "Name the laws that this is about: {chunk}"
            return [Enricher(name="laws", summary="the laws it is about", prompt=prompt)]

    .. versionadded:: 0.1
    """


@_hookspec(firstresult=True)
def embedlane_credential(provider: str) -> str | None:
    """Find the secret for *provider*.

    Called once for each opened route that needs a secret, before the first request. Stops at the first
    result that is not None; return None to let another plugin, and then the environment, answer.

    Args:
        provider: The provider's id, such as ``acme``.

    Example::

        @hookimpl
        def embedlane_credential(provider):
            return keyring.get_password("embedlane", provider)

    .. versionadded:: 0.1
    """


@_hookspec
def embedlane_cli(group: click.Group) -> None:
    """Add commands to the command line.

    Called when the command line starts and a name is not one of its own, or help is asked for. Results
    are ignored.

    Args:
        group: The ``embedlane`` group.

    Example::

        @hookimpl
        def embedlane_cli(group):
            group.add_command(my_command)

    .. versionadded:: 0.1
    """
