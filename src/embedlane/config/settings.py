"""The configuration: ``embedlane.toml`` or ``[tool.embedlane]`` in ``pyproject.toml``, and ``EMBEDLANE_*``.

The file is found by walking up from the working directory. A variable of the environment stands above the
file, a call's argument above both. Secrets are never in it: it names the variables that hold them.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import attrs

from embedlane.config.files import find_config, read_table
from embedlane.errors import ConfigError
from embedlane.ledger.server import SCHEMES, Server
from embedlane.models.loading import CardEntry, load_entries
from embedlane.models.names import ModelId
from embedlane.models.structuring import structure
from embedlane.text.cutting import ChunkRule, TooLong, Unit

#: Where the ledger is when nothing is said, below the folder of the configuration.
DEFAULT_LEDGER = ".embedlane/lane.db"
_PREFIX = "EMBEDLANE_"
_LEDGER = f"{_PREFIX}LEDGER"


@attrs.frozen(kw_only=True)
class IndexConfig:
    """``[indexes.NAME]``: what an index is made with; later it must agree with what the index is bound to."""

    #: The model.
    model: ModelId
    #: Size of the vectors; None for the model's native size.
    dimensions: int | None = attrs.field(
        default=None, validator=attrs.validators.optional(attrs.validators.gt(0))
    )
    #: Size of a chunk of running text; 0 for no cutting, None for the smaller of 512 and the model's limit.
    chunk_size: int | None = None
    #: How much of a chunk is repeated in the next, in the same unit.
    chunk_overlap: int = 0
    #: What sizes count.
    chunk_unit: Unit = attrs.field(default=Unit.TOKENS)
    #: What happens to an input over the model's token limit.
    on_too_long: TooLong = TooLong.ERROR

    @chunk_unit.validator
    def _check_chunks(self, _attribute: attrs.Attribute[Unit], unit: Unit) -> None:
        # Here, where an error gets the path of the table.
        ChunkRule(size=self.chunk_size, overlap=self.chunk_overlap, unit=unit)


@attrs.frozen(kw_only=True)
class RouteChoice:
    """``[routes."publisher:model"]``: the provider for each lane; empty for the best that is installed."""

    #: The provider of the sync lane.
    sync: str = ""
    #: The provider of the batch lane.
    batch: str = ""


@attrs.frozen(kw_only=True)
class _File:
    """The keys of the file."""

    ledger: str = DEFAULT_LEDGER
    plugins: tuple[str, ...] | None = None
    canaries: bool = True
    indexes: Mapping[str, IndexConfig] = attrs.field(factory=dict)
    routes: Mapping[ModelId, RouteChoice] = attrs.field(factory=dict)
    providers: Mapping[str, dict[str, Any]] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class Config:
    """All settings."""

    #: The folder that relative paths and item ids start from.
    root: Path
    #: The file that was read; None if there was none.
    file: Path | None = None
    #: Where the ledger is: a file, or a database of a server.
    ledger: Path | Server
    #: Which plugins to load, as in `PluginSelection.parse`; None for all.
    plugins: tuple[str, ...] | None = None
    #: Whether jobs and runs carry texts whose vectors are known, to notice a model that has changed.
    canaries: bool = True
    #: Indexes by name.
    indexes: Mapping[str, IndexConfig] = MappingProxyType({})
    #: Routes by model.
    routes: Mapping[ModelId, RouteChoice] = MappingProxyType({})
    #: Tables of the providers by their id.
    providers: Mapping[str, Mapping[str, Any]] = MappingProxyType({})
    #: Cards that the user adds, of models that embed and of those that generate.
    models: tuple[CardEntry, ...] = ()

    @property
    def directory(self) -> Path:
        """The folder of batch files and of what providers keep: beside the ledger, if that is a file."""
        home = self.ledger if isinstance(self.ledger, Path) else self.root / DEFAULT_LEDGER
        return home.parent

    @property
    def place(self) -> str:
        """What errors call the configuration."""
        return str(self.file) if self.file else "the defaults"


def load_config(
    start: Path | None = None,
    *,
    file: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Config:
    """Find and read the configuration.

    Args:
        start: The folder to walk up from; None for the working directory.
        file: Read this file instead of looking for one.
        environment: Variables; None for those of the process.

    Raises:
        ConfigError: If a file is missing or malformed, or a key is unknown or has a wrong value. The message
            names the file and the path of the key.
    """
    variables = os.environ if environment is None else environment
    named = file or (Path(variables["EMBEDLANE_CONFIG"]) if variables.get("EMBEDLANE_CONFIG") else None)
    start = (start or Path.cwd()).absolute()
    if not start.is_dir():
        raise ConfigError(f"There is no folder {start} to look for a configuration in.", "Correct the path.")
    path = named.absolute() if named else find_config(start)
    raw = read_table(path) if path else {}
    place = str(path) if path else "the environment"
    merged = _with_environment(raw, variables)
    cards = {key: merged.pop(key, []) for key in ("models", "generators")}
    settings = structure(merged, _File, place)
    root = path.parent if path else start
    return Config(
        root=root,
        file=path,
        ledger=read_ledger(settings.ledger, root, f"{_LEDGER if _LEDGER in variables else place}: ledger"),
        plugins=settings.plugins,
        canaries=settings.canaries,
        indexes=settings.indexes,
        routes=settings.routes,
        providers=settings.providers,
        models=load_entries(cards, place),
    )


def _with_environment(raw: Mapping[str, Any], variables: Mapping[str, str]) -> dict[str, Any]:
    """Lay the variables of the environment over *raw*."""
    merged = dict(raw)
    for name in sorted(variables):
        if not name.startswith(_PREFIX) or name == "EMBEDLANE_CONFIG":
            continue
        value, words = variables[name], name.removeprefix(_PREFIX).split("__")
        match words:
            case ["LEDGER"]:
                merged["ledger"] = value
            case ["CANARIES"]:
                merged["canaries"] = _toml_value(value)
            case ["PLUGINS"]:
                merged["plugins"] = [part for part in value.split(",") if part.strip()]
            case ["PROVIDERS", provider, key] if provider and key:
                provider = provider.lower().replace("_", "-")
                merged["providers"] = _with_key(
                    merged.get("providers", {}), provider, key.lower(), _toml_value(value)
                )
            case _:
                raise ConfigError(
                    f"The variable {name} sets nothing.",
                    "Use EMBEDLANE_CONFIG, EMBEDLANE_LEDGER, EMBEDLANE_PLUGINS, EMBEDLANE_CANARIES, or "
                    "EMBEDLANE_PROVIDERS__NAME__KEY.",
                )
    return merged


def _with_key(providers: Any, provider: str, key: str, value: Any) -> Any:
    """*providers* with one more key; what is no table is left as it is, to be refused with its path."""
    if not isinstance(providers, Mapping) or not isinstance(providers.get(provider, {}), Mapping):
        return providers
    return {**providers, provider: {**providers.get(provider, {}), key: value}}


def _toml_value(text: str) -> Any:
    """A number or a truth value where *text* is one, the text itself elsewhere."""
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
    return value if isinstance(value, (bool, int, float)) else text


def read_ledger(text: str, folder: Path, place: str) -> Path | Server:
    """Read where the ledger is.

    Args:
        text: A path, or the address of a database.
        folder: What a relative path starts from.
        place: Where it was said, for errors.

    Raises:
        ConfigError: If it is neither.
    """
    scheme, found, rest = text.partition("://")
    if not text.strip():
        raise ConfigError(f"{place}: it is empty.", f"Leave it out for {DEFAULT_LEDGER}.")
    if not found:
        return folder / Path(text).expanduser()
    if scheme not in SCHEMES:
        raise ConfigError(
            f"{place}: {scheme}:// is not supported.",
            "Name a file for SQLite, such as .embedlane/lane.db, or postgresql://user@host/database.",
        )
    if rest.count("@") > 1:
        # What follows the first one would be taken for the host, and shown.
        raise ConfigError(f"{place}: it has more than one @.", "Write %40 for those in a user or a password.")
    return Server(text)
