"""Reading cards from TOML, with errors that say which key of which file is wrong.

A file of cards is a list of ``[[models]]`` tables whose keys are the fields of `ModelCard`. This module
imports cattrs, which costs some 60 ms: import it only where a registry or a configuration is read.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib.resources import files

import attrs

from embedlane.errors import ConfigError
from embedlane.models.card import ModelCard
from embedlane.models.known import KnownPlugin
from embedlane.models.structuring import structure

#: The owner of the cards that come with the core.
SHIPPED = "embedlane"
_HINT = "`embedlane models show local:hash --json` prints a whole card, with all keys."


@attrs.frozen
class CardEntry:
    """A card as a configuration states it."""

    #: The card.
    card: ModelCard
    #: Whether it takes the place of all other cards of that model.
    override: bool = False


def load_cards(source: bytes | Mapping[str, object], owner: str) -> tuple[ModelCard, ...]:
    """Read the cards of a TOML text, or of a table that was read from one.

    Args:
        source: TOML in UTF-8, or a mapping; only the key ``models`` may be in it.
        owner: Who states the cards: a file or a plugin. Errors begin with it.

    Raises:
        ConfigError: If it is no TOML, or a key is missing, unknown or of the wrong type or value.
    """
    return structure(_table(source, owner), _CardFile, owner, _HINT).models


def load_entries(source: Mapping[str, object], owner: str) -> tuple[CardEntry, ...]:
    """Read the cards of a configuration, where a card may also say ``override = true``.

    Raises:
        ConfigError: As `load_cards`.
    """
    models = source.get("models", ())
    # Whatever is no list or no table is left to load_cards to refuse.
    tables = list(models) if isinstance(models, (list, tuple)) else []
    flags = [_override(table, f"{owner}: models[{index}]") for index, table in enumerate(tables)]
    plain = [_without_override(table) for table in tables] or models
    cards = load_cards({**source, "models": plain}, owner)
    return tuple(CardEntry(card, flag) for card, flag in zip(cards, flags, strict=True))


def shipped_cards() -> tuple[ModelCard, ...]:
    """The cards that come with the core."""
    found = sorted(files("embedlane.models.cards").iterdir(), key=lambda file: file.name)
    tables = [(file.read_bytes(), f"{SHIPPED} {file.name}") for file in found if file.name.endswith(".toml")]
    return tuple(card for table, owner in tables for card in load_cards(table, owner))


def known_plugins() -> tuple[KnownPlugin, ...]:
    """The distributions that an error may advise to install."""
    owner = f"{SHIPPED} plugins.toml"
    return structure(_table(_data("plugins.toml"), owner), _PluginFile, owner).plugins


def example_configuration() -> str:
    """A configuration whose every line is explained, as ``embedlane init`` writes it."""
    return _data("embedlane.toml").decode()


@attrs.frozen
class _CardFile:
    models: tuple[ModelCard, ...] = ()


@attrs.frozen
class _PluginFile:
    plugins: tuple[KnownPlugin, ...] = ()


def _data(name: str) -> bytes:
    return files("embedlane.models.data").joinpath(name).read_bytes()


def _table(source: bytes | Mapping[str, object], owner: str) -> Mapping[str, object]:
    if isinstance(source, Mapping):
        return source
    try:
        return tomllib.loads(source.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{owner}: not TOML: {error}") from error


def _without_override(model: object) -> object:
    if not isinstance(model, Mapping):
        return model
    return {key: value for key, value in model.items() if key != "override"}


def _override(model: object, place: str) -> bool:
    flag = model.get("override", False) if isinstance(model, Mapping) else False
    if not isinstance(flag, bool):
        raise ConfigError(f"{place}.override: expected true or false, not {flag!r}.")
    return flag
