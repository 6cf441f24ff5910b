"""The shape of the code: sizes, imports, exported names and docstrings.

Layers and cycles are import-linter's, style is ruff's; here is what neither of them can say.
"""

import ast
import functools
import importlib
import itertools
import re
import statistics
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
CORE = sorted((ROOT / "src").rglob("*.py"))
PLUGINS = sorted(path for path in (ROOT / "plugins").glob("*/src/**/*.py"))
MODULES = [*CORE, *PLUGINS]
#: A migration is a frozen list of statements with alembic's two functions, as long as its tables are many.
WRITTEN = [path for path in MODULES if path.parent.name != "versions"]
PROJECTS = [ROOT / "pyproject.toml", *sorted((ROOT / "plugins").glob("*/pyproject.toml"))]
OWN = {"embedlane", *(path.name for path in (ROOT / "plugins").glob("*/src/*") if path.is_dir())}
#: Packages whose `__init__` is a table of contents; all others hold a docstring only.
CONTENTS = ("embedlane", "embedlane.plugin", "embedlane.testing")
#: Modules of plugins that a host loads at its start; what is heavy is imported there when it is used.
LOADED_BY_HOSTS = {"__init__.py", "cli.py", "pytest_plugin.py"}
#: Imports of the core's own packages inside a function: where, and of what.
LATE = {("src/embedlane/ledger/database.py", "embedlane.ledger.migrations.upgrade")}
SDKS = {
    "google",
    "openai",
    "onnx",
    "onnxruntime",
    "safetensors",
    "sentence_transformers",
    "tokenizers",
    "torch",
}


def place(path):
    return path.relative_to(ROOT).as_posix()


