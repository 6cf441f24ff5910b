"""Discovery with real distributions: a folder with a module and its metadata, in a process of its own."""

import json
import os
import subprocess
import sys
from importlib.metadata import entry_points

import pytest

from embedlane.plugin.discovery import hook_names

HEAD = "from embedlane.plugin import Dimensions, Lane, ModelCard, Route, hookimpl\n"
GOOD = """
@hookimpl
def embedlane_models():
    yield ModelCard(id="{name}:one", lanes=["sync"], dimensions=Dimensions(native=2))

@hookimpl
def embedlane_routes():
    return [Route(provider="{name}", models=["{name}:one"], lane="sync", factory="acme.sdk:open")]
"""
#: A plugin's module, and what is to be said of it.
FAULTS = {
    "no-such-module": (None, "its import failed: ModuleNotFoundError: No module named 'no_such_module'"),
    "import-error": (
        "import a_sdk_that_nobody_has",
        "its import failed: ModuleNotFoundError: No module named",
    ),
    "syntax-error": ("def :", "its import failed: SyntaxError"),
    "exits": ("import sys; sys.exit(3)", "its import failed: SystemExit: 3"),
    "misspelt": (
        "@hookimpl\ndef embedlane_model(): ...",
        "it implements embedlane_model, and there is no such hook; the hooks are embedlane_cli, ",
    ),
    "unmarked": ("def embedlane_models(): ...", "embedlane_models is not marked with @hookimpl"),
    "no-hooks": ("models = []", "it implements no hook; the hooks are embedlane_cli, "),
    "wrong-argument": (
        "@hookimpl\ndef embedlane_credential(vendor): ...",
        "its registration failed: PluginValidationError",
    ),
    "raises": (
        "@hookimpl\ndef embedlane_models(): raise KeyError('endpoint')",
        "embedlane_models failed: KeyError: 'endpoint'",
    ),
    "stops-half-way": (
        GOOD + "    yield 1 / 0\n@hookimpl\ndef embedlane_models():\n"
        "    yield ModelCard(id='x:y', lanes=['sync'], dimensions=Dimensions(native=2))\n    1 / 0",
        "embedlane_models failed: ZeroDivisionError: division by zero",
    ),
    "exits-late": (
        "import sys\n@hookimpl\ndef embedlane_routes(): sys.exit(4)",
        "embedlane_routes failed: SystemExit: 4",
    ),
    "wrong-type": (
        "@hookimpl\ndef embedlane_models(): return ['acme:one']",
        "embedlane_models returned 'acme:one' where a Card is expected",
    ),
    "no-list": (
        "@hookimpl\ndef embedlane_models(): return 3",
        "embedlane_models failed: TypeError: 'int' object is not iterable",
    ),
    "wrong-value": (
        "@hookimpl\ndef embedlane_routes(): yield Route(provider='A', models=[], lane='sync', factory='a:b')",
        "embedlane_routes failed: ValueError: provider 'A' is not made of",
    ),
}
#: Prints what was found: run with a list of names, or null.
DISCOVER = """
import json, sys
from embedlane.plugin.discovery import discover
from embedlane.plugin.selection import PluginSelection
names = json.loads(sys.argv[1])
plugins = discover(None if names is None else PluginSelection.parse(names, "a test"))
declared = plugins.declarations()
print(json.dumps({
    "loaded": {p.name: [p.distribution, p.version, p.hooks] for p in plugins.loaded},
    "refused": {p.name: p.reason for p in plugins.broken},
    "broken": {p.name: [p.distribution, p.version, p.reason] for p in declared.broken},
    "disabled": plugins.disabled,
    "models": {owner: [str(card.id) for card in cards] for owner, cards in declared.models},
    "routes": {owner: [route.provider for route in routes] for owner, routes in declared.routes},
}))
"""


