"""Finding and loading plugins, so that a broken one never stops the others.

Each entry point is loaded, registered and asked for its declarations under a guard of its own. What fails
becomes a `BrokenPlugin`; it is shown by ``embedlane plugins`` and matters only to who needs it.
"""

from __future__ import annotations

from collections import defaultdict
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

import attrs
import pluggy

from embedlane.errors import EmbedlaneError, PluginError
from embedlane.models.card import Card
from embedlane.plugin import hookspecs
from embedlane.plugin.selection import PluginSelection
from embedlane.providers.route import Route
from embedlane.text.enrichers import Enricher

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_T = TypeVar("_T")

#: Name and version of a distribution that isn't known.
_NOBODY = ("?", "?")


@attrs.frozen(kw_only=True)
class Plugin:
    """A plugin that loaded."""

    #: The name of its entry point.
    name: str
    #: The distribution it came with.
    distribution: str
    #: That distribution's version.
    version: str
    #: The hooks it implements.
    hooks: tuple[str, ...]
    #: What pluggy registered: its module.
    module: Any = attrs.field(repr=False, eq=False)


@attrs.frozen(kw_only=True)
class BrokenPlugin:
    """A plugin that is installed but can't be used."""

    #: The name of its entry point.
    name: str
    #: The distribution, or distributions, it came with.
    distribution: str
    #: That distribution's version, or theirs in the same order.
    version: str
    #: What is wrong with it.
    reason: str


@attrs.frozen(kw_only=True)
class Plugins:
    """All that discovery found."""

    #: Those that loaded, by name.
    loaded: tuple[Plugin, ...]
    #: Those that did not, by name.
    broken: tuple[BrokenPlugin, ...]
    #: Names of those that were not wanted.
    disabled: tuple[str, ...]
    #: pluggy's manager, for hooks that are called later.
    manager: pluggy.PluginManager = attrs.field(repr=False, eq=False)

    def declarations(self) -> Declarations:
        """Ask every plugin for what it declares; one that fails declares nothing."""
        models, routes, enrichers, broken = [], [], [], list(self.broken)
        for plugin in self.loaded:
            try:
                cards = self._declared(plugin, "embedlane_models", Card)
                offers = self._declared(plugin, "embedlane_routes", Route)
                asking = self._declared(plugin, "embedlane_enrichers", Enricher)
            except _Fault as fault:
                broken.append(_broken(plugin, str(fault)))
                continue
            models.append((plugin.name, cards))
            routes.append((plugin.name, offers))
            enrichers.append((plugin.name, asking))
        return Declarations(
            models=tuple(models), routes=tuple(routes), enrichers=tuple(enrichers), broken=tuple(broken)
        )

    def _declared(self, plugin: Plugin, hook: str, kind: type[_T]) -> tuple[_T, ...]:
        others = [other.module for other in self.loaded if other is not plugin]
        call = self.manager.subset_hook_caller(hook, others)
        # Iterated inside the guard: a generator runs only then.
        values = _guarded(hook, lambda: tuple(value for values in call() for value in values))
        for value in values:
            if not isinstance(value, kind):
                raise _Fault(f"{hook} returned {value!r} where a {kind.__name__} is expected")
        return tuple(values)

    def credential(self, provider: str) -> str | None:
        """Ask the plugins for the secret of *provider*; None if none knows it.

        Raises:
            PluginError: If a plugin fails, or answers with something other than a text.
            EmbedlaneError: What a plugin itself raises, such as CredentialError.
        """
        try:
            secret = self.manager.hook.embedlane_credential(provider=provider)
        except EmbedlaneError:
            raise
        except Exception as error:
            raise self._no_credential(provider, f"failed: {type(error).__name__}: {error}") from error
        if secret is None or isinstance(secret, str):
            return secret
        # The value itself may be a secret.
        raise self._no_credential(provider, f"returned a {type(secret).__name__}, not a text")

    def _no_credential(self, provider: str, what: str) -> PluginError:
        owners = [plugin.name for plugin in self.loaded if "embedlane_credential" in plugin.hooks]
        return PluginError(
            f"embedlane_credential for provider '{provider}' {what}; it is implemented by {_listed(owners)}.",
            f"Leave a plugin out with EMBEDLANE_PLUGINS={','.join(f'-{name}' for name in owners)}.",
        )


@attrs.frozen(kw_only=True)
class Declarations:
    """What the plugins declare, each group with the name of its owner."""

    #: Cards by owner.
    models: tuple[tuple[str, tuple[Card, ...]], ...]
    #: Routes by owner.
    routes: tuple[tuple[str, tuple[Route, ...]], ...]
    #: Plugins that can't be used, those that failed only when asked included.
    broken: tuple[BrokenPlugin, ...]
    #: Enrichers by owner.
    enrichers: tuple[tuple[str, tuple[Enricher, ...]], ...] = ()


