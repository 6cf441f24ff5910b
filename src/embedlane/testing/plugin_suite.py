"""The suite for what a plugin declares. Nothing of it needs a service, a secret or a network."""

from __future__ import annotations

import inspect
import pkgutil
import re
from typing import TYPE_CHECKING, ClassVar

import pytest

from embedlane.errors import EmbedlaneError
from embedlane.models.card import Card
from embedlane.models.registry import Registry
from embedlane.plugin.discovery import discover
from embedlane.plugin.hookspecs import PROJECT
from embedlane.plugin.selection import PluginSelection
from embedlane.providers.builtin.routes import ROUTES
from embedlane.providers.route import Route
from embedlane.testing.entry import declared_by_others, entry_point_of, foreign_imports, requirements_of
from embedlane.testing.exceptions import exceptions_of, instance_of
from embedlane.testing.subject import core_cards, declared
from embedlane.testing.suite import Suite

if TYPE_CHECKING:
    from types import ModuleType

    from embedlane.testing.subject import Translation

_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*")
_OWN = "the plugin under test"


class PluginSuite(Suite):
    """All rules for the declarations of a plugin. Needs an attribute ``plugin``, the entry module."""

    #: The entry module: what the entry point names.
    plugin: ClassVar[ModuleType]

    @pytest.fixture
    def translation(self) -> Translation | None:
        """How the plugin translates its SDK's exceptions; override it to have each of them tried."""
        return None

    @pytest.fixture
    def routes(self) -> list[Route]:
        """The routes that the plugin declares."""
        return [route for route in declared(self.plugin, "embedlane_routes") if isinstance(route, Route)]

    @pytest.fixture
    def registry(self, routes: list[Route]) -> Registry[Route]:
        """What the core, all other plugins, and this one declare; this one as an owner apart."""
        others = declared_by_others(self.plugin)
        offered = [(owner, route) for owner, found in others.routes for route in found]
        cards = [card for card in declared(self.plugin, "embedlane_models") if isinstance(card, Card)]
        return Registry.build(
            [(PROJECT, core_cards()), *others.models, (_OWN, cards)],
            [*((PROJECT, route) for route in ROUTES), *offered, *((_OWN, route) for route in routes)],
        )

    def test_the_plugin_is_found(self) -> None:
        """An installed distribution has an entry point that leads to the plugin, and the plugin loads."""
        entry = entry_point_of(self.plugin)
        if entry is None:
            self.broken(
                f"no entry point of the group {PROJECT!r} leads to {self.plugin.__name__}",
                f'write NAME = "{self.plugin.__name__}" below [project.entry-points.{PROJECT}] in '
                "pyproject.toml, and install the distribution",
            )
        found = discover(PluginSelection(only=frozenset({entry.name})))
        reasons = [broken.reason for broken in found.broken]
        self.require(
            not reasons, f"{entry.name} is broken: {', '.join(reasons)}", "mend it: see `embedlane plugins`"
        )

    def test_hooks_return_declarations(self) -> None:
        """The hooks return cards and Routes, and at least one Route."""
        with self.succeeding("asking the hooks", "let the hooks raise nothing, whatever is installed or set"):
            routes = declared(self.plugin, "embedlane_routes")
            cards = declared(self.plugin, "embedlane_models")
        wrong = [each for each in routes if not isinstance(each, Route)]
        wrong += [each for each in cards if not isinstance(each, Card)]
        self.require(not wrong, f"among the declarations is {wrong[:1]}", "return Routes and cards only")
        self.require(
            routes, "embedlane_routes returns no route", "declare a Route for each lane that you serve"
        )

    def test_the_entry_module_is_light(self) -> None:
        """Asking for the declarations imports nothing but the standard library and embedlane.plugin."""
        with self.succeeding(
            "importing the entry module in a process of its own", "let it import without an SDK"
        ):
            found = foreign_imports(self.plugin)
        self.require(
            not found,
            f"importing {self.plugin.__name__} imports {', '.join(found)}",
            "move what needs them into another module, behind the import strings of the routes: each command "
            "loads the entry modules of all plugins",
        )

    def test_import_strings_lead_to_functions(self, routes: list[Route]) -> None:
        """Each factory, counter, check-up and form can be imported, and takes a context."""
        for text in sorted(
            {text for route in routes for text in (route.factory, route.counter, route.checkup, route.form)}
        ):
            if not text:
                continue
            with self.succeeding(
                f"importing {text}", "correct the import string, and install what the module needs"
            ):
                function = pkgutil.resolve_name(text)
            with self.succeeding(f"looking at {text}", "name a function of one argument, the OpenContext"):
                inspect.signature(function).bind(object())

    def test_every_model_has_a_card(self, registry: Registry[Route]) -> None:
        """Each model of a route has a card: the core's, or one that the plugin declares."""
        orphans = [str(orphan.model) for orphan in registry.orphans if orphan.owner == _OWN]
        self.require(
            not orphans,
            f"there is no card of {', '.join(orphans)}",
            "correct the name, or return a ModelCard for it from embedlane_models",
        )

    def test_lanes_are_those_of_the_card(self, routes: list[Route], registry: Registry[Route]) -> None:
        """A route serves a model only in a lane that the model's card has."""
        cards = {card.id: card for card in (*registry.models(), *registry.generators())}
        wrong = [
            f"{model} in the {route.lane} lane"
            for route in routes
            for model in route.models
            if model in cards and route.lane not in cards[model].lanes
        ]
        self.require(
            not wrong,
            f"a route serves {', '.join(wrong)}, which the card does not have",
            "take the model out of that route, or add the lane to your card",
        )

    def test_declarations_contradict_nobody(self, registry: Registry[Route]) -> None:
        """No card or route of the plugin differs from one that the core or another plugin declares."""
        found = [str(conflict) for conflict in registry.conflicts if _OWN in conflict.owners]
        self.require(
            not found,
            "; ".join(found),
            "leave out cards that the core has, and choose a provider id and model names of your own",
        )

    def test_credentials_are_names_of_variables(self, routes: list[Route]) -> None:
        """Credentials are names of environment variables, in capitals, and never secrets."""
        names = [name for route in routes for name in route.credentials]
        wrong = [name for name in names if not _VARIABLE.fullmatch(name)]
        self.require(
            not wrong,
            f"credentials hold {wrong}",
            "name the variables that the SDK itself reads, such as ACME_API_KEY, in its own order",
        )

    def test_missing_packages_can_be_installed(self, routes: list[Route]) -> None:
        """A route of a distribution that needs other packages says what to run when they are missing."""
        needed = requirements_of(entry_point_of(self.plugin))
        silent = sorted({f"{route.provider} ({route.lane})" for route in routes if not route.install})
        self.require(
            not (needed and silent),
            f"the distribution needs {', '.join(needed)}; no install stands in the route {', '.join(silent)}",
            "give the routes install='pip install …', which the error shows when the import fails",
        )

    def test_sdk_errors_are_translated(self, translation: Translation | None) -> None:
        """Every exception class that the SDK exports becomes an error of the core."""
        if translation is None:
            pytest.skip(
                "override the fixture translation, with a Translation of the SDK's modules, to run this"
            )
        for kind in exceptions_of(translation.modules):
            error = translation.make(kind) or instance_of(kind)
            if error is None:
                self.broken(f"the kit can't make a {kind.__name__}", "make one in Translation.make")
            try:
                result: object = translation.translate(error)
            except Exception as raised:
                result = raised
            self.require(
                isinstance(result, EmbedlaneError),
                f"{kind.__module__}.{kind.__name__} became {result!r}",
                "give the class, or one of its bases, a row in your table of errors",
            )
