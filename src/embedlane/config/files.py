"""Finding the configuration, and reading its table without judging it. Light: it imports no library."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any

from embedlane.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

#: Names of the two files, in the order in which a folder is searched for them.
FILE, PYPROJECT = "embedlane.toml", "pyproject.toml"
#: The head of a table of ours in pyproject.toml.
_HEAD = re.compile(rb"^\s*\[\s*tool\s*\.\s*embedlane\s*[\].]", re.MULTILINE)


def find_config(start: Path) -> Path | None:
    """The nearest configuration in *start* or above it; None if there is none."""
    for folder in (start, *start.parents):
        if (folder / FILE).is_file():
            return folder / FILE
        project = folder / PYPROJECT
        if project.is_file() and _HEAD.search(project.read_bytes()):
            return project
    return None


def read_table(path: Path) -> dict[str, Any]:
    """The table of embedlane in the file *path*.

    Raises:
        ConfigError: If the file can't be read or is no TOML; names the line.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"The configuration {path} can't be read: {error.strerror}.", "`embedlane init` writes one."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}.", "Mend that line.") from error
    if path.name != PYPROJECT:
        return table
    # A file without our table is legal: EMBEDLANE_CONFIG may name it.
    tools = table.get("tool", {})
    found = tools.get("embedlane", {}) if isinstance(tools, dict) else {}
    if not isinstance(found, dict):
        raise ConfigError(f"{path}: tool.embedlane: expected a table, not {found!r}.")
    return found