def install(folder, name, source=GOOD, *, entry=None, module=None, version="1.0", metadata=True):
    """Put a distribution into *folder*, as an installer would."""
    module = module or name.replace("-", "_")
    if source is not None:
        (folder / f"{module}.py").write_text(HEAD + source.replace("{name}", name))
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    if metadata:
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "entry_points.txt").write_text(f"[embedlane]\n{entry or name} = {module}\n")


def python(folder, code, *arguments, cwd=None, **variables):
    """Run *code* where the distributions of *folder* are installed; return what it printed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("EMBEDLANE_")}
    path = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=environment | {"PYTHONPATH": path} | variables,
        cwd=cwd or folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def discover(folder, names=None):
    return python(folder, DISCOVER, json.dumps(names))


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What discovery finds when every kind of broken plugin is installed among good ones."""
    folder = tmp_path_factory.mktemp("site")
    for name, (source, _) in FAULTS.items():
        install(folder, name, source, version="0.9")
    for name in ("a-good-one", "zz-good-one"):
        install(folder, name)
    return discover(folder)


@pytest.mark.parametrize("name", FAULTS)
def test_a_broken_plugin_is_reported_with_its_distribution_and_the_reason(found, name):
    """Name, distribution, version and what is wrong; it declares nothing, not even half."""
    distribution, version, reason = found["broken"][name]
    assert (distribution, version) == (name, "0.9")
    assert reason.startswith(FAULTS[name][1])
    assert name not in found["models"] | found["routes"]


@pytest.mark.parametrize("name", ["a-good-one", "zz-good-one"])
def test_good_plugins_work_beside_broken_ones(found, name):
    """Those that come before and those that come after all broken ones."""
    assert found["loaded"][name] == [name, "1.0", ["embedlane_models", "embedlane_routes"]]
    assert found["models"][name] == [f"{name}:one"]
    assert found["routes"][name] == [name]
    assert name not in found["broken"]


def test_what_fails_at_import_is_not_asked_for_declarations(found):
    """A plugin is either loaded or refused, and a loaded one is broken only by its declarations."""
    assert not set(found["loaded"]) & set(found["refused"])
    assert {"raises", "stops-half-way", "wrong-type"} <= set(found["loaded"])


def test_two_distributions_under_one_name_are_both_left_out(tmp_path):
    """The order of installation must not choose; the report names both owners and their versions."""
    install(tmp_path, "one", entry="same", version="1.0")
    install(tmp_path, "two", entry="same", version="2.0")
    install(tmp_path, "other")
    found = discover(tmp_path)
    assert found["broken"]["same"] == [
        "one, two",
        "1.0, 2.0",
        "the name is taken by several distributions: one, two; uninstall all but one",
    ]
    assert "same" not in found["loaded"]
    assert found["models"]["other"] == ["other:one"]


def test_one_module_under_two_names_is_loaded_once(tmp_path):
    """The second is refused; the first goes on declaring."""
    install(tmp_path, "one", module="shared")
    install(tmp_path, "two", None, module="shared")
    found = discover(tmp_path)
    assert found["broken"] == {"two": ["two", "1.0", "it is the same module as plugin one"]}
    assert found["models"]["one"] == ["one:one"]


def test_a_distribution_that_was_removed_by_half_stops_nothing(tmp_path):
    """Entry points without metadata, as an interrupted uninstall leaves them, have an unknown owner."""
    install(tmp_path, "half", None, metadata=False)
    install(tmp_path, "other")
    found = discover(tmp_path)
    assert found["broken"]["half"][2].startswith("its import failed: ModuleNotFoundError")
    assert found["models"]["other"] == ["other:one"]


def test_a_selection_keeps_other_plugins_from_being_imported(tmp_path):
    """What isn't wanted is listed as disabled, and its code isn't run."""
    install(tmp_path, "good")
    install(tmp_path, "bad", "raise SystemExit")
    ours = {entry.name for entry in entry_points(group="embedlane")}
    for names in (["good"], ["-bad", *(f"-{name}" for name in ours)]):
        found = discover(tmp_path, names)
        assert list(found["loaded"]) == ["good"]
        assert found["broken"] == {}
        assert "bad" in found["disabled"]
    assert discover(tmp_path, [])["loaded"] == {}


