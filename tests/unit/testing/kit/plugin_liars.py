"""Entry modules that each break one rule, and the suite that judges each.

A liar is the honest module with something replaced. All are written, with the metadata of a distribution,
into the folder that KIT_PLUGINS names.
"""

import importlib
import os
import sys

import attrs
import pytest

from embedlane.plugin import RequestRefusedError
from embedlane.testing import PluginSuite, Translation

HONEST = '''"""A plugin."""
from embedlane.plugin import Dimensions, ModelCard, Route, hookimpl

@hookimpl
def embedlane_models():
    return [ModelCard(id="NAME:words", lanes={"sync"}, dimensions=Dimensions(native=8))]

@hookimpl
def embedlane_routes():
    return [
        Route(
            provider="NAME",
            models=["NAME:words"],
            lane="sync",
            factory="liars_code:open_it",
            credentials=("ACME_KEY",),
            install="pip install acme",
        )
    ]
'''
CODE = "def open_it(context): ...\ndef open_nothing(): ...\n"


@attrs.frozen
class Liar:
    """A module that breaks a rule."""

    #: The rule.
    breaks: str
    #: What is replaced.
    old: str = ""
    #: By what.
    new: str = ""
    #: Whether its distribution has an entry point.
    found: bool = True


LIARS = {
    "honest": Liar(""),
    "unfound": Liar("test_the_plugin_is_found", found=False),
    "unmarked": Liar("test_the_plugin_is_found", "@hookimpl\ndef embedlane_routes", "def embedlane_routes"),
    "talkative": Liar("test_hooks_return_declarations", "    return [\n", "    return ['a route',\n"),
    "empty": Liar(
        "test_hooks_return_declarations",
        "    return [\n        Route",
        "    return []\n    return [\n        Route",
    ),
    "heavy": Liar(
        "test_the_entry_module_is_light", "from embedlane.plugin", "import numpy\nfrom embedlane.plugin"
    ),
    "inside": Liar(
        "test_the_entry_module_is_light",
        "from embedlane.plugin",
        "import embedlane.workspace.workspace\nfrom embedlane.plugin",
    ),
    "misdirected": Liar("test_import_strings_lead_to_functions", "open_it", "open_other"),
    "argless": Liar("test_import_strings_lead_to_functions", "open_it", "open_nothing"),
    "orphaned": Liar(
        "test_every_model_has_a_card", 'models=["NAME:words"]', 'models=["NAME:words", "NAME:text"]'
    ),
    "eager": Liar("test_lanes_are_those_of_the_card", 'lane="sync"', 'lane="batch"'),
    "copying": Liar("test_declarations_contradict_nobody", 'id="NAME:words"', 'id="local:hash"'),
    "intruding": Liar(
        "test_declarations_contradict_nobody",
        'provider="NAME",\n            models=["NAME:words"]',
        'provider="hash",\n            models=["local:hash"]',
    ),
    "indiscreet": Liar("test_credentials_are_names_of_variables", '"ACME_KEY"', '"sk-123"'),
    "unhelpful": Liar("test_missing_packages_can_be_installed", 'install="pip install acme"', 'install=""'),
}
assert all(liar.old in HONEST for liar in LIARS.values())


def write(folder):
    """Write all modules, and what an installation leaves of them."""
    (folder / "liars_code.py").write_text(CODE)
    for name, liar in LIARS.items():
        module = f"liars_{name}"
        source = HONEST.replace(liar.old, liar.new) if liar.old else HONEST
        if name == "copying":
            source = source.replace('models=["NAME:words"]', 'models=["local:hash"]')
        (folder / f"{module}.py").write_text(source.replace("NAME", f"acme-{name}"))
        metadata = folder / f"{module}-1.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {module}\nVersion: 1\n"
            "Requires-Dist: embedlane>=0.1\nRequires-Dist: acme>=1 ; python_version > '3'\n"
            "Requires-Dist: more ; extra == 'more'\n"
        )
        if liar.found:
            (metadata / "entry_points.txt").write_text(f"[embedlane]\nacme-{name} = {module}\n")


class AcmeError(Exception):
    """Of an SDK."""


class AcmeTimeout(AcmeError):
    """Of the same."""


class AcmeStatusError(AcmeError):
    """One that a message is not enough for."""

    def __init__(self, message, *, response):
        super().__init__(message)
        self.response = response


class Sdk:
    """Stands for a module."""

    AcmeError = AcmeError
    AcmeTimeout = AcmeTimeout
    AcmeStatusError = AcmeStatusError
    AcmeWarning = DeprecationWarning


def make(kind):
    """An exception that wants a response."""
    return kind("no", response=404) if kind is AcmeStatusError else None


def honest(error):
    """A translation that knows all."""
    return RequestRefusedError(str(error))


def partial(error):
    """One that does not know timeouts."""
    if isinstance(error, AcmeTimeout):
        raise error
    raise RequestRefusedError(str(error))


#: Translations, with the rule that each breaks.
TRANSLATIONS = {
    "translating": ("", Translation(modules=(Sdk,), translate=honest, make=make)),
    "partial": ("test_sdk_errors_are_translated", Translation(modules=(Sdk,), translate=partial, make=make)),
    "unmakable": ("test_sdk_errors_are_translated", Translation(modules=(Sdk,), translate=honest)),
}


def judged(module, translation=None):
    """The suite that judges *module*."""
    own = {"plugin": module}
    if translation is not None:
        own["translation"] = pytest.fixture(lambda self: translation)
    return type("Judged", (PluginSuite,), own)


if "KIT_PLUGINS" in os.environ:
    sys.path.insert(0, os.environ["KIT_PLUGINS"])
    for name in LIARS:
        globals()[f"Test{name.title()}"] = judged(importlib.import_module(f"liars_{name}"))
    for name, (_, translation) in TRANSLATIONS.items():
        globals()[f"Test{name.title()}"] = judged(importlib.import_module("liars_honest"), translation)
