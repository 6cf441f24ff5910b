"""A plugin from outside: its entry point, its distribution, its neighbours, and what its import costs.

What is installed is looked up once: it does not change while tests run.
"""

from __future__ import annotations

import functools
import json
import os
import re
import subprocess
import sys
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING

from embedlane.plugin.discovery import discover
from embedlane.plugin.hookspecs import PROJECT
from embedlane.plugin.selection import PluginSelection

if TYPE_CHECKING:
    from types import ModuleType

    from embedlane.plugin.discovery import Declarations

#: The name at the start of a requirement (PEP 508).
_NAME = re.compile(r"^[\w.-]+")
#: Imports what every plugin may import, then the plugin, and asks it for its declarations.
_CODE = """
import importlib, json, sys
import embedlane.plugin
before = set(sys.modules)
module = importlib.import_module({module!r})
for hook in ("embedlane_models", "embedlane_routes"):
    list(getattr(module, hook, tuple)())
print(json.dumps(sorted(set(sys.modules) - before)))
"""


@functools.cache
def entry_point_of(plugin: ModuleType) -> EntryPoint | None:
    """The installed entry point that leads to *plugin*."""
    found = (entry for entry in entry_points(group=PROJECT) if entry.value == plugin.__name__)
    return next(found, None)


@functools.cache
def declared_by_others(plugin: ModuleType) -> Declarations:
    """What all installed plugins but *plugin* declare."""
    entry = entry_point_of(plugin)
    others = PluginSelection(without=frozenset({entry.name} if entry else ()))
    return discover(others).declarations()


def requirements_of(entry: EntryPoint | None) -> list[str]:
    """What the distribution of *entry* needs beside the core, its extras left out."""
    stated = (entry.dist.requires or []) if entry is not None and entry.dist is not None else []
    return [text for text in stated if "extra ==" not in text and _NAME.findall(text)[0] != PROJECT]


def foreign_imports(plugin: ModuleType) -> list[str]:
    """Packages of others that are loaded, in a process of its own, to ask *plugin* for its declarations.

    Raises:
        RuntimeError: If the process fails, with what it wrote.
    """
    done = subprocess.run(  # noqa: S603 -- our own code, with the author's module in it
        [sys.executable, "-c", _CODE.format(module=plugin.__name__)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr.strip())
    loaded = {name.partition(".")[0] for name in json.loads(done.stdout.splitlines()[-1])}
    own = plugin.__name__.partition(".")[0]
    return sorted(loaded - sys.stdlib_module_names - {own})