class _Fault(Exception):
    """Why a plugin can't be used."""


@attrs.define
class _Loader:
    manager: pluggy.PluginManager = attrs.field(factory=lambda: pluggy.PluginManager(hookspecs.PROJECT))
    loaded: list[Plugin] = attrs.field(factory=list)
    broken: list[BrokenPlugin] = attrs.field(factory=list)
    disabled: list[str] = attrs.field(factory=list)

    def load(self, name: str, candidates: list[EntryPoint], selection: PluginSelection) -> None:
        if not selection.wants(name):
            self.disabled.append(name)
            return
        owners = [_owner(entry) for entry in candidates] or [_NOBODY]
        names = _listed(owner for owner, _ in owners)
        try:
            if not candidates:
                raise _Fault("it is asked for, and no installed distribution has a plugin of that name")
            if len(candidates) > 1:
                raise _Fault(f"the name is taken by several distributions: {names}; uninstall all but one")
            module = _guarded("its import", candidates[0].load)
            self.add(name, module, *owners[0])
        except _Fault as fault:
            version = ", ".join(version for _, version in sorted(owners))
            self.broken.append(
                BrokenPlugin(name=name, distribution=names, version=version, reason=str(fault))
            )

    def add(self, name: str, module: Any, distribution: str, version: str) -> None:
        _require_marks(module)
        # Not left to pluggy: what follows its refusal would unregister the good one.
        if self.manager.is_registered(module):
            raise _Fault(f"it is the same module as plugin {self.manager.get_name(module)}")
        try:
            _guarded("its registration", lambda: self.manager.register(module, name))
            hooks = self._hooks(module)
        except _Fault:
            if self.manager.is_registered(module):
                self.manager.unregister(module)
            raise
        self.loaded.append(
            Plugin(name=name, distribution=distribution, version=version, hooks=hooks, module=module)
        )

    def _hooks(self, module: Any) -> tuple[str, ...]:
        names = sorted(caller.name for caller in self.manager.get_hookcallers(module) or ())
        known = set(hook_names())
        if not names:
            raise _Fault(f"it implements no hook; the hooks are {_listed(known)}")
        for name in names:
            if name not in known:
                raise _Fault(
                    f"it implements {name}, and there is no such hook; the hooks are {_listed(known)}"
                )
        return tuple(names)


def discover(selection: PluginSelection | None = None) -> Plugins:
    """Load every installed plugin that *selection* wants; one that it names must be installed."""
    selection = selection or PluginSelection()
    loader = _Loader()
    loader.manager.add_hookspecs(hookspecs)
    by_name: dict[str, list[EntryPoint]] = defaultdict(list)
    for entry in entry_points(group=hookspecs.PROJECT):
        by_name[entry.name].append(entry)
    for name in sorted({*by_name, *(selection.only or ())}):
        loader.load(name, _distinct(by_name.get(name, [])), selection)
    return Plugins(
        loaded=tuple(loader.loaded),
        broken=tuple(loader.broken),
        disabled=tuple(loader.disabled),
        manager=loader.manager,
    )


def _broken(plugin: Plugin, reason: str) -> BrokenPlugin:
    return BrokenPlugin(
        name=plugin.name, distribution=plugin.distribution, version=plugin.version, reason=reason
    )


def hook_names() -> tuple[str, ...]:
    """Names of all hooks."""
    return tuple(sorted(name for name in vars(hookspecs) if name.startswith(f"{hookspecs.PROJECT}_")))


def _guarded(step: str, call: Callable[[], Any]) -> Any:
    try:
        return call()
    except (KeyboardInterrupt, MemoryError):
        raise
    except BaseException as error:  # a plugin may even call sys.exit() at import
        raise _Fault(f"{step} failed: {type(error).__name__}: {error}") from error


def _require_marks(module: Any) -> None:
    """Catch a hook without its marker: pluggy would pass over it in silence."""
    if not isinstance(module, ModuleType):
        return
    for name in hook_names():
        function = vars(module).get(name)
        if callable(function) and not hasattr(function, f"{hookspecs.PROJECT}_impl"):
            raise _Fault(f"{name} is not marked with @hookimpl (from embedlane.plugin import hookimpl)")


def _distinct(candidates: list[EntryPoint]) -> list[EntryPoint]:
    """One entry point for each distribution: an editable install can be listed twice."""
    return list({_owner(entry): entry for entry in candidates}.values())


def _owner(entry: EntryPoint) -> tuple[str, str]:
    # A half-removed distribution has no metadata, which typeshed doesn't know.
    return (entry.dist.name or "?", entry.dist.version or "?") if entry.dist else _NOBODY


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