def test_a_plugin_that_is_asked_for_has_to_be_installed(tmp_path):
    """A slip in a name is reported instead of loading nothing in silence; leaving it out is no fault."""
    install(tmp_path, "good")
    found = discover(tmp_path, ["good", "gould"])
    assert list(found["loaded"]) == ["good"]
    assert found["broken"]["gould"][2] == (
        "it is asked for, and no installed distribution has a plugin of that name"
    )
    assert "gould" not in discover(tmp_path, ["-gould"])["broken"]


WORKSPACE = """
import json
from embedlane.workspace.workspace import Workspace
with Workspace.open() as workspace:
    print(json.dumps(sorted(plugin.name for plugin in workspace.plugins.loaded)))
"""


@pytest.mark.parametrize(
    ("file", "variable", "loaded"),
    [
        ('plugins = ["-one", "-minilm"]', None, {"two"}),
        ('plugins = ["one"]', "two, minilm", {"minilm", "two"}),
    ],
)
def test_configuration_and_environment_choose_the_plugins(tmp_path, file, variable, loaded):
    """By name or by exception; the variable stands above the file."""
    install(tmp_path, "one")
    install(tmp_path, "two")
    (tmp_path / "embedlane.toml").write_text(file)
    variables = {} if variable is None else {"EMBEDLANE_PLUGINS": variable}
    names = python(tmp_path, WORKSPACE, **variables)
    assert set(names) & {"one", "two", "minilm"} == loaded


CREDENTIAL = """
import json, sys
from embedlane.errors import EmbedlaneError
from embedlane.plugin.discovery import discover
try:
    print(json.dumps(discover().credential(sys.argv[1])))
except EmbedlaneError as error:
    print(json.dumps([type(error).__name__, str(error)]))
"""


def credential(tmp_path, answer, provider="acme"):
    head = (
        "from embedlane.errors import CredentialError\n@hookimpl\ndef embedlane_credential(provider):\n    "
    )
    install(tmp_path, "vault", head + answer)
    return python(tmp_path, CREDENTIAL, provider)


def test_the_first_secret_that_a_plugin_finds_is_used(tmp_path):
    """The hook gets the provider's id; a plugin without an answer leaves it to others."""
    install(tmp_path, "ignorant", "@hookimpl\ndef embedlane_credential(): return None")
    assert credential(tmp_path, "return 's3cret' if provider == 'acme' else None") == "s3cret"
    assert python(tmp_path, CREDENTIAL, "other") is None


@pytest.mark.parametrize(
    ("answer", "kind", "message"),
    [
        ("raise OSError('no keyring')", "PluginError", "provider 'acme' failed: OSError: no keyring"),
        ("return b's3cret'", "PluginError", "provider 'acme' returned a bytes, not a text"),
        ("raise CredentialError('Locked.', 'Unlock.')", "CredentialError", "Locked. Unlock."),
    ],
)
def test_a_plugin_that_fails_to_find_a_secret_is_named(tmp_path, answer, kind, message):
    """The error names the plugin and how to leave it out, and never shows what was found."""
    found, text = credential(tmp_path, answer)
    assert found == kind
    assert message in text
    assert "s3cret" not in text
    if kind == "PluginError":
        assert "implemented by vault. Leave a plugin out with EMBEDLANE_PLUGINS=-vault." in text


def test_the_hooks_are_those_that_the_design_names():
    """Adding or renaming a hook is a change of the public interface."""
    assert hook_names() == (
        "embedlane_cli",
        "embedlane_credential",
        "embedlane_enrichers",
        "embedlane_models",
        "embedlane_routes",
    )