@functools.cache
def parsed(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def functions(tree):
    return [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]


def imports(tree):
    """Each import with the module that it is from, or all that it names."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node, node.module or "."


def init_of(package):
    return ROOT / "src" / Path(*package.split(".")) / "__init__.py"


def contents():
    """The tables of contents that there are."""
    return [package for package in CONTENTS if init_of(package).exists()]


def is_docstring(node):
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def test_no_module_is_long():
    """At most 400 lines, and half of all modules at most 120."""
    lengths = {place(path): len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}
    assert {name: length for name, length in lengths.items() if length > 400} == {}
    assert statistics.median(lengths.values()) <= 120


def test_no_function_is_long():
    """At most 60 lines, docstring included, and 19 of 20 at most 40."""
    lengths = {
        f"{place(path)}:{function.lineno} {function.name}": function.end_lineno - function.lineno + 1
        for path in WRITTEN
        for function in functions(parsed(path))
    }
    assert {name: length for name, length in lengths.items() if length > 60} == {}
    assert statistics.quantiles(lengths.values(), n=20)[-1] <= 40


def test_packages_hold_no_code():
    """The `__init__` of a package is a docstring, unless it is a table of contents."""
    allowed = {init_of(package) for package in CONTENTS}
    wrong = [
        place(path)
        for path in CORE
        if path.name == "__init__.py"
        and path not in allowed
        and not (len(parsed(path).body) == 1 and is_docstring(parsed(path).body[0]))
    ]
    assert wrong == []


@pytest.mark.parametrize("package", contents())
def test_a_table_of_contents_only_lists(package):
    """A docstring, imports, and the list of names; the root's is lazy, and made by a call."""
    docstring, *body = parsed(init_of(package)).body
    assert is_docstring(docstring)
    others = [node for node in body if not isinstance(node, (ast.Import, ast.ImportFrom))]
    assert [type(node) for node in others] == [ast.Assign]


@pytest.mark.parametrize("package", contents())
def test_public_names_are_sorted_complete_and_importable(package):
    """`__all__` has every name that is imported for it, once, and each can be had."""
    init = init_of(package)
    source = init.with_suffix(".pyi") if init.with_suffix(".pyi").exists() else init
    tree = parsed(source)
    imported = {
        alias.asname or alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    [stated] = [ast.literal_eval(node.value) for node in tree.body if isinstance(node, ast.Assign)]
    module = importlib.import_module(package)
    assert stated == sorted(imported)
    assert sorted(module.__all__) == stated
    assert {name for name in stated if getattr(module, name, None) is None} == set()
    assert set(stated) <= set(dir(module))


def test_an_unknown_public_name_is_an_attribute_error():
    """The lazy root fails like any module."""
    with pytest.raises(AttributeError, match="Embeder"):
        importlib.import_module("embedlane").Embeder  # noqa: B018


def test_plugin_authors_find_all_that_the_interfaces_name():
    """Values, and the errors that an implementation may raise, are exported by `embedlane.plugin`."""
    tree = parsed(ROOT / "src/embedlane/providers/interfaces.py")
    named = {
        line.strip().partition(":")[0]
        for function in functions(tree)
        for line in (ast.get_docstring(function) or "").partition("Raises:")[2].splitlines()
        if line.strip().partition(":")[0].endswith("Error")
    }
    named |= {
        alias.name
        for node, module in imports(tree)
        if module.startswith("embedlane.")
        for alias in node.names
    }
    assert {"TransientError", "CreateAmbiguousError", "RowResult"} <= named
    assert named - set(importlib.import_module("embedlane.plugin").__all__) == set()


def test_nothing_inside_imports_the_root():
    """The table of contents is for users; inside, a name comes from the module that defines it."""
    wrong = [place(path) for path in CORE for _, module in imports(parsed(path)) if module == "embedlane"]
    assert wrong == []


def test_imports_of_our_own_packages_stand_at_the_top():
    """Layers are only seen where imports are; the exceptions give their reason in a comment."""
    late = {
        (place(path), module, node.lineno)
        for path in MODULES
        if path in CORE or path.name not in LOADED_BY_HOSTS
        for function in functions(parsed(path))
        for node, module in imports(function)
        if module.split(".")[0] in OWN or getattr(node, "level", 0)
    }
    assert {(name, module) for name, module, _ in late} == LATE
    for name, _, line in late:
        assert (ROOT / name).read_text(encoding="utf-8").splitlines()[line - 2].strip().startswith("# ")


def test_the_core_knows_no_providers_sdk():
    """An SDK sits behind the import string of a plugin's route."""
    wrong = [
        (place(path), module)
        for path in CORE
        for _, module in imports(parsed(path))
        if module.split(".")[0] in SDKS
    ]
    assert wrong == []


@pytest.mark.parametrize("project", PROJECTS, ids=lambda path: path.parent.name)
def test_a_distribution_declares_what_it_imports(project):
    """Not what another's dependencies happen to bring; what only an extra has counts, too."""
    table = tomllib.loads(project.read_text(encoding="utf-8"))["project"]
    extras = table.get("optional-dependencies", {}).values()
    declared = {
        canonicalize_name(Requirement(text).name) for text in itertools.chain(table["dependencies"], *extras)
    }
    used = {
        module.split(".")[0]
        for path in (project.parent / "src").rglob("*.py")
        for node, module in imports(parsed(path))
        if not getattr(node, "level", 0)
    }
    owners = packages_distributions()
    outside = used - sys.stdlib_module_names - {path.name for path in (project.parent / "src").iterdir()}
    missing = {
        module
        for module in outside
        if declared.isdisjoint(canonicalize_name(owner) for owner in owners.get(module, [module]))
    }
    assert missing == set()


def undocumented(body, prefix=""):
    """Public classes, functions and methods without a docstring."""
    for node in body:
        if not isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        if node.name.startswith("_"):
            continue
        if ast.get_docstring(node) is None:
            yield prefix + node.name
        if isinstance(node, ast.ClassDef):
            yield from undocumented(node.body, f"{prefix}{node.name}.")


@pytest.mark.parametrize("path", WRITTEN, ids=place)
def test_everything_public_is_documented(path):
    """The module, and each public class, function and method in it, has a docstring."""
    assert ast.get_docstring(parsed(path))
    assert list(undocumented(parsed(path).body)) == []


PROVIDERS = re.compile(
    r"gemini|google|openai|minilm|vertex|cohere\b|voyage|mistral|bedrock|ollama|vllm", re.IGNORECASE
)


def test_no_provider_is_named_in_the_core_but_in_the_registrys_data():
    """The core knows what models can do from data alone; a name in its code would be a special case."""
    code = [path for path in (ROOT / "src").rglob("*") if path.is_file() and path.suffix != ".pyc"]
    data = {ROOT / "src/embedlane/models/cards", ROOT / "src/embedlane/models/data"}
    named = {
        place(path): sorted(set(PROVIDERS.findall(path.read_text(encoding="utf-8"))))
        for path in code
        if path.parent not in data and PROVIDERS.search(path.read_text(encoding="utf-8"))
    }
    assert named == {}
