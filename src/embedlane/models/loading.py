"""Reading cards from TOML, with errors that say which key of which file is wrong.

A file of cards is a list of ``[[models]]`` tables whose keys are the fields of `ModelCard`, and of
``[[generators]]`` tables whose keys are those of `GenerationCard`. This module imports cattrs, which costs
some 60 ms: import it only where a registry or a configuration is read.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from importlib.resources import files

import attrs

from embedlane.errors import ConfigError
from embedlane.models.card import Card, GenerationCard, ModelCard
from embedlane.models.known import KnownPlugin
from embedlane.models.structuring import structure

#: The owner of the cards that come with the core.
SHIPPED = "embedlane"
_HINT = "`embedlane models show local:hash --json` prints a whole card, with all keys."


@attrs.frozen
class CardEntry:
    """A card as a configuration states it."""

    #: The card.
    card: Card
    #: Whether it takes the place of all other cards of that model.
    override: bool = False


def load_cards(source: bytes | Mapping[str, object], owner: str) -> tuple[ModelCard, ...]:
    """Read the cards of models that embed, of a TOML text, or of a table that was read from one.

    Args:
        source: TOML in UTF-8, or a mapping; only the keys ``models`` and ``generators`` may be in it.
        owner: Who states the cards: a file or a plugin. Errors begin with it.

    Raises:
        ConfigError: If it is no TOML, or a key is missing, unknown or of the wrong type or value.
    """
    return _read(source, owner).models


def load_generators(source: bytes | Mapping[str, object], owner: str) -> tuple[GenerationCard, ...]:
    """Read the cards of models that generate. Takes and raises what `load_cards` does."""
    return _read(source, owner).generators


def load_entries(source: Mapping[str, object], owner: str) -> tuple[CardEntry, ...]:
    """Read the cards of a configuration, where a card may also say ``override = true``.

    Raises:
        ConfigError: As `load_cards`.
    """
    flags: list[bool] = []
    plain: dict[str, object] = dict(source)
    for key in ("models", "generators"):
        listed = source.get(key, ())
        # Whatever is no list or no table is left to the reading of cards to refuse.
        tables = list(listed) if isinstance(listed, (list, tuple)) else []
        flags += [_override(table, f"{owner}: {key}[{index}]") for index, table in enumerate(tables)]
        plain[key] = [_without_override(table) for table in tables] or listed
    read = _read(plain, owner)
    cards: tuple[Card, ...] = (*read.models, *read.generators)
    return tuple(CardEntry(card, flag) for card, flag in zip(cards, flags, strict=True))


def shipped_cards() -> tuple[ModelCard, ...]:
    """The cards of models that embed that come with the core."""
    return tuple(card for read in _shipped() for card in read.models)


def shipped_generators() -> tuple[GenerationCard, ...]:
    """The cards of models that generate that come with the core."""
    return tuple(card for read in _shipped() for card in read.generators)


def all_shipped() -> tuple[Card, ...]:
    """All cards that come with the core."""
    return tuple(card for read in _shipped() for card in (*read.models, *read.generators))


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
    generators: tuple[GenerationCard, ...] = ()


@attrs.frozen
class _PluginFile:
    plugins: tuple[KnownPlugin, ...] = ()


def _read(source: bytes | Mapping[str, object], owner: str) -> _CardFile:
    return structure(_table(source, owner), _CardFile, owner, _HINT)


def _shipped() -> Iterator[_CardFile]:
    for file in sorted(files("embedlane.models.cards").iterdir(), key=lambda file: file.name):
        if file.name.endswith(".toml"):
            yield _read(file.read_bytes(), f"{SHIPPED} {file.name}")


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
